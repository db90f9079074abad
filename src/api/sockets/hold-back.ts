import type { SocketSession } from './session.ts';

/** How often a client that was stopped is looked at again, in ms. */
const LOOK_MS = 50;

/** Reads a recording that is sent faster than it can be heard no faster than that. */
export class HoldBack {
  readonly #out: Pick<SocketSession, 'hold' | 'release'>;
  readonly #backlogMs: () => number;
  readonly #boundMs: number;
  #holding: NodeJS.Timeout | undefined;

  /** `boundMs`: the backlog at which audio would be refused. */
  constructor(out: Pick<SocketSession, 'hold' | 'release'>, backlogMs: () => number, boundMs: number) {
    this.#out = out;
    this.#backlogMs = backlogMs;
    this.#boundMs = boundMs;
  }

  /** To be called behind every piece of audio. */
  check(): void {
    if (this.#holding !== undefined || this.#backlogMs() < this.#boundMs / 4) return;
    this.#out.hold();
    const look = (): void => {
      this.#holding = undefined;
      if (this.#backlogMs() < this.#boundMs / 8) this.#out.release();
      else this.#holding = setTimeout(look, LOOK_MS);
    };
    this.#holding = setTimeout(look, LOOK_MS);
  }

  /** The socket is gone. */
  stop(): void {
    clearTimeout(this.#holding);
  }
}
