import { availableParallelism } from 'node:os';
import { abortError, SpeechError } from '../../errors.ts';
import type {
  Capabilities,
  Hearing,
  ListenRequest,
  LoadedModel,
  OpenModel,
  RecognisedSegment,
  TranscribeRequest,
} from '../contract.ts';
import { unavailable } from './errors.ts';
import { type Library, loadLibrary } from './library.ts';
import { checkFolder } from './model-folder.ts';
import { type Heard, joinWords, type Reading } from './result.ts';
import { VoskStream } from './stream.ts';

/** Native calls that Node runs at the same time, unless UV_THREADPOOL_SIZE says otherwise. */
const NATIVE_THREADS = 4;

/** A Vosk model: it hears recordings, and speech while it is spoken. Every request has a recogniser of its own. */
export class VoskRecogniser implements LoadedModel {
  readonly capabilities: Capabilities;
  /** Recognisers share the model and work in one thread each. */
  readonly concurrency = Math.max(1, Math.min(NATIVE_THREADS, availableParallelism()));
  #library: Library;
  #handle: bigint;
  #model: OpenModel;
  /** Ends when no recogniser is being made or freed: see `#inTurn`. */
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(library: Library, handle: bigint, model: OpenModel, capabilities: Capabilities) {
    this.capabilities = capabilities;
    this.#library = library;
    this.#handle = handle;
    this.#model = model;
  }

  /** Throws `model_unavailable`. May also end the process: some broken models make the library do that. */
  static async open(libraryPath: string, model: OpenModel, capabilities: Capabilities): Promise<VoskRecogniser> {
    await checkFolder(model);
    let library: Library;
    try {
      library = loadLibrary(libraryPath);
    } catch (thrown) {
      throw unavailable(model, 'libvosk does not run on this machine', String(thrown));
    }
    const handle = await library.openModel(model.folder);
    if (handle === null) throw unavailable(model, 'libvosk refused its files');
    // Some of what is wrong with a model shows only now.
    const first = await VoskStream.open(library, handle);
    if (first === undefined) {
      library.freeModel(handle);
      throw unavailable(model, 'libvosk cannot use its graph');
    }
    first.close();
    return new VoskRecogniser(library, handle, model, capabilities);
  }

  async *transcribe(request: TranscribeRequest, signal: AbortSignal): AsyncGenerator<RecognisedSegment> {
    this.#check(request.language);
    if (request.task === 'translate') {
      throw new SpeechError('unsupported_by_model', `The model ${this.#model.id} cannot translate.`, {
        param: 'model',
      });
    }
    const stream = await this.#stream(0, signal);
    try {
      for await (const heard of stream.hear(request.pcm, signal)) {
        if (heard !== undefined && heard.text !== '') yield this.#segment(heard, request);
      }
      const last = await stream.finish();
      if (last.text !== '') yield this.#segment(last, request);
    } finally {
      await this.#inTurn(() => stream.close());
    }
  }

  async *listen(
    request: ListenRequest,
    audio: AsyncIterable<Float32Array>,
    signal: AbortSignal,
  ): AsyncGenerator<Hearing> {
    this.#check(request.language);
    const wanted = request.alternatives ?? 0;
    const stream = await this.#stream(wanted, signal);
    const parts: Heard[] = [];
    let told = '';
    let beganMs = 0;
    try {
      for await (const pcm of audio) {
        const fromMs = stream.audioMs;
        for await (const heard of stream.hear(pcm, signal))
          if (heard !== undefined && heard.text !== '') parts.push(heard);
        const text = joinWords([...parts.map((part) => part.text), await stream.partial()]);
        if (text === told) continue;
        if (told === '') beganMs = fromMs;
        told = text;
        yield { text, final: false, startMs: parts[0]?.words[0]?.startMs ?? beganMs, endMs: stream.audioMs };
      }
      if (signal.aborted) throw abortError(signal);
      parts.push(await stream.finish());
      yield this.#final(
        parts.filter(({ text }) => text !== ''),
        request,
      );
    } finally {
      await this.#inTurn(() => stream.close());
    }
  }

  async close(): Promise<void> {
    await this.#inTurn(() => this.#library.freeModel(this.#handle));
  }

  async #stream(alternatives: number, signal: AbortSignal): Promise<VoskStream> {
    if (signal.aborted) throw abortError(signal);
    const stream = await this.#inTurn(() => VoskStream.open(this.#library, this.#handle, alternatives));
    if (stream === undefined) throw new SpeechError('engine_failed', 'The recogniser could not be made.');
    return stream;
  }

  /** The model counts its recognisers without a lock: one after the other they are made and freed. */
  #inTurn<T>(work: () => T | Promise<T>): Promise<T> {
    const turn = this.#turn.then(work);
    this.#turn = turn.catch(() => {});
    return turn;
  }

  #segment(heard: Heard, { words: wanted }: TranscribeRequest): RecognisedSegment {
    const { text, words, confidence } = heard;
    return {
      text,
      ...this.#common(words),
      ...(confidence === undefined ? {} : { confidence }),
      ...(wanted ? { words } : {}),
    };
  }

  #final(parts: readonly Heard[], { words: wanted, alternatives = 0 }: ListenRequest): Hearing {
    const words = parts.flatMap((part) => part.words);
    const [best, ...others] = wholeReadings(parts, alternatives + 1);
    return {
      text: best?.text ?? '',
      final: true,
      ...this.#common(words),
      ...(best === undefined ? {} : { confidence: best.confidence }),
      ...(wanted ? { words } : {}),
      ...(alternatives > 0 ? { alternatives: others } : {}),
    };
  }

  #common(words: Heard['words']): { startMs: number; endMs: number; language?: string } {
    const [language] = this.#model.languages;
    return {
      startMs: words[0]?.startMs ?? 0,
      endMs: words.at(-1)?.endMs ?? 0,
      ...(language === undefined ? {} : { language }),
    };
  }

  /** Throws `unsupported_value` for a language that the model does not know. */
  #check(language: string | undefined): void {
    const base = (tag: string): string => tag.split('-', 1)[0]!.toLowerCase();
    if (language && !this.#model.languages.some((known) => base(known) === base(language))) {
      throw new SpeechError(
        'unsupported_value',
        `The model ${this.#model.id} does not know the language ${language}.`,
        {
          param: 'language',
        },
      );
    }
  }
}

/**
 * The readings of parts that follow each other, the likeliest first: the best of each part in a row, and this with
 * another reading of one of them. Their confidence is what the parts' have in common.
 */
function wholeReadings(parts: readonly Heard[], count: number): Reading[] {
  if (parts.length === 0) return [];
  const bests = parts.map(({ readings }) => readings[0]!);
  const whole = (readings: readonly Reading[]): Reading => ({
    text: joinWords(readings.map(({ text }) => text)),
    confidence: readings.reduce((product, { confidence }) => product * confidence, 1),
  });
  const others = parts.flatMap(({ readings }, at) => readings.slice(1).map((other) => whole(bests.with(at, other))));
  others.sort((a, b) => b.confidence - a.confidence);
  return [whole(bests), ...others].slice(0, count);
}
