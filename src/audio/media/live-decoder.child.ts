import { SpeechError } from '../../errors.ts';
import { serveParent } from '../../processes/serve-parent.ts';
import type { LiveDecodeOptions } from '../contract.ts';
import { ByteQueue } from './byte-queue.ts';
import { loadFfmpeg } from './ffmpeg.ts';
import { decodeLive } from './ffmpeg-live.ts';
import type { ToLiveDecoder } from './messages.ts';
import { SoundOutlet } from './sound-outlet.ts';

/** The process that decodes one live stream of a stranger, and goes with it. */
serveParent(async (init, parent) => {
  const outlet = new SoundOutlet(
    (message) => void parent.send(message),
    () => queue.usedBytes,
  );
  const queue: ByteQueue = new ByteQueue(
    () => outlet.offer(),
    () => outlet.mark(),
  );

  async function decode(): Promise<void> {
    try {
      await decodeLive(
        await loadFfmpeg(),
        init as Pick<LiveDecodeOptions, 'container' | 'apart'>,
        queue,
        (pcm, channels) => outlet.add(pcm, channels),
      );
      await outlet.end(undefined);
    } catch (thrown) {
      await outlet.end(SpeechError.from(thrown));
    }
  }

  void decode();
  return {
    ready: null,
    onMessage: (message) => {
      const asked = message as ToLiveDecoder;
      if (asked.kind === 'bytes') queue.push(asked.bytes);
      else if (asked.kind === 'mark') queue.push('mark');
      else if (asked.kind === 'end') queue.end();
      else outlet.ask();
    },
  };
});
