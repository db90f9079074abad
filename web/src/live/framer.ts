/** Cuts blocks of any length into frames of one length. */
export class Framer {
  readonly #emit: (frame: Float32Array<ArrayBuffer>) => void;
  readonly #size: number;
  #frame: Float32Array<ArrayBuffer>;
  #filled = 0;

  /** Each frame is the receiver's own. */
  constructor(size: number, emit: (frame: Float32Array<ArrayBuffer>) => void) {
    this.#size = size;
    this.#emit = emit;
    this.#frame = new Float32Array(size);
  }

  push(block: Float32Array): void {
    for (let at = 0; at < block.length; ) {
      const take = Math.min(block.length - at, this.#size - this.#filled);
      this.#frame.set(block.subarray(at, at + take), this.#filled);
      this.#filled += take;
      at += take;
      if (this.#filled < this.#size) return;
      const whole = this.#frame;
      this.#frame = new Float32Array(this.#size);
      this.#filled = 0;
      this.#emit(whole);
    }
  }
}
