import { Worker } from 'node:worker_threads';

/** What crosses to the hashing thread. `to` is how much of the file has been written. */
export type ToHasher =
  | { id: number; act: 'open'; path: string }
  | { id: number; act: 'advance' | 'finish'; to: number }
  | { id: number; act: 'drop' };
export type FromHasher = { id: number; sha256: string } | { id: number; failed: string };

/** Written bytes after which the thread is told to go on. */
const STEP_BYTES = 4 * 1024 * 1024;

/**
 * Hashes files behind those who write them: a thread reads what has just been written, while it is still in the
 * system's memory. So what is hashed is what lies in the file, also where a download goes on with an older part of it,
 * and the event loop never hashes.
 */
export class Hashing {
  #thread: Worker | undefined;
  #waiting = new Map<number, { resolve(sha256: string): void; reject(error: Error): void }>();
  #open = 0;
  #nextId = 1;

  /** Begins with a file that may hold bytes already. */
  follow(path: string): Follower {
    const id = this.#nextId++;
    this.#open++;
    this.#post({ id, act: 'open', path });
    return new Follower({
      post: (message) => this.#post({ ...message, id }),
      answer: () => new Promise((resolve, reject) => this.#waiting.set(id, { resolve, reject })),
      end: () => {
        this.#waiting.delete(id);
        this.#open--;
        if (this.#open === 0) this.#thread?.unref();
      },
    });
  }

  async close(): Promise<void> {
    await this.#thread?.terminate();
  }

  #post(message: ToHasher): void {
    this.#thread ??= this.#start();
    this.#thread.ref();
    this.#thread.postMessage(message);
  }

  #start(): Worker {
    const thread = new Worker(new URL('./hashing.thread.ts', import.meta.url));
    thread.on('message', (message: FromHasher) => {
      const waiting = this.#waiting.get(message.id);
      if ('sha256' in message) waiting?.resolve(message.sha256);
      else waiting?.reject(new Error(message.failed));
    });
    const ended = (error: Error): void => {
      this.#thread = undefined;
      for (const { reject } of this.#waiting.values()) reject(error);
    };
    thread.on('error', ended);
    thread.on('exit', (code) => ended(new Error(`the hashing thread ended with code ${code}`)));
    return thread;
  }
}

type WithoutId<T> = T extends unknown ? Omit<T, 'id'> : never;

interface Line {
  post(message: WithoutId<ToHasher>): void;
  answer(): Promise<string>;
  end(): void;
}

/** One file being hashed. */
export class Follower {
  #line: Line;
  #told = 0;
  #ended = false;

  constructor(line: Line) {
    this.#line = line;
  }

  /** Says how many bytes of the file have been written so far. */
  advance(to: number): void {
    if (to - this.#told < STEP_BYTES) return;
    this.#told = to;
    this.#line.post({ act: 'advance', to });
  }

  /** Resolves with the SHA-256 in hex of the file's first `bytes` bytes. */
  async finish(bytes: number): Promise<string> {
    try {
      const answer = this.#line.answer();
      this.#line.post({ act: 'finish', to: bytes });
      return await answer;
    } finally {
      this.#end();
    }
  }

  /** Gives up on a file that is not finished. Safe to call after `finish`. */
  drop(): void {
    if (this.#ended) return;
    this.#line.post({ act: 'drop' });
    this.#end();
  }

  #end(): void {
    this.#ended = true;
    this.#line.end();
  }
}
