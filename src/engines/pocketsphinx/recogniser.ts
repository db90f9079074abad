import { readFile } from 'node:fs/promises';
import { abortError, SpeechError } from '../../errors.ts';
import type { Capabilities, LoadedModel, RecognisedSegment, RecognisedWord, TranscribeRequest } from '../contract.ts';
import { type Cepstra, type Library, loadLibrary } from './library.ts';
import type { ModelPlaces } from './places.ts';

/** One hundred frames a second, whatever the audio. */
const FRAME_MS = 10;
const SAMPLE_RATE = 16_000;
/** Shorter audio than this holds no word, and the search fails on it. */
const MIN_MS = 100;
/** 200 ms of audio in one native call: between calls a cancelled request is noticed. */
const FRAMES_AT_ONCE = 20;
/** Silence around the audio, so that its first and last words have a beginning and an end. */
const PADDING_SAMPLES = SAMPLE_RATE / 5;
const PADDING_MS = 200;
/** Peak of the noise that is added, of 32 768: exact silence, which only machines make, has no logarithm. */
const DITHER = 32;
/** Wider than the library's own: fewer words wrong, for a tenth more work. */
const SEARCH = ['-topn', '8', '-maxhmmpf', '-1'];

/** The decoder and the front end that hears for it. */
interface Ears {
  decoder: bigint;
  frontEnd: bigint;
}

export class PocketSphinx implements LoadedModel {
  readonly capabilities: Capabilities;
  /** A decoder works on one utterance at a time. */
  readonly concurrency = 1;
  #library: Library;
  #ears: Ears;
  /** Ends when the decoder is free. */
  #busy: Promise<unknown> = Promise.resolve();

  private constructor(library: Library, ears: Ears, capabilities: Capabilities) {
    this.#library = library;
    this.#ears = ears;
    this.capabilities = capabilities;
  }

  static async open(libraryPath: string, model: ModelPlaces, capabilities: Capabilities): Promise<PocketSphinx> {
    const library = loadLibrary(libraryPath);
    const args = library.parseArguments([
      ...['-hmm', model.acoustic, '-lm', model.language, '-dict', model.dictionary],
      // Its silence detector is meant for a microphone, and what it drops is missing from the times of words.
      ...['-remove_silence', 'no'],
      // The library would let the model's own parameters, below, overrule ours.
      ...['-featparams', '/dev/null', ...(await featureArguments(model)), '-cmn', 'none'],
      ...SEARCH,
    ]);
    const decoder = args === null ? null : await library.createDecoder(args);
    const frontEnd = args === null ? null : library.createFrontEnd(args);
    if (args !== null) library.freeArguments(args);
    if (decoder === null || frontEnd === null) {
      throw new SpeechError('model_unavailable', 'The acoustic model could not be loaded.');
    }
    return new PocketSphinx(library, { decoder, frontEnd }, capabilities);
  }

  async *transcribe({ pcm }: TranscribeRequest, signal: AbortSignal): AsyncGenerator<RecognisedSegment> {
    const durationMs = (pcm.length / SAMPLE_RATE) * 1000;
    if (durationMs < MIN_MS) return;
    const turn = this.#busy.then(() => this.#hear(pcm, signal));
    this.#busy = turn.catch(() => {});
    const fit = (ms: number): number => Math.min(durationMs, Math.max(0, ms - PADDING_MS));
    const words = (await turn).map((word) => ({ ...word, startMs: fit(word.startMs), endMs: fit(word.endMs) }));
    if (words.length === 0) return;
    yield {
      text: words.map(({ word }) => word).join(' '),
      startMs: words[0]!.startMs,
      endMs: words.at(-1)!.endMs,
      language: 'en',
      confidence: words.reduce((sum, { confidence }) => sum + confidence!, 0) / words.length,
      words,
    };
  }

  async close(): Promise<void> {
    await this.#busy;
    this.#library.freeDecoder(this.#ears.decoder);
    this.#library.freeFrontEnd(this.#ears.frontEnd);
  }

  /** Words with times that count the padding. */
  async #hear(pcm: Float32Array, signal: AbortSignal): Promise<RecognisedWord[]> {
    if (signal.aborted) throw abortError(signal);
    const cepstra = await this.#library.cepstra(this.#ears.frontEnd, pcm.length + 2 * PADDING_SAMPLES, (samples) =>
      prepare(pcm, samples),
    );
    try {
      centre(cepstra);
      return await this.#search(cepstra, signal);
    } finally {
      cepstra.free();
    }
  }

  async #search(cepstra: Cepstra, signal: AbortSignal): Promise<RecognisedWord[]> {
    const library = this.#library;
    const { decoder } = this.#ears;
    let status = library.startUtterance(decoder);
    for (let frame = 0; frame < cepstra.frames && status >= 0 && !signal.aborted; frame += FRAMES_AT_ONCE) {
      status = await library.search(decoder, cepstra, frame, Math.min(FRAMES_AT_ONCE, cepstra.frames - frame));
    }
    // An utterance that was started has to be ended, also when nobody waits for it any more.
    const ended = await library.endUtterance(decoder);
    if (signal.aborted) throw abortError(signal);
    if (status < 0 || ended < 0) throw new SpeechError('engine_failed', 'The recogniser failed on this audio.');
    return library
      .words(decoder)
      .filter(({ word }) => isWord(word))
      .map(({ word, firstFrame, lastFrame, probability }) => ({
        word: word.replace(/\(\d+\)$/, ''),
        startMs: firstFrame * FRAME_MS,
        endMs: (lastFrame + 1) * FRAME_MS,
        confidence: probability,
      }));
  }
}

/** What the features were when the acoustic model was trained. */
async function featureArguments(model: ModelPlaces): Promise<string[]> {
  const text = await readFile(model.features, 'utf8');
  const words = text.split(/\s+/).filter((word) => word !== '');
  const args: string[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    // The mean is taken off by us: see `centre`.
    if (!words[i]!.startsWith('-cmn')) args.push(words[i]!, words[i + 1]!);
  }
  return args;
}

/**
 * Takes the mean of the whole utterance off its cepstra, as the model was trained. Fed block by block the library can
 * only guess that mean, from what it heard before: other callers' voices.
 */
function centre({ values, frames }: Cepstra): void {
  const size = values.length / frames;
  for (let part = 0; part < size; part++) {
    let sum = 0;
    for (let i = part; i < values.length; i += size) sum += values[i]!;
    const mean = sum / frames;
    for (let i = part; i < values.length; i += size) values[i]! -= mean;
  }
}

/** Not a sentence mark, a silence or a noise: `<s>`, `<sil>`, `[NOISE]`, `++UH++`. */
function isWord(word: string): boolean {
  return !/^(<.*>|\[.*\]|\+\+.*\+\+)$/.test(word);
}

/** 16-bit samples with padding and a little noise, the same for the same recording. */
function prepare(pcm: Float32Array, samples: Int16Array): void {
  let seed = 1;
  const uniform = (): number => {
    seed = (Math.imul(seed, 1_103_515_245) + 12_345) & 0x7fffffff;
    return seed / 0x7fffffff;
  };
  for (let i = 0; i < samples.length; i++) {
    // The sum of two uniform values has no step at its ends.
    const noise = DITHER * (uniform() + uniform() - 1);
    const sample = pcm[i - PADDING_SAMPLES] ?? 0;
    samples[i] = Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_767 + noise)));
  }
}
