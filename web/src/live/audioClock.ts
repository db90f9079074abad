/** Frames whose time is remembered: 82 s at 20 ms each. */
const MARKS = 4096;
/** Much longer than a frame: what lies further before the first mark is forgotten. */
const NEAR_MS = 1000;

/**
 * When each moment of the microphone's sound happened. The server speaks of positions in the sound, people wait by the
 * clock on the wall.
 */
export class AudioClock {
  readonly #marks: { endMs: number; at: number }[] = [];

  /** The sound had grown to `endMs` at the time `at`. */
  mark(endMs: number, at: number): void {
    this.#marks.push({ endMs, at });
    if (this.#marks.length > MARKS) this.#marks.shift();
  }

  /** When the sound came to this position; null where that was too long ago, or has not happened. */
  timeOf(ms: number): number | null {
    let low = 0;
    let high = this.#marks.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#marks[middle]?.endMs ?? 0) < ms) low = middle + 1;
      else high = middle;
    }
    const mark = this.#marks[low];
    return mark === undefined || mark.endMs - ms > NEAR_MS ? null : mark.at - (mark.endMs - ms);
  }
}
