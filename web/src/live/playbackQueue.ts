/** What happened in the queue while it was played from. */
export type PlaybackEvent = { type: 'started'; item: string } | { type: 'finished'; item: string };

/** How far the sound of an item had come, in samples. */
export interface PlayedUntil {
  item: string;
  samples: number;
}

interface Entry {
  item: string;
  pieces: Float32Array[];
  /** Of the first piece. */
  at: number;
  played: number;
  complete: boolean;
}

/**
 * Sound that waits to be played, item by item. The bound on it is with whoever fills it: in here nobody could be told.
 */
export class PlaybackQueue {
  readonly #entries: Entry[] = [];

  push(item: string, samples: Float32Array): void {
    const last = this.#entries.at(-1);
    if (last?.item === item) last.pieces.push(samples);
    else this.#entries.push({ item, pieces: [samples], at: 0, played: 0, complete: false });
  }

  /** Nothing more comes of this item. */
  complete(item: string): void {
    const entry = this.#entries.find((candidate) => candidate.item === item);
    if (entry !== undefined) entry.complete = true;
  }

  /** Fills `out` with what comes next and with silence behind it; an item that lacks its next piece is waited for. */
  play(out: Float32Array): PlaybackEvent[] {
    const events: PlaybackEvent[] = [];
    let filled = 0;
    while (filled < out.length) {
      const entry = this.#entries[0];
      if (entry === undefined) break;
      const piece = entry.pieces[0];
      if (piece === undefined) {
        if (!entry.complete) break;
        this.#entries.shift();
        events.push({ type: 'finished', item: entry.item });
        continue;
      }
      if (entry.played === 0 && piece.length > 0) events.push({ type: 'started', item: entry.item });
      const part = piece.subarray(entry.at, entry.at + out.length - filled);
      out.set(part, filled);
      filled += part.length;
      entry.played += part.length;
      entry.at += part.length;
      if (entry.at < piece.length) continue;
      entry.pieces.shift();
      entry.at = 0;
    }
    out.fill(0, filled);
    return events;
  }

  /** Empties the queue at once. Tells how far each item in it had come. */
  clear(): PlayedUntil[] {
    return this.#entries.splice(0).map(({ item, played }) => ({ item, samples: played }));
  }
}
