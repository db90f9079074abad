import { SpeechError } from '../../errors.ts';
import { serveParent } from '../../processes/serve-parent.ts';
import { loadFfmpeg } from './ffmpeg.ts';
import type { FromEncoder, ToEncoder } from './messages.ts';
import { StreamEncoder } from './stream-encoder.ts';

/** The process that compresses what is spoken: all streams share it, a slice of each at a time. */
serveParent(async (_, parent) => {
  const av = await loadFfmpeg();
  warmUp();
  const streams = new Map<number, StreamEncoder>();

  function warmUp(): void {
    const silence = { pcm: new Float32Array(2400), sampleRate: 24_000 };
    for (const format of ['mp3', 'opus', 'aac', 'flac', 'm4a'] as const) {
      const encoder = new StreamEncoder(av, format, silence.sampleRate);
      encoder.write(silence);
      encoder.free();
    }
  }

  function opened(stream: number): StreamEncoder {
    const encoder = streams.get(stream);
    if (encoder === undefined) throw new Error('this stream could not be opened');
    return encoder;
  }

  function drop(stream: number): void {
    streams.get(stream)?.free();
    streams.delete(stream);
  }

  /** The answer to a message; undefined for those that need none. */
  function answer(message: ToEncoder): FromEncoder | undefined {
    const { stream } = message;
    try {
      switch (message.kind) {
        case 'open':
          streams.set(stream, new StreamEncoder(av, message.format, message.sampleRate));
          return undefined;
        case 'write':
          return { stream, bytes: opened(stream).write(message.chunk) };
        case 'end': {
          const bytes = opened(stream).end();
          drop(stream);
          return { stream, bytes };
        }
        case 'drop':
          drop(stream);
          return undefined;
      }
    } catch (thrown) {
      drop(stream);
      return { stream, error: SpeechError.from(thrown).toData() };
    }
  }

  return {
    ready: null,
    onMessage: (message) => {
      const answered = answer(message as ToEncoder);
      if (answered !== undefined) void parent.send(answered);
    },
  };
});
