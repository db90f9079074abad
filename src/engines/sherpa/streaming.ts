import { setImmediate } from 'node:timers/promises';
import { abortError } from '../../errors.ts';
import type {
  Capabilities,
  Hearing,
  ListenRequest,
  LoadedModel,
  OpenModel,
  RecognisedSegment,
  TranscribeRequest,
} from '../contract.ts';
import type { FamilyConfig } from './config.ts';
import { capabilitiesOf, HEARING_RATE } from './config.ts';
import { engineFailed } from './errors.ts';
import { baseLanguage, multilingual } from './family.ts';
import type { Native, NativeStream, NativeStreamingRecogniser } from './native.ts';
import { hintsOf, labelled, languageOf } from './recogniser.ts';
import { wholeOf } from './segments.ts';

/** How much is fed before others have their turn: less than the chunk of most models, so that it is one step of work. */
const SLICE_SAMPLES = HEARING_RATE / 5;
/** Silence that pushes the last words out: more than the longest chunk and look-ahead of any model. */
const TAIL = new Float32Array(1.5 * HEARING_RATE);

/**
 * A streaming model, used live or for a whole recording. sherpa-onnx's own end of speech is off: whoever asks decides.
 * Its native calls are synchronous and short, so requests take turns on one processor.
 */
export class SherpaStreamingRecogniser implements LoadedModel {
  readonly capabilities: Capabilities;
  /**
   * Listening takes a fraction of the time that somebody speaks, and whoever listens shares the model's memory. Measured
   * with a model that needs a fifth of that time in steps of 320 ms: four people who speak at once read their words
   * 0.1 s late, and 0.3 s at the 95th percentile; five, 0.35 s. Faster models have the more to spare.
   */
  readonly concurrency = 4;
  /** They take turns. */
  readonly processors = 1;
  readonly #native: NativeStreamingRecogniser;
  readonly #model: OpenModel;

  constructor(native: Native, model: OpenModel, { config }: FamilyConfig) {
    this.capabilities = capabilitiesOf(model);
    this.#native = new native.OnlineRecognizer(config);
    this.#model = model;
  }

  async *transcribe(request: TranscribeRequest, signal: AbortSignal): AsyncIterable<RecognisedSegment> {
    hintsOf(request, this.#model, this.capabilities);
    if (signal.aborted) throw abortError(signal);
    if (request.pcm.length === 0) return;
    const stream = this.#stream(request);
    for (const pcm of [request.pcm, TAIL]) {
      for await (const _ of this.#hear(stream, pcm, signal));
    }
    this.#finish(stream);
    yield* labelled(this.#native.getResult(stream), request, this.#model, this.capabilities);
  }

  async *listen(
    request: ListenRequest,
    audio: AsyncIterable<Float32Array>,
    signal: AbortSignal,
  ): AsyncIterable<Hearing> {
    hintsOf(request, this.#model, this.capabilities);
    if (signal.aborted) throw abortError(signal);
    const stream = this.#stream(request);
    let samples = 0;
    let told = '';
    for await (const pcm of audio) {
      samples += pcm.length;
      for await (const _ of this.#hear(stream, pcm, signal)) {
        const hearing = this.#hearing(stream, samples, request);
        if (hearing.text === told) continue;
        told = hearing.text;
        yield hearing;
      }
    }
    if (signal.aborted) throw abortError(signal);
    if (samples > 0) {
      for await (const _ of this.#hear(stream, TAIL, signal));
      this.#finish(stream);
    }
    yield { ...this.#hearing(stream, samples, request), final: true };
  }

  #stream({ language }: Pick<ListenRequest, 'language'>): NativeStream {
    const stream = this.#native.createStream();
    // Multilingual Nemotron reads this; other models do not ask for it.
    if (language && multilingual(this.#model)) stream.setOption('language', baseLanguage(language));
    return stream;
  }

  #hearing(stream: NativeStream, samples: number, request: ListenRequest): Hearing {
    const result = this.#native.getResult(stream);
    const audioMs = Math.round((samples * 1000) / HEARING_RATE);
    return {
      ...wholeOf(result, audioMs, request.words === true),
      final: false,
      ...languageOf(result, request, this.#model, this.capabilities),
    };
  }

  /** Yields after each step of work, when others have had their turn. */
  async *#hear(stream: NativeStream, pcm: Float32Array, signal: AbortSignal): AsyncIterable<void> {
    for (let at = 0; at < pcm.length; at += SLICE_SAMPLES) {
      const samples = pcm.subarray(at, at + SLICE_SAMPLES);
      if (!this.#work(stream, () => stream.acceptWaveform({ samples, sampleRate: HEARING_RATE }))) continue;
      await setImmediate();
      if (signal.aborted) throw abortError(signal);
      yield;
    }
  }

  #finish(stream: NativeStream): void {
    this.#work(stream, () => stream.inputFinished());
  }

  /** Whether what was fed was enough for the model to take a step. */
  #work(stream: NativeStream, feed: () => void): boolean {
    try {
      feed();
      let worked = false;
      while (this.#native.isReady(stream)) {
        this.#native.decode(stream);
        worked = true;
      }
      return worked;
    } catch (thrown) {
      throw engineFailed(thrown);
    }
  }

  async close(): Promise<void> {}
}
