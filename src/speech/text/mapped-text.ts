export interface Range {
  /** UTF-16 offsets, end exclusive. */
  from: number;
  to: number;
}

/**
 * Text that remembers where each of its UTF-16 units came from in the caller's input. Kept through every step of the
 * preparation, so that the times of spoken words can be told in offsets of what the caller sent.
 */
export class MappedText {
  readonly text: string;
  readonly #from: Uint32Array;
  readonly #to: Uint32Array;

  private constructor(text: string, from: Uint32Array, to: Uint32Array) {
    this.text = text;
    this.#from = from;
    this.#to = to;
  }

  /** Text that stands in the input as it is, beginning at `offset`. */
  static of(text: string, offset = 0): MappedText {
    const from = new Uint32Array(text.length);
    const to = new Uint32Array(text.length);
    for (let i = 0; i < text.length; i++) {
      from[i] = offset + i;
      to[i] = offset + i + 1;
    }
    return new MappedText(text, from, to);
  }

  static build(pieces: (builder: MappedTextBuilder) => void): MappedText {
    const parts: string[] = [];
    const from: number[] = [];
    const to: number[] = [];
    pieces({
      copy(source, start = 0, end = source.text.length) {
        parts.push(source.text.slice(start, end));
        for (let i = start; i < end; i++) {
          from.push(source.#from[i]!);
          to.push(source.#to[i]!);
        }
      },
      put(text, range) {
        parts.push(text);
        for (let i = 0; i < text.length; i++) {
          from.push(range.from);
          to.push(range.to);
        }
      },
    });
    return new MappedText(parts.join(''), Uint32Array.from(from), Uint32Array.from(to));
  }

  static join(texts: readonly MappedText[]): MappedText {
    if (texts.length === 1) return texts[0]!;
    return MappedText.build((builder) => {
      for (const text of texts) builder.copy(text);
    });
  }

  get length(): number {
    return this.text.length;
  }

  trim(): MappedText {
    const start = this.text.length - this.text.trimStart().length;
    return this.slice(start, Math.max(start, this.text.trimEnd().length));
  }

  slice(start: number, end: number): MappedText {
    return new MappedText(this.text.slice(start, end), this.#from.subarray(start, end), this.#to.subarray(start, end));
  }

  /**
   * Where in the input the units from `start` to `end` came from: the smallest range that holds them all. Offsets
   * beyond the text count as its ends; an empty range gives the place before `start`.
   */
  range(start: number, end: number): Range {
    const last = this.text.length - 1;
    if (last < 0) return { from: 0, to: 0 };
    const first = Math.min(Math.max(0, start), last + 1);
    const from = first > last ? this.#to[last]! : this.#from[first]!;
    return { from, to: end > first ? this.#to[Math.min(end - 1, last)]! : from };
  }

  /** The first unit that came from `offset` of the input or a later place; the length where there is none. */
  indexFrom(offset: number): number {
    let low = 0;
    let high = this.#from.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (this.#from[middle]! < offset) low = middle + 1;
      else high = middle;
    }
    return low;
  }
}

export interface MappedTextBuilder {
  /** Adds units `start` to `end` of a text with their origin. */
  copy(source: MappedText, start?: number, end?: number): void;
  /** Adds text that stands in place of a range of the input. */
  put(text: string, range: Range): void;
}
