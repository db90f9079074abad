/** 32-bit floats. */
const BYTES_PER_SAMPLE = 4;

/**
 * What the audio of all live sessions of a server takes in memory. Each session has its own bounds; this one is for all
 * of them together, and one caller may take half of it, so that nobody keeps the others silent.
 */
export class AudioRoom {
  #bytes = 0;
  readonly #perCaller = new Map<string, number>();

  /** Takes room, or gives it back where `samples` is negative. */
  take(caller: string, samples: number): void {
    const bytes = samples * BYTES_PER_SAMPLE;
    this.#bytes += bytes;
    const own = (this.#perCaller.get(caller) ?? 0) + bytes;
    if (own > 0) this.#perCaller.set(caller, own);
    else this.#perCaller.delete(caller);
  }

  /** Whether this caller may take more. */
  isFree(caller: string, maxBytes: number): boolean {
    return this.#bytes < maxBytes && (this.#perCaller.get(caller) ?? 0) < maxBytes / 2;
  }
}

const rooms = new WeakMap<object, AudioRoom>();

/** The room of a server, which is known by its router. */
export function audioRoomOf(router: object): AudioRoom {
  const known = rooms.get(router) ?? new AudioRoom();
  rooms.set(router, known);
  return known;
}
