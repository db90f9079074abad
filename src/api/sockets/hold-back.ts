import type { SocketSession } from './session.ts';

/** How often a client that was stopped is looked at again, in ms. */
const LOOK_MS = 50;

/** Reads a recording that is sent faster than it can be heard no faster than that. */
export class HoldBack {
  readonly #out: Pick<SocketSession, 'hold' | 'release'>;
  readonly #backlogMs: () => number;
  readonly #boundMs: number;
  readonly #inUtterance: () => boolean;
  #holding: NodeJS.Timeout | undefined;

  /**
   * `boundMs`: the backlog at which audio would be refused. `inUtterance`: true while somebody speaks whose pauses
   * count; there a long wait would be taken for the end of the utterance, so it is put off as long as possible.
   */
  constructor(
    out: Pick<SocketSession, 'hold' | 'release'>,
    backlogMs: () => number,
    boundMs: number,
    inUtterance: () => boolean = () => false,
  ) {
    this.#out = out;
    this.#backlogMs = backlogMs;
    this.#boundMs = boundMs;
    this.#inUtterance = inUtterance;
  }

  /** To be called behind every piece of audio. */
  check(): void {
    if (this.#holding !== undefined || !this.#behind(4)) return;
    this.#out.hold();
    const look = (): void => {
      this.#holding = undefined;
      // What was read already may have begun an utterance since.
      if (this.#behind(8)) this.#holding = setTimeout(look, LOOK_MS);
      else this.#out.release();
    };
    this.#holding = setTimeout(look, LOOK_MS);
  }

  /** Whether the backlog is at this part of the bound; in an utterance, at half of it. */
  #behind(part: number): boolean {
    return this.#backlogMs() >= this.#boundMs / (this.#inUtterance() ? 2 : part);
  }

  /** The socket is gone. */
  stop(): void {
    clearTimeout(this.#holding);
  }
}
