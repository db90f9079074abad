/** Calls `stalled` when a whole window of time brings fewer bytes than it should. */
export class StallWatch {
  #timer: NodeJS.Timeout;
  #bytes = 0;

  /** A window without any byte is a stall even where `bytesPerSecond` is 0. */
  constructor(windowMs: number, bytesPerSecond: number, stalled: () => void) {
    const least = Math.max(1, (bytesPerSecond * windowMs) / 1000);
    this.#timer = setInterval(() => {
      if (this.#bytes < least) stalled();
      this.#bytes = 0;
    }, windowMs);
  }

  add(bytes: number): void {
    this.#bytes += bytes;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
