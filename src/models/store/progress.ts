/** How far a model has come. */
export interface StoreProgress {
  state: 'downloading' | 'unpacking' | 'verifying';
  /** Bytes that have been fetched, or unpacked. */
  bytes: number;
  total: number;
  /** Bytes per second over the last seconds; 0 where nothing moves. */
  rate: number;
}

const TELL_EVERY_MS = 100;
/** A new measurement's share in the rate: about five seconds until an old rate is forgotten. */
const WEIGHT_PER_SECOND = 0.5;

/** Counts bytes, measures their rate, and tells of it a few times a second. */
export class ProgressMeter {
  #now: () => number;
  #tell: (progress: StoreProgress) => void;
  #progress: StoreProgress = { state: 'downloading', bytes: 0, total: 0, rate: 0 };
  #toldAt: number;
  #toldBytes = 0;

  /** `now` in milliseconds. */
  constructor(tell: (progress: StoreProgress) => void, now: () => number = () => performance.now()) {
    this.#tell = tell;
    this.#now = now;
    this.#toldAt = now();
  }

  begin(state: StoreProgress['state'], total: number): void {
    this.#progress = { state, bytes: 0, total, rate: 0 };
    this.#toldAt = this.#now();
    this.#toldBytes = 0;
    this.#tell({ ...this.#progress });
  }

  /** Counts bytes that were there before, or turned out useless: they say nothing about the rate. */
  found(bytes: number): void {
    this.#toldBytes += bytes;
    this.add(bytes);
  }

  add(bytes: number): void {
    this.#progress.bytes += bytes;
    const seconds = (this.#now() - this.#toldAt) / 1000;
    if (seconds * 1000 < TELL_EVERY_MS) return;
    const rate = Math.max(0, this.#progress.bytes - this.#toldBytes) / seconds;
    const weight = this.#progress.rate === 0 ? 1 : 1 - WEIGHT_PER_SECOND ** seconds;
    this.#progress.rate = Math.round(this.#progress.rate * (1 - weight) + rate * weight);
    this.#toldAt = this.#now();
    this.#toldBytes = this.#progress.bytes;
    this.#tell({ ...this.#progress });
  }
}
