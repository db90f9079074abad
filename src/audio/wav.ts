import { SpeechError } from '../errors.ts';
import { A_LAW_SAMPLES, MU_LAW_SAMPLES } from './g711.ts';
import { MAX_SAMPLE_RATE, MIN_SAMPLE_RATE } from './resample.ts';

const UNKNOWN_SIZE = 0xffff_ffff;
/** Sizes from here on mean "to the end": programs that stream write 0xFFFFFFFF, 0x80000000 or 0x7FFFFxxx. */
const UNKNOWN_FROM = 0x7fff_0000;
const MAX_CHANNELS = 64;
const RIFF_BYTES = 12;
const CHUNK_HEADER_BYTES = 8;
const FORMAT_BYTES = 16;
const EXTENSIBLE_FORMAT_BYTES = 40;

const PCM = 0x0001;
const FLOAT = 0x0003;
const A_LAW = 0x0006;
const MU_LAW = 0x0007;
const EXTENSIBLE = 0xfffe;
/** In the extensible form a GUID names the codec: its first two bytes are the number above, the others these. */
const GUID_TAIL = '000000001000800000aa00389b71';

/** Reads the sample at a byte position as a number in [-1, 1]. */
type SampleReader = (view: DataView, at: number) => number;

const READERS: Readonly<Record<string, SampleReader>> = {
  [`${PCM}/8`]: (view, at) => (view.getUint8(at) - 128) / 128,
  [`${PCM}/16`]: (view, at) => view.getInt16(at, true) / 32_768,
  [`${PCM}/24`]: (view, at) => (view.getUint16(at, true) + view.getInt8(at + 2) * 65_536) / 8_388_608,
  [`${PCM}/32`]: (view, at) => view.getInt32(at, true) / 2_147_483_648,
  [`${FLOAT}/32`]: (view, at) => view.getFloat32(at, true),
  [`${FLOAT}/64`]: (view, at) => view.getFloat64(at, true),
  [`${A_LAW}/8`]: (view, at) => A_LAW_SAMPLES[view.getUint8(at)]!,
  [`${MU_LAW}/8`]: (view, at) => MU_LAW_SAMPLES[view.getUint8(at)]!,
};

export interface WavFormat {
  sampleRate: number;
  channels: number;
  /** Bytes of one sample of every channel. */
  frameBytes: number;
  read: SampleReader;
}

/**
 * Reads a WAV file that arrives in pieces of any size: integers of 8, 16, 24 and 32 bits, floats of 32 and 64,
 * A-law and µ-law, plain or WAVE_FORMAT_EXTENSIBLE, up to 64 channels mixed to one. A data size of 0 or one that
 * means "not known yet" lets the data go on to the end. The size and byte rate that nothing depends on are not
 * looked at, since many honest files have them wrong.
 *
 * SpeechError `invalid_audio` for a header that contradicts itself and a file shorter than it says;
 * `unsupported_audio` for other codecs and for rates beyond 8 to 192 kHz.
 */
export class WavReader {
  #state: 'riff' | 'chunk' | 'format' | 'skip' | 'data' | 'ended' = 'riff';
  #held: Uint8Array = new Uint8Array(0);
  /** Bytes of the current chunk that are still to come. */
  #left = 0;
  #format: WavFormat | undefined;

  /** Known as soon as the header has been read. */
  get format(): WavFormat | undefined {
    return this.#format;
  }

  /** The audio in these bytes, mono in [-1, 1], at the file's own rate. */
  push(bytes: Uint8Array): Float32Array {
    let input = this.#held.length === 0 ? bytes : Buffer.concat([this.#held, bytes]);
    while (this.#state !== 'data' && this.#state !== 'ended') {
      const used = this.#readHeader(input);
      if (used === undefined) {
        this.#held = input.slice();
        return new Float32Array(0);
      }
      input = input.subarray(used);
    }
    return this.#readData(input);
  }

