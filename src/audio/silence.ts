import type { AudioChunk } from './contract.ts';

/** Samples below this count as silence: -50 dB, above what synthesisers leave between words, below any consonant. */
const THRESHOLD = 10 ** (-50 / 20);
/** What stays before the first sound and after the last, so that soft beginnings and endings survive. */
const KEEP_BEFORE_MS = 30;
const KEEP_AFTER_MS = 80;
/** A pause is held back until sound follows it, but not for longer than this. */
const MAX_HELD_MS = 10_000;

/**
 * Takes away the silence before the first sound of a stream and after its last, or at one of the two; pauses between
 * sounds stay whole.
 */
export class SilenceTrimmer {
  #sounded: boolean;
  #trimEnd: boolean;
  #held: AudioChunk[] = [];
  #heldMs = 0;
  #skippedMs = 0;

  constructor({ start, end }: { start: boolean; end: boolean } = { start: true, end: true }) {
    this.#sounded = !start;
    this.#trimEnd = end;
  }

  /** How much of the beginning has been taken away: what times in the untrimmed stream have to be moved by. */
  get skippedMs(): number {
    return this.#skippedMs;
  }

  push(chunk: AudioChunk): AudioChunk[] {
    if (this.#sounded && !this.#trimEnd) return [chunk];
    const last = chunk.pcm.findLastIndex(isSound);
    if (last === -1) {
      this.#hold(chunk);
      return this.#release(this.#sounded ? MAX_HELD_MS : KEEP_BEFORE_MS);
    }
    let from = 0;
    if (!this.#sounded) {
      from = chunk.pcm.findIndex(isSound);
      this.#hold(part(chunk, 0, from));
      this.#release(KEEP_BEFORE_MS);
      this.#sounded = true;
    }
    const end = this.#trimEnd ? last + 1 : chunk.pcm.length;
    const out = [...this.#held, part(chunk, from, end)];
    this.#held = [];
    this.#heldMs = 0;
    this.#hold(part(chunk, end, chunk.pcm.length));
    return out;
  }

  /** What is left of the silence at the end. A stream that was silent throughout keeps a moment of it. */
  end(): AudioChunk[] {
    const out: AudioChunk[] = [];
    let leftMs = KEEP_AFTER_MS;
    for (const chunk of this.#held) {
      const samples = Math.min(chunk.pcm.length, Math.round((leftMs * chunk.sampleRate) / 1000));
      if (samples > 0) out.push(part(chunk, 0, samples));
      leftMs -= (samples * 1000) / chunk.sampleRate;
    }
    this.#held = [];
    return out;
  }

  #hold(chunk: AudioChunk): void {
    if (chunk.pcm.length === 0) return;
    this.#held.push(chunk);
    this.#heldMs += durationMs(chunk);
  }

  /** Lets go of what is held beyond `maxMs`: before the first sound it is dropped, later it is passed on. */
  #release(maxMs: number): AudioChunk[] {
    const released: AudioChunk[] = [];
    while (this.#held.length > 0) {
      const oldest = this.#held[0]!;
      const excess = Math.floor(((this.#heldMs - maxMs) * oldest.sampleRate) / 1000);
      if (excess <= 0) break;
      const gone = part(oldest, 0, Math.min(excess, oldest.pcm.length));
      this.#heldMs -= durationMs(gone);
      if (gone.pcm.length === oldest.pcm.length) this.#held.shift();
      else this.#held[0] = part(oldest, gone.pcm.length, oldest.pcm.length);
      if (this.#sounded) released.push(gone);
      else this.#skippedMs += durationMs(gone);
    }
    return released;
  }
}

/** A stream without the silence at its two ends. */
export async function* trimSilence(chunks: AsyncIterable<AudioChunk>): AsyncGenerator<AudioChunk> {
  const trimmer = new SilenceTrimmer();
  for await (const chunk of chunks) yield* trimmer.push(chunk);
  yield* trimmer.end();
}

function isSound(sample: number): boolean {
  return Math.abs(sample) >= THRESHOLD;
}

function part(chunk: AudioChunk, from: number, to: number): AudioChunk {
  return { pcm: chunk.pcm.subarray(from, to), sampleRate: chunk.sampleRate };
}

function durationMs({ pcm, sampleRate }: AudioChunk): number {
  return (pcm.length * 1000) / sampleRate;
}
