import { Store } from '../lib/store.ts';
import { loudness } from '../transcribe/recorder.ts';

/** Frames of 20 ms to one update: an eye sees no more. */
const EVERY = 3;
/** Even a quiet room is louder; this is a microphone that is off. */
const NOTHING = 1e-5;
const SILENT_AFTER_FRAMES = 200;

/** How loud the microphone is, from 0 to 1: by itself, so that nothing else is drawn again with it. */
export class LevelStore extends Store<{ level: number; silent: boolean }> {
  #loudest = 0;
  #frames = 0;
  #silentFrames = 0;

  constructor() {
    super({ level: 0, silent: false });
  }

  hear(frame: Float32Array): void {
    this.#loudest = Math.max(this.#loudest, loudness(frame));
    this.#silentFrames = frame.some((sample) => Math.abs(sample) > NOTHING) ? 0 : this.#silentFrames + 1;
    if (++this.#frames % EVERY !== 0) return;
    this.update({ level: this.#loudest, silent: this.#silentFrames > SILENT_AFTER_FRAMES });
    this.#loudest = 0;
  }

  clear(): void {
    this.#loudest = 0;
    this.#silentFrames = 0;
    this.update({ level: 0, silent: false });
  }
}
