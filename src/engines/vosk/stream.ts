import { abortError, SpeechError } from '../../errors.ts';
import type { Library, SampleBuffer } from './library.ts';
import { type Heard, readPartial, readResult } from './result.ts';

export const SAMPLE_RATE = 16_000;
/** 200 ms of audio in one native call: the library's own step. Between calls a cancelled request is noticed. */
export const PIECE_SAMPLES = SAMPLE_RATE / 5;
/** The library wants floats of the size that 16-bit samples have. */
const SCALE = 32_768;

/** A recogniser of the library while it hears one recording. What it needs does not grow with the audio. */
export class VoskStream {
  #library: Library;
  #recogniser: bigint;
  #buffer: SampleBuffer;
  #samples = 0;

  private constructor(library: Library, recogniser: bigint) {
    this.#library = library;
    this.#recogniser = recogniser;
    this.#buffer = library.allocate(PIECE_SAMPLES);
  }

  /** `alternatives` is how many readings are wanted besides the best one. Undefined where the model cannot be used. */
  static async open(library: Library, model: bigint, alternatives = 0): Promise<VoskStream | undefined> {
    const recogniser = await library.createRecogniser(model, SAMPLE_RATE);
    if (recogniser === null) return undefined;
    library.tellWords(recogniser, 1);
    library.tellAlternatives(recogniser, alternatives === 0 ? 0 : alternatives + 1);
    return new VoskStream(library, recogniser);
  }

  /** Of the audio that it was given. */
  get audioMs(): number {
    return (this.#samples * 1000) / SAMPLE_RATE;
  }

  /**
   * Hears more audio of any length, and yields for each piece of it what was heard up to a pause, or undefined where
   * there is none yet. Throws `engine_failed`, or the signal's reason.
   */
  async *hear(pcm: Float32Array, signal: AbortSignal): AsyncGenerator<Heard | undefined> {
    for (let at = 0; at < pcm.length; at += PIECE_SAMPLES) {
      const piece = pcm.subarray(at, at + PIECE_SAMPLES);
      if (signal.aborted) throw abortError(signal);
      this.#fill(piece);
      const ended = await this.#library.accept(this.#recogniser, this.#buffer.pointer, piece.length);
      if (ended < 0) throw new SpeechError('engine_failed', 'The recogniser failed on this audio.');
      this.#samples += piece.length;
      yield ended === 0 ? undefined : this.#inTime(readResult(await this.#library.result(this.#recogniser)));
    }
    if (signal.aborted) throw abortError(signal);
  }

  async partial(): Promise<string> {
    return readPartial(await this.#library.partialResult(this.#recogniser));
  }

  /** What is left to tell when the audio has ended. */
  async finish(): Promise<Heard> {
    return this.#inTime(readResult(await this.#library.finalResult(this.#recogniser)));
  }

  /** No other call may be under way. */
  close(): void {
    this.#library.freeRecogniser(this.#recogniser);
    this.#buffer.free();
  }

  /** Within what 16 bits can hold; what is no number is silence. */
  #fill(piece: Float32Array): void {
    const { samples } = this.#buffer;
    for (let i = 0; i < piece.length; i++) {
      const value = piece[i]! * SCALE;
      samples[i] = Math.abs(value) <= SCALE ? value : value > 0 ? SCALE : value < 0 ? -SCALE : 0;
    }
  }

  /** The last frame of 30 ms may reach beyond the audio, and times are interpolated: words begin in order. */
  #inTime(heard: Heard): Heard {
    let last = 0;
    const words = heard.words.map((word) => {
      const startMs = Math.min(Math.max(word.startMs, last), this.audioMs);
      last = startMs;
      return { ...word, startMs, endMs: Math.min(Math.max(word.endMs, startMs), this.audioMs) };
    });
    return { ...heard, words };
  }
}
