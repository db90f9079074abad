import { SpeechError } from '../../errors.ts';

/** How the samples of a chunk lie in its bytes; integers, little-endian, channels interleaved. */
export interface AudioFormat {
  /** Hz. */
  rate: number;
  /** Bytes of one sample. */
  width: number;
  channels: number;
}

/** What can be resampled, in Hz. */
const MIN_RATE = 8000;
const MAX_RATE = 192_000;
const MAX_CHANNELS = 16;

/** Reads the sample at a byte position as a number in [-1, 1], by its width. WAV files' rule: one byte has no sign. */
const READERS: Readonly<Record<number, (bytes: Buffer, at: number) => number>> = {
  1: (bytes, at) => (bytes[at]! - 128) / 128,
  2: (bytes, at) => bytes.readInt16LE(at) / 32_768,
  3: (bytes, at) => bytes.readIntLE(at, 3) / 8_388_608,
  4: (bytes, at) => bytes.readInt32LE(at) / 2_147_483_648,
};

/** The format that an event tells. Throws SpeechError `unsupported_value` for one that cannot be read. */
export function audioFormat({ rate, width, channels }: Readonly<Record<string, unknown>>): AudioFormat {
  if (!Number.isInteger(rate) || (rate as number) < MIN_RATE || (rate as number) > MAX_RATE) {
    throw new SpeechError(
      'unsupported_value',
      `The rate has to be a whole number from ${MIN_RATE} to ${MAX_RATE} Hz.`,
      {
        param: 'rate',
      },
    );
  }
  if (!Number.isInteger(width) || !Object.hasOwn(READERS, width as number)) {
    throw new SpeechError('unsupported_value', 'Samples have to be 1, 2, 3 or 4 bytes wide.', { param: 'width' });
  }
  if (!Number.isInteger(channels) || (channels as number) < 1 || (channels as number) > MAX_CHANNELS) {
    throw new SpeechError('unsupported_value', `There can be 1 to ${MAX_CHANNELS} channels.`, { param: 'channels' });
  }
  return { rate: rate as number, width: width as number, channels: channels as number };
}

/** Turns the bytes of chunks, which may be cut inside a sample, into mono samples. */
export class AudioIn {
  #rest: Buffer = Buffer.alloc(0);
  #frame = '';

  read({ width, channels }: AudioFormat, bytes: Buffer): Float32Array<ArrayBuffer> {
    // Half a sample of one kind is no beginning of another kind.
    const frame = `${width}/${channels}`;
    const all = this.#frame === frame && this.#rest.length > 0 ? Buffer.concat([this.#rest, bytes]) : bytes;
    this.#frame = frame;
    const frameBytes = width * channels;
    const frames = Math.floor(all.length / frameBytes);
    this.#rest = Buffer.from(all.subarray(frames * frameBytes));
    const read = READERS[width]!;
    const pcm = new Float32Array(frames);
    for (let i = 0; i < frames; i++) {
      let sum = 0;
      for (let channel = 0; channel < channels; channel++) sum += read(all, i * frameBytes + channel * width);
      pcm[i] = sum / channels;
    }
    return pcm;
  }
}
