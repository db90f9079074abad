import { abortError, SpeechError } from '../../errors.ts';
import type { RecognisedWord } from '../contract.ts';
import type { Cepstra, Library } from './library.ts';
import { SampleMaker } from './samples.ts';

/** One hundred frames a second, whatever the audio. */
const FRAME_MS = 10;
const SAMPLE_RATE = 16_000;
/** 200 ms of audio in one native call: between calls a cancelled request is noticed. */
const BLOCK_SAMPLES = SAMPLE_RATE / 5;
/** Silence around the audio, so that its first and last words have a beginning and an end. */
const PADDING = new Float32Array(SAMPLE_RATE / 5);
const PADDING_MS = 200;

/** The decoder and the front end that hears for it. */
export interface Ears {
  decoder: bigint;
  frontEnd: bigint;
}

/**
 * One utterance in the decoder, heard in blocks of the same length however the audio comes. The mean of the utterance's
 * cepstra is taken off them, as the model was trained. Left to itself the library guesses that mean from what it heard
 * before: other callers' voices. So a block waits until `delayBlocks` more have come, and the mean so far is taken.
 */
export class Utterance {
  /** Of the audio that was pushed. */
  samples = 0;
  #library: Library;
  #ears: Ears;
  #delayBlocks: number;
  #signal: AbortSignal;
  #maker = new SampleMaker();
  #block = new Float32Array(BLOCK_SAMPLES);
  /** Samples of the block that have come. */
  #filled = 0;
  #waiting: Cepstra[] = [];
  #frames = 0;
  #sums = new Float64Array();
  #started = false;

  constructor(library: Library, ears: Ears, delayBlocks: number, signal: AbortSignal) {
    this.#library = library;
    this.#ears = ears;
    this.#delayBlocks = delayBlocks;
    this.#signal = signal;
  }

  /** Tells whether there may be something new. Throws the signal's reason, or `engine_failed`. */
  async push(pcm: Float32Array): Promise<boolean> {
    const before = this.#frames;
    for (let at = 0; at < pcm.length; ) {
      const part = pcm.subarray(at, at + BLOCK_SAMPLES - this.#filled);
      this.#block.set(part, this.#filled);
      this.#filled += part.length;
      this.samples += part.length;
      at += part.length;
      if (this.#filled < BLOCK_SAMPLES) continue;
      this.#filled = 0;
      await this.#hear(this.#block);
    }
    return this.#frames > before;
  }

  /** What was heard so far; it may still change. */
  words(): RecognisedWord[] {
    return this.#started ? this.#words() : [];
  }

  /** The audio has ended: all its words. */
  async finish(): Promise<RecognisedWord[]> {
    await this.#hear(this.#block.subarray(0, this.#filled));
    await this.#hear(PADDING);
    for (let next = this.#waiting.shift(); next !== undefined; next = this.#waiting.shift()) await this.#search(next);
    if ((await this.#end()) < 0) throw failed();
    return this.#words();
  }

  /** To be called in the end, whatever happened: what was started has to be ended before the next utterance. */
  async close(): Promise<void> {
    for (const cepstra of this.#waiting.splice(0)) cepstra.free();
    if (this.#started) await this.#end();
  }

  async #end(): Promise<number> {
    this.#started = false;
    this.#library.endCepstra(this.#ears.frontEnd);
    return await this.#library.endUtterance(this.#ears.decoder);
  }

  async #hear(pcm: Float32Array): Promise<void> {
    if (this.#signal.aborted) throw abortError(this.#signal);
    if (!this.#started) await this.#start();
    const { frontEnd } = this.#ears;
    const cepstra = await this.#library.cepstra(frontEnd, pcm.length, (samples) => this.#maker.fill(samples, pcm));
    this.#count(cepstra);
    this.#waiting.push(cepstra);
    if (this.#waiting.length > this.#delayBlocks) await this.#search(this.#waiting.shift()!);
  }

  async #start(): Promise<void> {
    this.#started = true;
    this.#library.startCepstra(this.#ears.frontEnd);
    if (this.#library.startUtterance(this.#ears.decoder) < 0) throw failed();
    await this.#hear(PADDING);
  }

  #count({ values, frames }: Cepstra): void {
    const size = values.length / frames;
    if (this.#frames === 0) this.#sums = new Float64Array(size);
    this.#frames += frames;
    for (let i = 0; i < values.length; i++) this.#sums[i % size]! += values[i]!;
  }

  async #search(cepstra: Cepstra): Promise<void> {
    const { values, frames } = cepstra;
    try {
      const size = this.#sums.length;
      for (let i = 0; i < values.length; i++) values[i]! -= this.#sums[i % size]! / this.#frames;
      if ((await this.#library.search(this.#ears.decoder, cepstra, 0, frames)) < 0) throw failed();
    } finally {
      cepstra.free();
    }
    if (this.#signal.aborted) throw abortError(this.#signal);
  }

  #words(): RecognisedWord[] {
    const audioMs = (this.samples / SAMPLE_RATE) * 1000;
    const fit = (ms: number): number => Math.min(audioMs, Math.max(0, ms - PADDING_MS));
    return this.#library
      .words(this.#ears.decoder)
      .filter(({ word }) => isWord(word))
      .map(({ word, firstFrame, lastFrame, probability }) => ({
        word: word.replace(/\(\d+\)$/, ''),
        startMs: fit(firstFrame * FRAME_MS),
        endMs: fit((lastFrame + 1) * FRAME_MS),
        confidence: probability,
      }));
  }
}

/** Not a sentence mark, a silence or a noise: `<s>`, `<sil>`, `[NOISE]`, `++UH++`. */
function isWord(word: string): boolean {
  return !/^(<.*>|\[.*\]|\+\+.*\+\+)$/.test(word);
}

const failed = (): SpeechError => new SpeechError('engine_failed', 'The recogniser failed on this audio.');
