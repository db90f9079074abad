import { abortError, SpeechError } from '../../errors.ts';
import type { Capabilities, LoadedModel, OpenModel, RecognisedSegment, TranscribeRequest } from '../contract.ts';
import { capabilitiesOf, familyConfig, HEARING_RATE } from './config.ts';
import { engineFailed } from './errors.ts';
import type { Hints } from './family.ts';
import { baseLanguage } from './family.ts';
import type { Native, NativeRecogniser, NativeResult } from './native.ts';
import { segmentsOf } from './segments.ts';

/** Shorter audio is lengthened with silence: some models fail on a few frames. */
const SHORTEST_MS = 500;

export interface RecogniserOptions {
  threads: number;
  concurrency: number;
  /** Language and task are part of the configuration: see `RecogniserFamily.takesHints`. */
  takesHints: boolean;
}

/** A model that hears a recording at once. */
export class SherpaRecogniser implements LoadedModel {
  readonly capabilities: Capabilities;
  readonly concurrency: number;
  readonly #native: NativeRecogniser;
  readonly #model: OpenModel;
  readonly #options: RecogniserOptions;
  #hints: Hints = { task: 'transcribe' };
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(native: NativeRecogniser, model: OpenModel, options: RecogniserOptions) {
    this.capabilities = capabilitiesOf(model);
    this.concurrency = options.concurrency;
    this.#native = native;
    this.#model = model;
    this.#options = options;
  }

  static async open(native: Native, model: OpenModel, options: RecogniserOptions): Promise<SherpaRecogniser> {
    const { config } = familyConfig(model, options.threads);
    return new SherpaRecogniser(await native.OfflineRecognizer.createAsync(config), model, options);
  }

  /**
   * Yields the segments of a recording of at most `maxAudioMs`. The native call cannot be interrupted: after an
   * abort the iteration ends when it has really stopped, so that a slot that looks free is free.
   */
  async *transcribe(request: TranscribeRequest, signal: AbortSignal): AsyncIterable<RecognisedSegment> {
    const hints = hintsOf(request, this.#model, this.capabilities);
    if (signal.aborted) throw abortError(signal);
    if (request.pcm.length === 0) return;
    const result = this.#options.takesHints
      ? await this.#inTurn(() => this.#decodeWith(hints, request.pcm, signal))
      : await this.#decode(request.pcm);
    if (signal.aborted) throw abortError(signal);
    yield* labelled(result, request, this.#model, this.capabilities);
  }

  async #decodeWith(hints: Hints, pcm: Float32Array, signal: AbortSignal): Promise<NativeResult> {
    if (signal.aborted) throw abortError(signal);
    if (hints.language !== this.#hints.language || hints.task !== this.#hints.task) {
      this.#native.setConfig(familyConfig(this.#model, this.#options.threads, hints).config);
      this.#hints = hints;
    }
    return await this.#decode(pcm);
  }

  async #decode(pcm: Float32Array): Promise<NativeResult> {
    try {
      const stream = this.#native.createStream();
      stream.acceptWaveform({ samples: atLeast(pcm, SHORTEST_MS), sampleRate: HEARING_RATE });
      return await this.#native.decodeAsync(stream);
    } catch (thrown) {
      throw engineFailed(thrown);
    }
  }

  /** One after the other: the configuration must not change under a running call. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#turn.then(work, work);
    this.#turn = turn;
    return turn;
  }

  async close(): Promise<void> {}
}

/**
 * What the request says about language and task. Throws `unsupported_value` for a language outside the model's list,
 * because sherpa-onnx ends the process on one, and `unsupported_by_model` for a translation that it cannot do.
 */
export function hintsOf(
  request: Pick<TranscribeRequest, 'language' | 'task'>,
  model: OpenModel,
  { transcribe }: Capabilities,
): Hints {
  const task = request.task ?? 'transcribe';
  if (task === 'translate' && !transcribe?.translate) {
    throw new SpeechError('unsupported_by_model', `The model ${model.id} cannot translate.`, { param: 'model' });
  }
  const { language } = request;
  if (language && !model.languages.some((known) => baseLanguage(known) === baseLanguage(language))) {
    throw new SpeechError('unsupported_value', `The model ${model.id} does not know the language ${language}.`, {
      param: 'language',
    });
  }
  return { language, task };
}

/** Segments with their language. */
export function labelled(
  result: NativeResult,
  request: TranscribeRequest,
  model: OpenModel,
  capabilities: Capabilities,
): RecognisedSegment[] {
  const audioMs = Math.round((request.pcm.length * 1000) / HEARING_RATE);
  const language = languageOf(result, request, model, capabilities);
  return segmentsOf(result, audioMs, request.words === true).map((segment) => ({ ...segment, ...language }));
}

/** The language that the model found, else the one it was told or the only one it knows. */
export function languageOf(
  result: NativeResult,
  request: Pick<TranscribeRequest, 'language'>,
  model: OpenModel,
  { transcribe }: Capabilities,
): { language?: string } {
  const known = transcribe?.detectsLanguage ? request.language : (request.language ?? model.languages[0]);
  const language = foundLanguage(result.lang) ?? known;
  return language === undefined ? {} : { language };
}

/** `en` of `en` or `<|en|>`; undefined for anything that is no language, like SenseVoice's `<|nospeech|>`. */
export function foundLanguage(label = ''): string | undefined {
  const code = label.replace(/^<\|(.*)\|>$/, '$1');
  if (!/^[a-z]{2,3}$/.test(code)) return undefined;
  return code === 'jw' ? 'jv' : code;
}

function atLeast(pcm: Float32Array, ms: number): Float32Array {
  const samples = (ms * HEARING_RATE) / 1000;
  if (pcm.length >= samples) return pcm;
  const longer = new Float32Array(samples);
  longer.set(pcm);
  return longer;
}
