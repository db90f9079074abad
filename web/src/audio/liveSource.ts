/**
 * Audio that is played while it still arrives, through Media Source Extensions. Pieces may be added at any time; they
 * wait for their turn. A browser keeps some minutes of such audio at most: past that `overflowed` is true, nothing
 * more is added, and the caller goes on with the complete recording once it has it.
 */
export class LiveSource {
  readonly #source = new MediaSource();
  readonly #waiting: Uint8Array<ArrayBuffer>[] = [];
  #buffer: SourceBuffer | null = null;
  #ending = false;
  #overflowed = false;
  /** For the `src` of an audio element. Whoever stops using it revokes it. */
  readonly url = URL.createObjectURL(this.#source);

  static supports(type: string): boolean {
    return typeof MediaSource !== 'undefined' && MediaSource.isTypeSupported(type);
  }

  constructor(type: string) {
    this.#source.addEventListener(
      'sourceopen',
      () => {
        // The event comes late where the audio was given up in the meantime.
        if (this.#source.readyState !== 'open') return;
        this.#buffer = this.#source.addSourceBuffer(type);
        this.#buffer.addEventListener('updateend', () => this.#advance());
        this.#advance();
      },
      { once: true },
    );
  }

  get overflowed(): boolean {
    return this.#overflowed;
  }

  append(piece: Uint8Array<ArrayBuffer>): void {
    this.#waiting.push(piece);
    this.#advance();
  }

  /** No more pieces: the duration is known once the last has been taken. */
  end(): void {
    this.#ending = true;
    this.#advance();
  }

  #advance(): void {
    if (this.#buffer === null || this.#buffer.updating || this.#source.readyState !== 'open') return;
    const piece = this.#overflowed ? undefined : this.#waiting[0];
    if (piece === undefined) {
      if (this.#ending && !this.#overflowed) this.#source.endOfStream();
      return;
    }
    try {
      this.#buffer.appendBuffer(piece);
      this.#waiting.shift();
    } catch {
      this.#overflowed = true;
      this.#waiting.length = 0;
    }
  }
}
