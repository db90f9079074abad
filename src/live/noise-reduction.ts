import type { NoiseStream, NoiseStreamOptions } from './noise-stream.ts';

/** Opens a stream to the model, or says why there is none. */
export type OpenNoiseStream = (options: Pick<NoiseStreamOptions, 'onTold' | 'onEnd'>) => NoiseStream | string;

export interface NoiseReductionOptions {
  open: OpenNoiseStream;
  /** Gets every frame once, in their order, while methods run or later. */
  onFrame: (frame: Float32Array) => void;
  /** A frame that had to be passed on before it was clean is now: `position` is where it began, in samples of all frames. */
  onLate: (position: number, frame: Float32Array) => void;
  /** Some frames were passed on, or are clean, later, and no more are right now. */
  onProgress: () => void;
  /** The first time that noise stays in, though it was to be taken out. */
  onFallback: (reason: string) => void;
  /** Samples that wait more than before; less where it is negative. */
  onHeld: (samples: number) => void;
}

interface Entry {
  frame: Float32Array;
  stream: NoiseStream;
  clean: boolean;
  /** Where it began, once it was passed on. */
  position: number | undefined;
}

/**
 * Takes the noise out of a session's frames while that is switched on, and passes them on as soon as they are clean.
 * Who cannot wait has them passed on at once; then they are cleaned behind that, where they lie. A model that is not
 * there, fails or falls behind is done without until it is switched on the next time.
 */
export class NoiseReduction {
  readonly #options: NoiseReductionOptions;
  #on = false;
  #stream: NoiseStream | undefined;
  /** Also those that have been switched off and are cleaning what they were given. */
  readonly #streams = new Set<NoiseStream>();
  /** What waits to be passed on or to be clean, in order. */
  #entries: Entry[] = [];
  /** So many of them were passed on. */
  #passed = 0;
  /** Samples that were passed on, of all frames. */
  #position = 0;
  #waitingSamples = 0;
  #finished: PromiseWithResolvers<void> | undefined;
  #fellBack = false;

  constructor(options: NoiseReductionOptions) {
    this.#options = options;
  }

  /** Samples of the frames that wait to be passed on. */
  get waitingSamples(): number {
    return this.#waitingSamples;
  }

  /** Where the first frame began that was passed on and will yet change. */
  get cleanUntil(): number {
    return this.#entries.find(({ clean }) => !clean)?.position ?? Number.POSITIVE_INFINITY;
  }

  /** From the next frame on. */
  switch(on: boolean): void {
    if (on === this.#on) return;
    this.#on = on;
    if (on) return;
    this.passOn();
    this.#stream?.end();
    this.#stream = undefined;
  }

  push(frame: Float32Array): void {
    const stream = this.#current();
    if (stream === undefined) {
      this.#position += frame.length;
      this.#options.onFrame(frame);
      return;
    }
    const entry: Entry = { frame, stream, clean: false, position: undefined };
    this.#entries.push(entry);
    this.#wait(frame.length);
    stream.give(frame, () => this.#cleaned(entry));
  }

  /** Passes on what waits, here and now. It is cleaned without waiting for the next frame, which may never come. */
  passOn(): void {
    while (this.#passed < this.#entries.length) this.#pass(this.#entries[this.#passed]!);
    this.#stream?.flush();
    this.#finished?.resolve();
  }

  /** No more frames come. Resolves when none waits. */
  async finish(): Promise<void> {
    this.#stream?.end();
    if (this.#passed === this.#entries.length) return;
    this.#finished = Promise.withResolvers();
    await this.#finished.promise;
  }

  close(): void {
    for (const stream of this.#streams) stream.close();
    this.#streams.clear();
    this.#stream = undefined;
    this.#on = false;
    this.#entries = [];
    this.#passed = 0;
    this.#wait(-this.#waitingSamples);
    this.#finished?.resolve();
  }

  /** Not opened before there is audio: it takes a place that others may need. */
  #current(): NoiseStream | undefined {
    if (!this.#on || this.#stream !== undefined) return this.#stream;
    const opened = this.#options.open({
      onTold: () => this.#options.onProgress(),
      onEnd: (error) => this.#ended(stream, error?.message),
    });
    if (typeof opened === 'string') {
      this.#on = false;
      this.#tellFallback(opened);
      return undefined;
    }
    const stream = opened;
    this.#streams.add(stream);
    this.#stream = stream;
    return stream;
  }

  #cleaned(entry: Entry): void {
    entry.clean = true;
    if (entry.position !== undefined) this.#options.onLate(entry.position, entry.frame);
    this.#advance();
  }

  #advance(): void {
    for (let next = this.#entries[this.#passed]; next?.clean; next = this.#entries[this.#passed]) this.#pass(next);
    let settled = 0;
    while (settled < this.#passed && this.#entries[settled]!.clean) settled++;
    this.#entries.splice(0, settled);
    this.#passed -= settled;
    if (this.#passed === this.#entries.length) this.#finished?.resolve();
  }

  #pass(entry: Entry): void {
    this.#passed++;
    entry.position = this.#position;
    this.#position += entry.frame.length;
    this.#wait(-entry.frame.length);
    this.#options.onFrame(entry.frame);
  }

  #ended(stream: NoiseStream, reason: string | undefined): void {
    this.#streams.delete(stream);
    if (stream === this.#stream) {
      this.#stream = undefined;
      this.#on = false;
    }
    if (reason === undefined) return;
    this.#tellFallback(reason);
    for (const entry of this.#entries) if (entry.stream === stream) entry.clean = true;
    this.#advance();
    this.#options.onProgress();
  }

  #tellFallback(reason: string): void {
    if (this.#fellBack) return;
    this.#fellBack = true;
    this.#options.onFallback(reason);
  }

  #wait(samples: number): void {
    this.#waitingSamples += samples;
    this.#options.onHeld(samples);
  }
}
