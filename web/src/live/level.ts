import { Store } from '../lib/store.ts';
import { loudness } from '../transcribe/recorder.ts';

/** Frames of 20 ms to one update: an eye sees no more. */
const EVERY = 3;

/** How loud the microphone is, from 0 to 1: by itself, so that nothing else is drawn again with it. */
export class LevelStore extends Store<{ level: number }> {
  #loudest = 0;
  #frames = 0;

  constructor() {
    super({ level: 0 });
  }

  hear(frame: Float32Array): void {
    this.#loudest = Math.max(this.#loudest, loudness(frame));
    if (++this.#frames % EVERY !== 0) return;
    this.update({ level: this.#loudest });
    this.#loudest = 0;
  }

  clear(): void {
    this.#loudest = 0;
    this.update({ level: 0 });
  }
}
