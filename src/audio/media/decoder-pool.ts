import { abortError, SpeechError, shuttingDown } from '../../errors.ts';
import { Decoder, type DecoderOptions } from './decoder.ts';

/** Native libraries keep a little of every file: a decoder is replaced before that adds up. */
const MAX_RECORDINGS = 50;
/** How long decoders beyond the one spare stay when nobody needs them. */
const IDLE_MS = 30_000;
/** The spare is started when the first rush is over. */
const SPARE_DELAY_MS = 500;

export interface DecoderPoolOptions extends DecoderOptions {
  /** Most recordings at once. */
  processes: number;
  /** Most callers that wait for one; more are refused with `overloaded`. */
  waiting: number;
}

/** Hands out decoder processes, one recording each at a time, first come first served. */
export class DecoderPool {
  #options: DecoderPoolOptions;
  #decoders = new Set<Decoder>();
  #idle = new Map<Decoder, NodeJS.Timeout>();
  #starting = 0;
  #waiting = new Set<PromiseWithResolvers<Decoder>>();
  #spareTimer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: DecoderPoolOptions) {
    this.#options = options;
  }

  get pids(): number[] {
    return [...this.#decoders].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  /** A decoder that is ready. Give it back when its job has finished. */
  async take(signal: AbortSignal): Promise<Decoder> {
    if (this.#closed) throw shuttingDown();
    if (signal.aborted) throw abortError(signal);
    clearTimeout(this.#spareTimer);
    this.#spareTimer = setTimeout(() => this.warm(), SPARE_DELAY_MS).unref();
    const [idle] = this.#idle.keys();
    if (idle !== undefined) {
      this.#leaveIdle(idle);
      return idle;
    }
    // Whoever waits for a process to start does not wait for anybody else's recording.
    const coming = this.#starting + this.#options.processes - this.#decoders.size;
    if (this.#waiting.size >= this.#options.waiting + coming) {
      throw new SpeechError('overloaded', 'Too many recordings are waiting to be decoded.', { retryAfterMs: 5000 });
    }
    const turn = Promise.withResolvers<Decoder>();
    const onAbort = (): void => {
      this.#waiting.delete(turn);
      turn.reject(abortError(signal));
    };
    signal.addEventListener('abort', onAbort, { once: true });
    this.#waiting.add(turn);
    this.#startForWaiting();
    try {
      return await turn.promise;
    } finally {
      signal.removeEventListener('abort', onAbort);
    }
  }

  give(decoder: Decoder): void {
    if (this.#closed || !decoder.alive || decoder.recordings >= MAX_RECORDINGS) {
      if (decoder.alive) void decoder.stop(shuttingDown());
      return;
    }
    const [turn] = this.#waiting;
    if (turn === undefined) {
      this.#idle.set(decoder, setTimeout(() => this.#retire(decoder), IDLE_MS).unref());
    } else {
      this.#waiting.delete(turn);
      turn.resolve(decoder);
    }
  }

  /** Starts a decoder where none is idle, so that the next recording need not wait for one. */
  warm(): void {
    if (this.#idle.size === 0 && this.#starting === 0) this.#start();
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#spareTimer);
    for (const turn of this.#waiting) turn.reject(shuttingDown());
    this.#waiting.clear();
    await Promise.all([...this.#decoders].map((decoder) => decoder.stop(shuttingDown())));
  }

  #startForWaiting(): void {
    if (this.#waiting.size > this.#starting) this.#start();
  }

  #start(): void {
    if (this.#closed || this.#decoders.size >= this.#options.processes) return;
    const decoder = new Decoder(this.#options);
    this.#decoders.add(decoder);
    this.#starting++;
    decoder.ready
      .then(
        () => this.give(decoder),
        (error) => this.#refuseOne(error),
      )
      .finally(() => this.#starting--);
    void decoder.exited.then(() => {
      this.#decoders.delete(decoder);
      this.#leaveIdle(decoder);
      this.#startForWaiting();
    });
  }

  /** A start failed. One waits less, so that this cannot go on for ever. */
  #refuseOne(cause: unknown): void {
    const [turn] = this.#waiting;
    if (turn === undefined) return;
    this.#waiting.delete(turn);
    const detail = cause instanceof SpeechError ? cause.detail : String(cause);
    turn.reject(new SpeechError('engine_failed', 'The audio decoder could not start.', { cause, detail }));
  }

  #leaveIdle(decoder: Decoder): void {
    clearTimeout(this.#idle.get(decoder));
    this.#idle.delete(decoder);
  }

  /** The last idle one stays as the spare. */
  #retire(decoder: Decoder): void {
    if (this.#idle.size === 1) return;
    this.#leaveIdle(decoder);
    void decoder.stop(shuttingDown());
  }
}