  /** To be called after the last byte. */
  end(): void {
    if (this.#state !== 'data' && this.#state !== 'ended') throw invalid('The WAV file ends inside its header.');
    const frameBytes = this.#format!.frameBytes;
    if (this.#state === 'data' && Number.isFinite(this.#left) && this.#left >= frameBytes) {
      throw invalid('The WAV file is shorter than its header says.');
    }
  }

  /** How many bytes it used, or undefined when it needs more first. What it leaves unused is at most 40 bytes. */
  #readHeader(input: Uint8Array): number | undefined {
    const view = new DataView(input.buffer, input.byteOffset, input.byteLength);
    switch (this.#state) {
      case 'riff':
        if (input.length < RIFF_BYTES) return undefined;
        if (tag(input, 0) !== 'RIFF' || tag(input, 8) !== 'WAVE') throw invalid('This is not a WAV file.');
        this.#state = 'chunk';
        return RIFF_BYTES;
      case 'chunk':
        if (input.length < CHUNK_HEADER_BYTES) return undefined;
        this.#startChunk(tag(input, 0), view.getUint32(4, true));
        return CHUNK_HEADER_BYTES;
      case 'format': {
        const wanted = Math.min(this.#left, EXTENSIBLE_FORMAT_BYTES);
        if (input.length < wanted) return undefined;
        this.#format = parseFormat(input.subarray(0, wanted));
        this.#left += this.#left % 2;
        this.#left -= wanted;
        this.#state = 'skip';
        return wanted;
      }
      default: {
        const skipped = Math.min(input.length, this.#left);
        this.#left -= skipped;
        if (this.#left > 0) return skipped === 0 ? undefined : skipped;
        this.#state = 'chunk';
        return skipped;
      }
    }
  }

  #startChunk(name: string, size: number): void {
    if (name === 'fmt ') {
      if (this.#format !== undefined) throw invalid('The WAV header describes its format twice.');
      if (size < FORMAT_BYTES) throw invalid('The WAV format description is too short.');
      this.#state = 'format';
      this.#left = size;
    } else if (name === 'data') {
      if (this.#format === undefined) throw invalid('The WAV header does not describe its format.');
      this.#state = 'data';
      this.#left = size === 0 || size >= UNKNOWN_FROM ? Number.POSITIVE_INFINITY : size;
    } else {
      this.#state = 'skip';
      // Chunks start at even positions.
      this.#left = size + (size % 2);
    }
  }

  #readData(input: Uint8Array): Float32Array {
    if (this.#state === 'ended') return new Float32Array(0);
    const format = this.#format!;
    const available = Math.min(input.length, this.#left);
    const whole = available - (available % format.frameBytes);
    this.#left -= whole;
    if (this.#left < format.frameBytes) this.#state = 'ended';
    this.#held = this.#state === 'ended' ? new Uint8Array(0) : input.slice(whole);
    return mixToMono(input.subarray(0, whole), format);
  }
}

/**
 * The header of a mono 16-bit WAV file. Without `samples` it is one for a stream, whose sizes say that the audio goes
 * on to the end.
 */
export function wavHeader(sampleRate: number, samples?: number): Buffer {
  const dataBytes = samples === undefined ? undefined : samples * 2;
  const header = Buffer.alloc(44);
  header.write('RIFF', 0, 'latin1');
  header.writeUInt32LE(dataBytes === undefined ? UNKNOWN_SIZE : dataBytes + 36, 4);
  header.write('WAVEfmt ', 8, 'latin1');
  header.writeUInt32LE(FORMAT_BYTES, 16);
  header.writeUInt16LE(PCM, 20);
  header.writeUInt16LE(1, 22);
  header.writeUInt32LE(sampleRate, 24);
  header.writeUInt32LE(sampleRate * 2, 28);
  header.writeUInt16LE(2, 32);
  header.writeUInt16LE(16, 34);
  header.write('data', 36, 'latin1');
  header.writeUInt32LE(dataBytes ?? UNKNOWN_SIZE, 40);
  return header;
}

function parseFormat(bytes: Uint8Array): WavFormat {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let codec = view.getUint16(0, true);
  const channels = view.getUint16(2, true);
  const sampleRate = view.getUint32(4, true);
  const frameBytes = view.getUint16(12, true);
  const bits = view.getUint16(14, true);
  if (codec === EXTENSIBLE) {
    if (bytes.length < EXTENSIBLE_FORMAT_BYTES) throw invalid('The WAV format description is too short.');
    codec = Buffer.from(bytes.subarray(26, 40)).toString('hex') === GUID_TAIL ? view.getUint16(24, true) : EXTENSIBLE;
  }
  if (channels === 0 || channels > MAX_CHANNELS) throw invalid(`The WAV header states ${channels} channels.`);
  if (sampleRate === 0) throw invalid('The WAV header states a sample rate of 0.');
  if (sampleRate < MIN_SAMPLE_RATE || sampleRate > MAX_SAMPLE_RATE) {
    throw new SpeechError('unsupported_audio', `A sample rate of ${sampleRate} Hz is not supported.`);
  }
  const read = READERS[`${codec}/${bits}`];
  if (read === undefined) {
    throw new SpeechError(
      'unsupported_audio',
      `WAV files with codec ${codec} and ${bits} bits are not supported: use PCM, float, A-law or µ-law.`,
    );
  }
  if (frameBytes !== (channels * bits) / 8) throw invalid('The WAV header contradicts itself about its sample size.');
  return { sampleRate, channels, frameBytes, read };
}

function mixToMono(bytes: Uint8Array, { channels, frameBytes, read }: WavFormat): Float32Array {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const sampleBytes = frameBytes / channels;
  const mono = new Float32Array(bytes.length / frameBytes);
  for (let frame = 0, at = 0; frame < mono.length; frame++) {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++, at += sampleBytes) sum += read(view, at);
    const sample = sum / channels;
    // Float files may hold anything.
    mono[frame] = Number.isNaN(sample) ? 0 : Math.max(-1, Math.min(1, sample));
  }
  return mono;
}

function tag(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}

function invalid(message: string): SpeechError {
  return new SpeechError('invalid_audio', message);
}
