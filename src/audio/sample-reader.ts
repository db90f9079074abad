import { aLawToPcm, muLawToPcm } from './g711.ts';
import { fromS16le } from './pcm.ts';

export const ENCODINGS = ['pcm_s16le', 'pcm_f32le', 'mulaw', 'alaw'] as const;
export type Encoding = (typeof ENCODINGS)[number];

const SAMPLE_BYTES: Readonly<Record<Encoding, number>> = { pcm_s16le: 2, pcm_f32le: 4, mulaw: 1, alaw: 1 };

/** Turns bytes, which may be cut anywhere, into samples; of several channels they stay interleaved. */
export class SampleReader {
  readonly #encoding: Encoding;
  readonly #frameBytes: number;
  /** The beginning of a sample whose end is still to come. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(encoding: Encoding, channels = 1) {
    this.#encoding = encoding;
    this.#frameBytes = SAMPLE_BYTES[encoding] * channels;
  }

  /** Bytes of a sample, or of a frame of all channels, that is not complete. */
  get restBytes(): number {
    return this.#rest.length;
  }

  /** The samples that these bytes complete; perhaps none. */
  read(bytes: Buffer): Float32Array {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % this.#frameBytes);
    // A copy, because a few bytes would keep the whole message in memory.
    this.#rest = Buffer.from(all.subarray(whole));
    return decode(this.#encoding, all.subarray(0, whole));
  }
}

function decode(encoding: Encoding, bytes: Buffer): Float32Array {
  switch (encoding) {
    case 'pcm_s16le':
      return fromS16le(bytes);
    case 'pcm_f32le':
      return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bounded(bytes.readFloatLE(i * 4)));
    case 'mulaw':
      return muLawToPcm(bytes);
    case 'alaw':
      return aLawToPcm(bytes);
  }
}

/** A float may be anything; a sample is not. */
function bounded(sample: number): number {
  return Number.isFinite(sample) ? Math.max(-1, Math.min(1, sample)) : 0;
}
