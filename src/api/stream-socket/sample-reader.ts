import { aLawToPcm, muLawToPcm } from '../../audio/g711.ts';
import { fromS16le } from '../../audio/pcm.ts';

export const ENCODINGS = ['pcm_s16le', 'pcm_f32le', 'mulaw', 'alaw'] as const;
export type Encoding = (typeof ENCODINGS)[number];

const SAMPLE_BYTES: Readonly<Record<Encoding, number>> = { pcm_s16le: 2, pcm_f32le: 4, mulaw: 1, alaw: 1 };

/** Turns bytes, which may be cut anywhere, into samples. */
export class SampleReader {
  readonly #encoding: Encoding;
  /** The beginning of a sample whose end is still to come. */
  #rest: Buffer = Buffer.alloc(0);

  constructor(encoding: Encoding) {
    this.#encoding = encoding;
  }

  /** Bytes of a sample that is not complete. */
  get restBytes(): number {
    return this.#rest.length;
  }

  /** The samples that these bytes complete; perhaps none. */
  read(bytes: Buffer): Float32Array {
    const all = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const whole = all.length - (all.length % SAMPLE_BYTES[this.#encoding]);
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
      return Float32Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(i * 4));
    case 'mulaw':
      return muLawToPcm(bytes);
    case 'alaw':
      return aLawToPcm(bytes);
  }
}
