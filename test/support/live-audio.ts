import type { AudioInput } from '../../src/workers/contract.ts';

/** Audio that a test speaks into a call, and what became of it. */
export interface LiveAudio extends AudioInput {
  /** Pieces that were read. */
  readonly read: number;
  /** How often `return` was called. */
  readonly returned: number;
  say(...pieces: Float32Array[]): void;
  end(): void;
  fail(error: Error): void;
}

export function liveAudio(...first: Float32Array[]): LiveAudio {
  const pieces = [...first];
  let outcome: { error?: Error } | undefined;
  let changed = Promise.withResolvers<void>();
  const state = { read: 0, returned: 0 };
  const tell = (): void => {
    changed.resolve();
    changed = Promise.withResolvers();
  };
  const next = async (): Promise<IteratorResult<Float32Array>> => {
    for (;;) {
      const value = pieces.shift();
      if (value !== undefined) {
        state.read++;
        return { done: false, value };
      }
      if (outcome?.error !== undefined) throw outcome.error;
      if (outcome !== undefined) return { done: true, value: undefined };
      await changed.promise;
    }
  };
  return {
    get read() {
      return state.read;
    },
    get returned() {
      return state.returned;
    },
    say: (...more) => {
      pieces.push(...more);
      tell();
    },
    end: () => {
      outcome = {};
      tell();
    },
    fail: (error) => {
      outcome = { error };
      tell();
    },
    [Symbol.asyncIterator]: () => ({
      next,
      return: async () => {
        state.returned++;
        outcome = {};
        tell();
        return { done: true, value: undefined };
      },
    }),
  };
}

/** Sound of this length that is not the same anywhere. */
export function sound(ms: number): Float32Array {
  return Float32Array.from({ length: ms * 16 }, (_, n) => Math.sin(n * n) / 2);
}

/** The same audio in pieces of this length. */
export function inPieces(pcm: Float32Array, ms: number): Float32Array[] {
  const samples = ms * 16;
  return Array.from({ length: Math.ceil(pcm.length / samples) }, (_, n) =>
    pcm.subarray(n * samples, (n + 1) * samples),
  );
}
