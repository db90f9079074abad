/** Bytes that arrive when they like, for a reader that waits for them. One read at a time. */
export class ByteQueue {
  /** Bytes that were read. */
  usedBytes = 0;
  #items: (Uint8Array | 'mark')[] = [];
  #markTold = false;
  #ended = false;
  #wake = (): void => {};
  readonly #onDry: () => void;
  readonly #onMark: () => Promise<void>;

  /** `onDry`: the reader waits for bytes. `onMark`: it goes on behind a mark, and gets the bytes there afterwards. */
  constructor(onDry: () => void, onMark: () => Promise<void>) {
    this.#onDry = onDry;
    this.#onMark = onMark;
  }

  push(item: Uint8Array | 'mark'): void {
    this.#items.push(item);
    this.#wake();
  }

  end(): void {
    this.#ended = true;
    this.#wake();
  }

  /** At most `size` bytes of one message, as soon as there is one; each mark, once; null at the end. */
  async read(size: number): Promise<Buffer | 'mark' | null> {
    for (;;) {
      const [item] = this.#items;
      if (item === 'mark') {
        this.#markTold = !this.#markTold;
        if (this.#markTold) return item;
        this.#items.shift();
        await this.#onMark();
      } else if (item !== undefined) {
        const part = item.subarray(0, size);
        if (part.length === item.length) this.#items.shift();
        else this.#items[0] = item.subarray(size);
        this.usedBytes += part.length;
        if (part.length > 0) return Buffer.from(part.buffer, part.byteOffset, part.length);
      } else if (this.#ended) {
        return null;
      } else {
        this.#onDry();
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
