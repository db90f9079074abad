import { abortError } from '../../errors.ts';

interface Waiting {
  key: string;
  start: () => void;
}

/** Bounds how many things happen at once: in all, and for each key. Who came first goes first. */
export class Slots {
  #total: number;
  #perKey: number;
  #taken = 0;
  #takenByKey = new Map<string, number>();
  #queue: Waiting[] = [];

  constructor(total: number, perKey: number) {
    this.#total = total;
    this.#perKey = perKey;
  }

  /** Runs `work` when there is room. Throws SpeechError `cancelled` where the signal fires before. */
  async run<T>(key: string, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    await this.#take(key, signal);
    try {
      return await work();
    } finally {
      this.#change(key, -1);
      this.#startNext();
    }
  }

  async #take(key: string, signal: AbortSignal): Promise<void> {
    if (signal.aborted) throw abortError(signal);
    await new Promise<void>((resolve, reject) => {
      const waiting: Waiting = {
        key,
        start: () => {
          signal.removeEventListener('abort', onAbort);
          this.#change(key, 1);
          resolve();
        },
      };
      const onAbort = (): void => {
        this.#queue.splice(this.#queue.indexOf(waiting), 1);
        reject(abortError(signal));
      };
      signal.addEventListener('abort', onAbort, { once: true });
      this.#queue.push(waiting);
      this.#startNext();
    });
  }

  #startNext(): void {
    for (;;) {
      if (this.#taken >= this.#total) return;
      const next = this.#queue.findIndex(({ key }) => (this.#takenByKey.get(key) ?? 0) < this.#perKey);
      if (next === -1) return;
      this.#queue.splice(next, 1)[0]!.start();
    }
  }

  #change(key: string, by: 1 | -1): void {
    this.#taken += by;
    const taken = (this.#takenByKey.get(key) ?? 0) + by;
    if (taken === 0) this.#takenByKey.delete(key);
    else this.#takenByKey.set(key, taken);
  }
}
