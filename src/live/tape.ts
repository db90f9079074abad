/** Samples of one block: small, because most sessions hold no more than the moments before a voice. */
const BLOCK = 1600;

/** The audio of a session that may still be wanted, by its position. It is let go from the front, and may change at its end. */
export class Tape {
  #blocks: Float32Array[] = [];
  /** Position of the first block. */
  #base = 0;
  #end = 0;
  readonly #onHeld: (samples: number) => void;
  readonly #changesFrom: () => number;

  /**
   * `onHeld` is told of memory that is taken, and with a negative number of what is given back. From the position that
   * `changesFrom` tells on, audio may yet be replaced.
   */
  constructor(onHeld: (samples: number) => void = () => {}, changesFrom = () => Number.POSITIVE_INFINITY) {
    this.#onHeld = onHeld;
    this.#changesFrom = changesFrom;
  }

  /** Samples that were ever appended. */
  get end(): number {
    return this.#end;
  }

  /** What was appended up to here will not change any more. */
  get settled(): number {
    return Math.min(this.#end, this.#changesFrom());
  }

  /** Samples for which there is memory. */
  get held(): number {
    return this.#blocks.length * BLOCK;
  }

  append(pcm: Float32Array): void {
    for (let at = 0; at < pcm.length; ) {
      const used = (this.#end - this.#base) % BLOCK;
      if (this.#end - this.#base === this.held) {
        this.#blocks.push(new Float32Array(BLOCK));
        this.#onHeld(BLOCK);
      }
      const part = pcm.subarray(at, at + BLOCK - used);
      this.#blocks.at(-1)!.set(part, used);
      this.#end += part.length;
      at += part.length;
    }
  }

  /** Puts other samples in the place of those that are held; the rest is left out. */
  replace(position: number, pcm: Float32Array): void {
    const from = Math.max(position, this.#base);
    const to = Math.min(position + pcm.length, this.#end);
    for (let at = from; at < to; ) {
      const offset = (at - this.#base) % BLOCK;
      const block = this.#blocks[Math.floor((at - this.#base) / BLOCK)]!;
      const part = pcm.subarray(at - position, Math.min(at - position + BLOCK - offset, to - position));
      block.set(part, offset);
      at += part.length;
    }
  }

  /** Lets go of whole blocks before a position. */
  dropBefore(position: number): void {
    const blocks = Math.min(this.#blocks.length, Math.floor((position - this.#base) / BLOCK));
    if (blocks <= 0) return;
    this.#blocks.splice(0, blocks);
    this.#onHeld(-blocks * BLOCK);
    this.#base += blocks * BLOCK;
  }

  /** Lets go of everything. */
  clear(): void {
    this.#onHeld(-this.held);
    this.#blocks = [];
    this.#base = this.#end;
  }

  /** A copy of the samples between two positions that are still held. */
  read(from: number, to: number): Float32Array<ArrayBuffer> {
    const pcm = new Float32Array(to - from);
    for (let at = from; at < to; ) {
      const offset = (at - this.#base) % BLOCK;
      const block = this.#blocks[Math.floor((at - this.#base) / BLOCK)]!;
      const part = block.subarray(offset, Math.min(BLOCK, offset + to - at));
      pcm.set(part, at - from);
      at += part.length;
    }
    return pcm;
  }
}
