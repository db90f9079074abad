import { abortError, SpeechError } from '../errors.ts';
import type { CallContext } from '../workers/contract.ts';
import type { Router } from '../workers/router.ts';

/** Windows that the model judges have this length, so nothing shorter needs to be sent. */
const WINDOW = 512;

export interface SileroWatchOptions {
  router: Pick<Router, 'call'>;
  /** Catalogue id of a model that can `watchSpeech`. */
  model: string;
  threshold: number;
  context: Omit<CallContext, 'signal' | 'cost'>;
  /** All audio before this sample of what was given has its verdict; `voice` is that of its last window. */
  onVerdict: (before: number, voice: boolean) => void;
  /** What one message brought was told. */
  onTold: () => void;
  /** No more verdicts come: it failed, or everything that was given until `end` was judged. */
  onEnd: (error: SpeechError | undefined) => void;
}

/** One stream of audio that a model in an engine process looks for voices in. Nothing is told after `close`. */
export class SileroWatch {
  #options: SileroWatchOptions;
  #stop = new AbortController();
  #parts: Float32Array[] = [];
  #partsLength = 0;
  #given = 0;
  #sent = 0;
  #judged = 0;
  #ended = false;
  #wake: (() => void) | undefined;

  constructor(options: SileroWatchOptions) {
    this.#options = options;
    void this.#run();
  }

  /** Samples that were given so far. */
  get given(): number {
    return this.#given;
  }

  /** Samples that will be judged before any more come. */
  get judgeable(): number {
    return this.#ended ? this.#given : this.#given - (this.#given % WINDOW);
  }

  give(pcm: Float32Array): void {
    this.#parts.push(pcm);
    this.#partsLength += pcm.length;
    this.#given += pcm.length;
    if (this.#partsLength >= WINDOW) this.#tell();
  }

  /** No more audio comes. */
  end(): void {
    this.#ended = true;
    this.#tell();
  }

  close(): void {
    this.#stop.abort(new SpeechError('cancelled', 'Nobody waits for it.'));
    this.#tell();
  }

  async #run(): Promise<void> {
    const { router, model, threshold, context, onVerdict, onTold, onEnd } = this.#options;
    const { signal } = this.#stop;
    let error: SpeechError | undefined;
    try {
      const call = { ...context, signal, cost: 0 };
      for await (const { windowSamples, voices } of router.call(
        'watchSpeech',
        model,
        { threshold },
        call,
        this.#audio(),
      )) {
        for (const voice of voices) {
          if (signal.aborted) return;
          this.#judged += windowSamples;
          onVerdict(this.#judged, voice);
        }
        if (voices.length > 0 && !signal.aborted) onTold();
      }
    } catch (thrown) {
      error = SpeechError.from(thrown);
    }
    if (!signal.aborted) onEnd(error);
  }

  async *#audio(): AsyncGenerator<Float32Array> {
    for (;;) {
      if (this.#stop.signal.aborted) throw abortError(this.#stop.signal);
      const wanted = this.judgeable - this.#sent;
      if (wanted > 0) yield this.#taken(wanted);
      else if (this.#ended) return;
      else await new Promise<void>((resolve) => (this.#wake = resolve));
    }
  }

  /** A copy of this many samples of what was given. */
  #taken(length: number): Float32Array {
    const taken = new Float32Array(length);
    let at = 0;
    while (at < length) {
      const part = this.#parts[0]!;
      const used = part.subarray(0, length - at);
      taken.set(used, at);
      at += used.length;
      if (used.length === part.length) this.#parts.shift();
      else this.#parts[0] = part.subarray(used.length);
    }
    this.#partsLength -= length;
    this.#sent += length;
    return taken;
  }

  #tell(): void {
    this.#wake?.();
    this.#wake = undefined;
  }
}
