import type { AudioChunk } from '../audio/contract.ts';
import { joined } from '../audio/join.ts';
import { RateConverter } from '../audio/rate-converter.ts';
import { MAX_SAMPLE_RATE, MIN_SAMPLE_RATE } from '../audio/resample.ts';
import { SpeechError } from '../errors.ts';

/** What recognisers and voice detectors take, in Hz. */
export const HEARING_RATE = 16_000;
/** How much is converted at once, so that a long chunk holds nobody up. */
const PART_MS = 100;

/**
 * Turns audio of any rate, in chunks of any length, into frames of one length at 16 000 Hz. The frames are the same,
 * bit for bit, however the audio is cut into chunks.
 */
export class Intake {
  readonly #frameSamples: number;
  #chunks: AudioChunk[] = [];
  /** Samples of the first chunk that were converted. */
  #taken = 0;
  #converter = new RateConverter(HEARING_RATE);
  #converted = new Float32Array(0);
  #waitingMs = 0;

  constructor(frameSamples: number) {
    this.#frameSamples = frameSamples;
  }

  /** Audio that waits to be converted. */
  get waitingMs(): number {
    return this.#waitingMs;
  }

  /** Of a rate that can be converted. */
  push(chunk: AudioChunk): void {
    const { pcm, sampleRate } = chunk;
    if (pcm.length === 0) return;
    this.#chunks.push(chunk);
    this.#waitingMs += (pcm.length * 1000) / sampleRate;
  }

  /** The next whole frame, or undefined where there is not enough audio. */
  frame(): Float32Array | undefined {
    while (this.#converted.length < this.#frameSamples) {
      if (!this.#convert()) return undefined;
    }
    const frame = this.#converted.subarray(0, this.#frameSamples);
    this.#converted = this.#converted.subarray(this.#frameSamples);
    return frame;
  }

  /** Whatever is left when all whole frames are taken: shorter than a frame. What comes next begins a new frame. */
  rest(): Float32Array[] {
    this.#converted = joined([this.#converted, this.#converter.flush()]);
    const rest: Float32Array[] = [];
    for (let frame = this.frame(); frame !== undefined; frame = this.frame()) rest.push(frame);
    if (this.#converted.length > 0) rest.push(this.#converted);
    this.#converted = new Float32Array(0);
    return rest;
  }

  #convert(): boolean {
    const chunk = this.#chunks[0];
    if (chunk === undefined) return false;
    const { pcm, sampleRate } = chunk;
    const part = pcm.subarray(this.#taken, this.#taken + Math.ceil((sampleRate * PART_MS) / 1000));
    this.#taken += part.length;
    if (this.#taken === pcm.length) {
      this.#chunks.shift();
      this.#taken = 0;
    }
    this.#waitingMs = this.#chunks.length === 0 ? 0 : this.#waitingMs - (part.length * 1000) / sampleRate;
    this.#converted = joined([this.#converted, this.#converter.push({ pcm: sound(part), sampleRate })]);
    return true;
  }
}

/** Throws SpeechError `unsupported_value` for a rate that cannot be converted. */
export function requireRate(sampleRate: number): void {
  if (Number.isInteger(sampleRate) && sampleRate >= MIN_SAMPLE_RATE && sampleRate <= MAX_SAMPLE_RATE) return;
  throw new SpeechError(
    'unsupported_value',
    `The sample rate has to be a whole number from ${MIN_SAMPLE_RATE} to ${MAX_SAMPLE_RATE} Hz.`,
    { param: 'sample_rate' },
  );
}

/** What is no number, or beyond full scale, would stay in the filters and the detector's memory of loudness. */
function sound(pcm: Float32Array): Float32Array {
  let sane = true;
  for (let i = 0; i < pcm.length && sane; i++) sane = pcm[i]! >= -1 && pcm[i]! <= 1;
  if (sane) return pcm;
  return pcm.map((sample) => (Number.isNaN(sample) ? 0 : Math.max(-1, Math.min(1, sample))));
}
