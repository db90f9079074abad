import { setImmediate } from 'node:timers/promises';
import type { AudioChunk } from '../contract.ts';
import { toS16le } from '../pcm.ts';
import { RateConverter } from '../rate-converter.ts';
import { wavHeader } from '../wav.ts';
import type { AudioSink } from './encoder.ts';

/** Raw PCM or WAV: cheap enough for the server's own process, as long as others get a turn between slices. */
export function pcmSink(format: 'wav' | 'pcm', sampleRate: number): AudioSink {
  const converter = new RateConverter(sampleRate);
  let started = false;
  let header = format === 'wav' ? wavHeader(sampleRate) : undefined;

  function withHeader(pcm: Float32Array): Uint8Array {
    const samples = toS16le(pcm);
    const bytes = header === undefined ? samples : Buffer.concat([header, samples]);
    header = undefined;
    return bytes;
  }

  return {
    write: async (chunk: AudioChunk) => {
      if (started) await setImmediate();
      started = true;
      return withHeader(converter.push(chunk));
    },
    end: async () => withHeader(converter.flush()),
    drop: () => {},
  };
}
