import { SpeechError } from '../../errors.ts';

const RETRY_AFTER_MS = 5000;

/** Counts the recordings that are in memory as a whole, so that they never take more than there is. */
export class WholeRecordings {
  #held = 0;
  #most: number;

  constructor(most: number) {
    this.#most = most;
  }

  /** Returns how to give the place back. Throws `overloaded` where there is none. */
  take(): () => void {
    if (this.#held >= this.#most) {
      const message = 'Too many recordings are having their speakers told apart at the moment.';
      throw new SpeechError('overloaded', message, { retryAfterMs: RETRY_AFTER_MS });
    }
    this.#held++;
    let given = false;
    return () => {
      if (!given) this.#held--;
      given = true;
    };
  }
}
