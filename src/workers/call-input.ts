import type { AudioInput } from './contract.ts';

/** The audio of one call on its way to whoever runs it: it can be read once, and is stopped once. */
export class CallInput implements AudioInput {
  /** Somebody has begun to read it, so that no second attempt could hear all of it. */
  begun = false;
  #iterator: AsyncIterator<Float32Array>;
  #ended = false;

  constructor(input: AudioInput) {
    this.#iterator = input[Symbol.asyncIterator]();
  }

  [Symbol.asyncIterator](): AsyncIterator<Float32Array> {
    this.begun = true;
    return { next: () => this.#next(), return: () => this.stop() };
  }

  /** Tells the source that nobody reads on, unless it has ended by itself. What it makes of that harms nobody. */
  async stop(): Promise<IteratorResult<Float32Array>> {
    if (!this.#ended) {
      this.#ended = true;
      try {
        await this.#iterator.return?.();
      } catch {
        // The call has its answer, or its own error.
      }
    }
    return { done: true, value: undefined };
  }

  async #next(): Promise<IteratorResult<Float32Array>> {
    if (this.#ended) return { done: true, value: undefined };
    try {
      const step = await this.#iterator.next();
      if (step.done) this.#ended = true;
      return step;
    } catch (error) {
      this.#ended = true;
      throw error;
    }
  }
}
