import { SpeechError } from '../../errors.ts';
import { serveParent } from '../../processes/serve-parent.ts';
import { VoiceDetector } from '../vad.ts';
import { decodeRecording, type RecordingRequest } from './decode-recording.ts';
import { loadFfmpeg } from './ffmpeg.ts';
import type { FromDecoder, ToDecoder } from './messages.ts';

/** The process that reads strangers' recordings, one after another. */
serveParent(async (_, parent) => {
  const voice = await VoiceDetector.open();
  // Ready for WAV at once; the codecs are loaded in the time until somebody comes.
  setImmediate(() => loadFfmpeg().catch(() => {}));
  const send = (message: FromDecoder): Promise<void> => parent.send(message);

  let credit = 0;
  let cancelled = false;
  let wake = (): void => {};

  const decode = async (request: RecordingRequest): Promise<void> => {
    try {
      await decodeRecording(
        request,
        voice,
        async (piece) => {
          while (credit === 0 && !cancelled) await new Promise<void>((resolve) => (wake = resolve));
          if (cancelled) return;
          credit--;
          await send({ kind: 'piece', piece });
        },
        () => cancelled,
      );
      await send({ kind: 'end' });
    } catch (thrown) {
      await send({ kind: 'end', error: SpeechError.from(thrown).toData() });
    }
  };

  return {
    ready: null,
    onMessage: (message) => {
      const asked = message as ToDecoder;
      if (asked.kind === 'decode') {
        cancelled = false;
        credit = 0;
        void decode(asked.request);
        return;
      }
      if (asked.kind === 'more') credit++;
      else cancelled = true;
      wake();
    },
  };
});
