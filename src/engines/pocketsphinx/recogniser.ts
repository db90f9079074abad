import { readFile } from 'node:fs/promises';
import { SpeechError } from '../../errors.ts';
import type {
  Capabilities,
  Hearing,
  ListenRequest,
  LoadedModel,
  RecognisedSegment,
  RecognisedWord,
  TranscribeRequest,
} from '../contract.ts';
import { type Library, loadLibrary } from './library.ts';
import type { ModelPlaces } from './places.ts';
import { type Ears, Utterance } from './utterance.ts';

/** Audio shorter than 100 ms holds no word, and the search fails on it. */
const MIN_SAMPLES = 1600;
/**
 * 400 ms that live search stays behind what is said. On read speech it then has as many words wrong as with the mean of
 * the whole recording, and a tenth fewer than without delay; a longer one only makes the last words come later.
 */
const LIVE_DELAY_BLOCKS = 2;
/** Wider than the library's own: fewer words wrong, for a tenth more work. */
const SEARCH = ['-topn', '8', '-maxhmmpf', '-1'];

export class PocketSphinx implements LoadedModel {
  readonly capabilities: Capabilities;
  /** A decoder works on one utterance at a time, for about half as long as it was spoken. */
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

  /** Searches when the whole recording has come, so that its mean is known. */
  async *transcribe({ pcm }: TranscribeRequest, signal: AbortSignal): AsyncGenerator<RecognisedSegment> {
    if (pcm.length < MIN_SAMPLES) return;
    const [utterance, release] = await this.#turn(Number.POSITIVE_INFINITY, signal);
    try {
      await utterance.push(pcm);
      const words = await utterance.finish();
      if (words.length > 0) yield { ...whole(words), words };
    } finally {
      await release();
    }
  }

  async *listen(
    { words: wanted }: ListenRequest,
    audio: AsyncIterable<Float32Array>,
    signal: AbortSignal,
  ): AsyncGenerator<Hearing> {
    const [utterance, release] = await this.#turn(LIVE_DELAY_BLOCKS, signal);
    try {
      let told = '';
      for await (const pcm of audio) {
        if (!(await utterance.push(pcm))) continue;
        const hearing = whole(utterance.words());
        if (hearing.text === told) continue;
        told = hearing.text;
        yield { ...hearing, final: false };
      }
      const words = utterance.samples < MIN_SAMPLES ? [] : await utterance.finish();
      yield { ...whole(words), final: true, ...(wanted ? { words } : {}) };
    } finally {
      await release();
    }
  }

  async close(): Promise<void> {
    await this.#busy;
    this.#library.freeDecoder(this.#ears.decoder);
    this.#library.freeFrontEnd(this.#ears.frontEnd);
  }

  /** Waits until the decoder is free. What it returns has to be released. */
  async #turn(delayBlocks: number, signal: AbortSignal): Promise<[Utterance, release: () => Promise<void>]> {
    const before = this.#busy;
    const turn = Promise.withResolvers<void>();
    this.#busy = turn.promise;
    await before;
    const utterance = new Utterance(this.#library, this.#ears, delayBlocks, signal);
    return [utterance, () => utterance.close().finally(turn.resolve)];
  }
}

/** What the features were when the acoustic model was trained. */
async function featureArguments(model: ModelPlaces): Promise<string[]> {
  const text = await readFile(model.features, 'utf8');
  const words = text.split(/\s+/).filter((word) => word !== '');
  const args: string[] = [];
  for (let i = 0; i + 1 < words.length; i += 2) {
    // The mean is taken off by us: see `Utterance`.
    if (!words[i]!.startsWith('-cmn')) args.push(words[i]!, words[i + 1]!);
  }
  return args;
}

function whole(words: readonly RecognisedWord[]): RecognisedSegment {
  const [first] = words;
  return {
    text: words.map(({ word }) => word).join(' '),
    startMs: first?.startMs ?? 0,
    endMs: words.at(-1)?.endMs ?? 0,
    language: 'en',
    ...(first === undefined
      ? {}
      : { confidence: words.reduce((sum, { confidence }) => sum + confidence!, 0) / words.length }),
  };
}
