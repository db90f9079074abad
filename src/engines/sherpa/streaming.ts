import { setImmediate } from 'node:timers/promises';
import { abortError } from '../../errors.ts';
import type { Capabilities, LoadedModel, OpenModel, RecognisedSegment, TranscribeRequest } from '../contract.ts';
import type { FamilyConfig } from './config.ts';
import { capabilitiesOf, HEARING_RATE } from './config.ts';
import { engineFailed } from './errors.ts';
import { baseLanguage, multilingual } from './family.ts';
import type { Native, NativeStream, NativeStreamingRecogniser } from './native.ts';
import { hintsOf, labelled } from './recogniser.ts';

/** How much is fed before the event loop gets a turn. */
const SLICE_SAMPLES = HEARING_RATE;
/** Silence that pushes the last words out: more than the longest chunk and look-ahead of any model. */
const TAIL = new Float32Array(1.5 * HEARING_RATE);

/** A streaming model, used for a whole recording. Its native calls are synchronous: one request at a time. */
export class SherpaStreamingRecogniser implements LoadedModel {
  readonly capabilities: Capabilities;
  readonly concurrency = 1;
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
    const stream = this.#native.createStream();
    // Multilingual Nemotron reads this; other models do not ask for it.
    if (request.language && multilingual(this.#model)) stream.setOption('language', baseLanguage(request.language));
    for (let at = 0; at < request.pcm.length; at += SLICE_SAMPLES) {
      this.#hear(stream, request.pcm.subarray(at, at + SLICE_SAMPLES));
      await setImmediate();
      if (signal.aborted) throw abortError(signal);
    }
    this.#hear(stream, TAIL, true);
    yield* labelled(this.#native.getResult(stream), request, this.#model, this.capabilities);
  }

  #hear(stream: NativeStream, samples: Float32Array, last = false): void {
    try {
      stream.acceptWaveform({ samples, sampleRate: HEARING_RATE });
      if (last) stream.inputFinished();
      while (this.#native.isReady(stream)) this.#native.decode(stream);
    } catch (thrown) {
      throw engineFailed(thrown);
    }
  }

  async close(): Promise<void> {}
}
