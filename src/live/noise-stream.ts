import { joined } from '../audio/join.ts';
import { abortError, SpeechError } from '../errors.ts';
import type { CallContext } from '../workers/contract.ts';
import type { Router } from '../workers/router.ts';
import { toMs } from './utterance.ts';

/**
 * How long audio may wait to be cleaned, besides a part of what waits before it: a recording that comes at once takes
 * longer. Longer for the first, because the model may have to be loaded.
 */
const LAG_MS = 2000;
const START_MS = 5000;
const LAG_PART = 0.5;

export interface NoiseStreamOptions {
  router: Pick<Router, 'call'>;
  /** Catalogue id of a model that can `denoiseLive`. */
  model: string;
  /** What it hears beyond what it gives back. */
  delaySamples: number;
  context: Omit<CallContext, 'signal' | 'cost'>;
  /** What one message brought was told. */
  onTold: () => void;
  /** Nothing more is cleaned: it failed or is too slow, or everything that was given until `end` is clean. */
  onEnd: (error: SpeechError | undefined) => void;
}

interface Given {
  pcm: Float32Array;
  /** Where it ends in all that was given. */
  until: number;
  /** All of it is clean; undefined for silence that nobody gave. */
  onClean: (() => void) | undefined;
  /** Set once it can be cleaned: the audio that is needed for that may come much later. */
  dueAt: number | undefined;
}

/** One stream of audio that a model in an engine process takes the noise out of, in place. Nothing is told after `close`. */
export class NoiseStream {
  readonly #options: NoiseStreamOptions;
  readonly #stop = new AbortController();
  /** What is not clean yet, in order; the first `#filled` samples are. */
  #waiting: Given[] = [];
  #filled = 0;
  /** Of what waits, what was not sent. */
  #unsent: Float32Array[] = [];
  #given = 0;
  #cleaned = 0;
  /** Samples behind the last silence, which are all that may lack what follows them. */
  #sinceFlush = 0;
  #begun = false;
  #ended = false;
  #wake: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: NoiseStreamOptions) {
    this.#options = options;
    void this.#run();
  }

  /** Takes the noise out of these samples and calls `onClean`. */
  give(pcm: Float32Array, onClean: () => void): void {
    this.#add(pcm, onClean);
    this.#sinceFlush += pcm.length;
  }

  /** Has everything cleaned without waiting for more audio: the model hears silence next. */
  flush(): void {
    if (this.#sinceFlush === 0 || this.#ended) return;
    this.#add(new Float32Array(this.#options.delaySamples), undefined);
    this.#sinceFlush = 0;
  }

  /** No more audio comes. */
  end(): void {
    this.#ended = true;
    this.#setDue();
    this.#tell();
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#stop.abort(new SpeechError('cancelled', 'Nobody waits for it.'));
    this.#tell();
  }

  #add(pcm: Float32Array, onClean: Given['onClean']): void {
    this.#given += pcm.length;
    this.#waiting.push({ pcm, until: this.#given, onClean, dueAt: undefined });
    this.#unsent.push(pcm);
    this.#setDue();
    this.#tell();
  }

  async #run(): Promise<void> {
    const { router, model, context, onTold } = this.#options;
    const { signal } = this.#stop;
    try {
      const call = { ...context, signal, cost: 0 };
      for await (const { pcm } of router.call('denoiseLive', model, {}, call, this.#audio())) {
        if (signal.aborted) return;
        this.#begun = true;
        this.#fill(pcm);
        if (!signal.aborted) onTold();
      }
      const whole = this.#ended && this.#waiting.length === 0;
      this.#end(whole ? undefined : new SpeechError('engine_failed', 'The audio did not come back whole.'));
    } catch (thrown) {
      this.#end(SpeechError.from(thrown));
    }
  }

  #end(error: SpeechError | undefined): void {
    if (this.#stop.signal.aborted) return;
    this.close();
    this.#options.onEnd(error);
  }

  async *#audio(): AsyncGenerator<Float32Array> {
    for (;;) {
      if (this.#stop.signal.aborted) throw abortError(this.#stop.signal);
      // A copy: what is given is cleaned in place.
      if (this.#unsent.length > 0) yield joined(this.#unsent.splice(0));
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  #fill(clean: Float32Array): void {
    this.#cleaned += clean.length;
    const { signal } = this.#stop;
    for (let at = 0; at < clean.length && this.#waiting.length > 0 && !signal.aborted; ) {
      const { pcm, onClean } = this.#waiting[0]!;
      const part = clean.subarray(at, at + pcm.length - this.#filled);
      pcm.set(part, this.#filled);
      at += part.length;
      this.#filled += part.length;
      if (this.#filled < pcm.length) return;
      this.#filled = 0;
      this.#waiting.shift();
      onClean?.();
    }
  }

  #setDue(): void {
    const cleanable = this.#given - (this.#ended ? 0 : this.#options.delaySamples);
    const dueAt = performance.now() + (this.#begun ? LAG_MS : START_MS) + LAG_PART * toMs(this.#given - this.#cleaned);
    for (let at = this.#waiting.length - 1; at >= 0 && this.#waiting[at]!.dueAt === undefined; at--) {
      if (this.#waiting[at]!.until <= cleanable) this.#waiting[at]!.dueAt = dueAt;
    }
    this.#setTimer(LAG_MS);
  }

  /** One timer that is early is cheaper than a new one with each piece. */
  #setTimer(inMs: number): void {
    if (this.#stop.signal.aborted) return;
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const dueAt = this.#waiting[0]?.dueAt;
      if (dueAt === undefined) return;
      const leftMs = dueAt - performance.now();
      if (leftMs <= 0) this.#end(new SpeechError('overloaded', 'The noise is taken out too slowly.'));
      else this.#setTimer(Math.min(leftMs, LAG_MS));
    }, inMs);
  }

  #tell(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
