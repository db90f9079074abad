import { abortError, SpeechError } from '../../errors.ts';
import type { Capabilities, LoadedModel, RecognisedSegment, RecognisedWord, TranscribeRequest } from '../contract.ts';
import { type Library, loadLibrary } from './library.ts';
import type { ModelPlaces } from './places.ts';

/** One hundred frames a second, whatever the audio. */
const FRAME_MS = 10;
const SAMPLE_RATE = 16_000;
/** Shorter audio than this holds no word, and the search fails on it. */
const MIN_MS = 100;
/** Around the audio, so that its first and last words have a beginning and an end. */
const PADDING_SAMPLES = SAMPLE_RATE / 4;
/** Peak of the noise that is added, of 32 768: exact silence, which only machines make, has no logarithm. */
const DITHER = 16;

export class PocketSphinx implements LoadedModel {
  readonly capabilities: Capabilities;
  /** A decoder works on one utterance at a time. */
  readonly concurrency = 1;
  #library: Library;
  #decoder: unknown;
  /** Ends when the decoder is free. */
  #busy: Promise<unknown> = Promise.resolve();

  private constructor(library: Library, decoder: unknown, capabilities: Capabilities) {
    this.#library = library;
    this.#decoder = decoder;
    this.capabilities = capabilities;
  }

  static async open(libraryPath: string, model: ModelPlaces, capabilities: Capabilities): Promise<PocketSphinx> {
    const library = loadLibrary(libraryPath);
    const args = library.parseArguments([
      ...['-hmm', model.acoustic, '-lm', model.language, '-dict', model.dictionary],
      // Both are meant for a microphone in a noisy room; on recordings they remove more speech than noise.
      ...['-remove_silence', 'no', '-remove_noise', 'no'],
    ]);
    const decoder = args === null ? null : await library.init(args);
    if (args !== null) library.freeArguments(args);
    if (decoder === null) throw new SpeechError('model_unavailable', 'The acoustic model could not be loaded.');
    return new PocketSphinx(library, decoder, capabilities);
  }

  async *transcribe({ pcm }: TranscribeRequest, signal: AbortSignal): AsyncGenerator<RecognisedSegment> {
    const durationMs = (pcm.length / SAMPLE_RATE) * 1000;
    if (durationMs < MIN_MS) return;
    const turn = this.#busy.then(() => {
      if (signal.aborted) throw abortError(signal);
      return this.#decode(pcm);
    });
    this.#busy = turn.catch(() => {});
    const words = await turn;
    if (signal.aborted) throw abortError(signal);
    if (words.length === 0) return;
    const fit = (ms: number): number => Math.min(durationMs, Math.max(0, ms));
    const placed = words.map((word) => ({ ...word, startMs: fit(word.startMs), endMs: fit(word.endMs) }));
    yield {
      text: placed.map(({ word }) => word).join(' '),
      startMs: placed[0]!.startMs,
      endMs: placed.at(-1)!.endMs,
      language: 'en',
      confidence: placed.reduce((sum, { confidence }) => sum + confidence!, 0) / placed.length,
      words: placed,
    };
  }

  async close(): Promise<void> {
    await this.#busy;
    this.#library.free(this.#decoder);
  }

  /** The whole utterance at once: its mean is then known from the start, which live decoding has to guess. */
  async #decode(pcm: Float32Array): Promise<RecognisedWord[]> {
    const library = this.#library;
    const samples = toSamples(pcm);
    const failed = (): never => {
      throw new SpeechError('engine_failed', 'The recogniser failed on this audio.');
    };
    if (library.startStream(this.#decoder) < 0 || library.startUtterance(this.#decoder) < 0) failed();
    const frames = await library.process(this.#decoder, samples, samples.length, 0, 1);
    if ((await library.endUtterance(this.#decoder)) < 0 || frames < 0) failed();
    const paddingMs = (PADDING_SAMPLES / SAMPLE_RATE) * 1000;
    return library
      .words(this.#decoder)
      .filter(({ word }) => isWord(word))
      .map(({ word, firstFrame, lastFrame, probability }) => ({
        word: word.replace(/\(\d+\)$/, ''),
        startMs: firstFrame * FRAME_MS - paddingMs,
        endMs: (lastFrame + 1) * FRAME_MS - paddingMs,
        confidence: probability,
      }));
  }
}

/** Not a sentence mark, a silence or a noise: `<s>`, `<sil>`, `[NOISE]`, `++UH++`. */
function isWord(word: string): boolean {
  return !/^(<.*>|\[.*\]|\+\+.*\+\+)$/.test(word);
}

function toSamples(pcm: Float32Array): Int16Array {
  const samples = new Int16Array(pcm.length + 2 * PADDING_SAMPLES);
  for (let i = 0; i < samples.length; i++) {
    const sample = pcm[i - PADDING_SAMPLES] ?? 0;
    // The sum of two uniform values has no step at its ends.
    const noise = DITHER * (Math.random() + Math.random() - 1);
    samples[i] = Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_767 + noise)));
  }
  return samples;
}
