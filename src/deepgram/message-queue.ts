interface Waiting {
  /** Undefined while it is being made. */
  message: object | undefined;
}

/** Sends messages in their order, also those that take their time to be made: whatever comes behind one waits for it. */
export class MessageQueue {
  readonly #send: (message: object) => void;
  #waiting: Waiting[] = [];
  #onEmpty: (() => void)[] = [];

  constructor(send: (message: object) => void) {
    this.#send = send;
  }

  /** A promise may not reject. */
  add(message: object | Promise<object>): void {
    const entry: Waiting = { message: message instanceof Promise ? undefined : message };
    this.#waiting.push(entry);
    if (message instanceof Promise) {
      void message.then((made) => {
        entry.message = made;
        this.#flush();
      });
    } else this.#flush();
  }

  /** Resolves when all that was added has been sent. */
  async sent(): Promise<void> {
    if (this.#waiting.length > 0) await new Promise<void>((resolve) => this.#onEmpty.push(resolve));
  }

  #flush(): void {
    for (let [first] = this.#waiting; first?.message !== undefined; [first] = this.#waiting) {
      this.#waiting.shift();
      this.#send(first.message);
    }
    if (this.#waiting.length === 0) for (const resolve of this.#onEmpty.splice(0)) resolve();
  }
}
