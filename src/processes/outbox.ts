/** The first message of a batch waits no longer than this while others are added, in ms. */
const MOST_WAIT_MS = 1;

/** Resolves when the batch has left this process, or cannot. */
export type SendBatch = (values: unknown[]) => Promise<void>;

/**
 * Gathers what is sent within one turn of the event loop: to the system and to the serializer, fifty small messages
 * cost hardly more than one, and live audio is nothing but small messages. Their order is kept.
 */
export class Outbox {
  readonly #send: SendBatch;
  readonly #now: () => number;
  #values: unknown[] = [];
  #left = Promise.withResolvers<void>();
  #since = 0;
  #turn: NodeJS.Immediate | undefined;

  /** `now` is milliseconds from any origin. */
  constructor(send: SendBatch, now: () => number = () => performance.now()) {
    this.#send = send;
    this.#now = now;
  }

  /** Resolves when the message has left this process. */
  add(value: unknown): Promise<void> {
    const { promise } = this.#left;
    this.#values.push(value);
    if (this.#turn === undefined) {
      this.#since = this.#now();
      this.#turn = setImmediate(() => this.flush());
    } else if (this.#now() - this.#since > MOST_WAIT_MS) {
      this.flush();
    }
    return promise;
  }

  /** Sends now what was gathered, if there is anything. */
  flush(): void {
    if (this.#turn === undefined) return;
    clearImmediate(this.#turn);
    this.#turn = undefined;
    const [values, { resolve }] = [this.#values, this.#left];
    this.#values = [];
    this.#left = Promise.withResolvers();
    void this.#send(values).then(resolve);
  }
}
