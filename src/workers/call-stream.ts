/**
 * The answer to one call while it arrives: the worker pushes messages in, one reader takes them out. It buffers what
 * the worker sends; the worker is kept within bounds by acknowledgements, which `onTake` feeds.
 */
export class CallStream<T> implements AsyncIterableIterator<T> {
  /** Called for each message that the reader takes. */
  onTake: (message: T) => void = nothing;
  /** Called once: with true where the reader gave up or the call was aborted, so that the work has to stop. */
  onEnd: (stopped: boolean) => void = nothing;
  #buffer: T[] = [];
  #waiting: PromiseWithResolvers<IteratorResult<T>> | undefined;
  #ended = false;
  #error: Error | undefined;

  get ended(): boolean {
    return this.#ended;
  }

  push(message: T): void {
    if (this.#ended) return;
    const waiting = this.#waiting;
    if (waiting === undefined) {
      this.#buffer.push(message);
      return;
    }
    this.#waiting = undefined;
    this.onTake(message);
    waiting.resolve({ done: false, value: message });
  }

  /** No more messages come. What arrived can still be taken. */
  end(): void {
    this.#finish(undefined, false);
  }

  /** The work failed. What arrived can still be taken, then the reader meets the error. */
  fail(error: Error): void {
    this.#finish(error, false);
  }

  /** Ends the call from our side, now: the reader meets the error next, whatever had arrived. */
  abort(error: Error): void {
    if (this.#ended) return;
    this.#buffer = [];
    this.#finish(error, true);
  }

  async next(): Promise<IteratorResult<T>> {
    const message = this.#buffer.shift();
    if (message !== undefined) {
      this.onTake(message);
      return { done: false, value: message };
    }
    if (!this.#ended) {
      this.#waiting ??= Promise.withResolvers();
      return this.#waiting.promise;
    }
    const error = this.#error;
    this.#error = undefined;
    if (error !== undefined) throw error;
    return { done: true, value: undefined };
  }

  async return(): Promise<IteratorResult<T>> {
    this.#buffer = [];
    this.#error = undefined;
    this.#finish(undefined, true);
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  #finish(error: Error | undefined, stopped: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    if (waiting === undefined) this.#error = error;
    else if (error !== undefined) waiting.reject(error);
    else waiting.resolve({ done: true, value: undefined });
    this.onEnd(stopped);
  }
}

function nothing(): void {}
