import type { AudioChunk } from './contract.ts';
import { joined } from './join.ts';
import { Resampler } from './resample.ts';

/** Brings a stream of chunks to one rate, also where their own rate changes midway. */
export class RateConverter {
  #to: number;
  #resampler: Resampler | undefined;

  constructor(to: number) {
    this.#to = to;
  }

  push({ pcm, sampleRate }: AudioChunk): Float32Array {
    const before = this.#resampler?.from === sampleRate ? new Float32Array(0) : this.flush();
    this.#resampler ??= new Resampler(sampleRate, this.#to);
    const converted = this.#resampler.push(pcm);
    return before.length === 0 ? converted : joined([before, converted]);
  }

  /** What the filter still holds. */
  flush(): Float32Array {
    const rest = this.#resampler?.flush() ?? new Float32Array(0);
    this.#resampler = undefined;
    return rest;
  }
}
