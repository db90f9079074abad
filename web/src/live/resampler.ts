/** Zero crossings of the kernel on each side of a sample: more is sharper and slower. */
const CROSSINGS = 12;
/** Points of the kernel between two crossings that are known beforehand: a straight line between them is exact to 1e-5. */
const POINTS = 512;

/**
 * Changes the rate of a stream of samples: a sinc under a Hann window, which lets nothing through that the lower of
 * the two rates could not hold. Pieces may have any length; the sound is late by a few samples.
 */
export class Resampler {
  readonly #step: number;
  readonly #cutoff: number;
  readonly #reach: number;
  /** Samples that are still needed, with silence before the first. */
  #kept: Float32Array<ArrayBuffer>;
  /** Where the next output sample lies in `#kept`. */
  #at: number;

  constructor(from: number, to: number) {
    this.#step = from / to;
    this.#cutoff = Math.min(1, to / from);
    this.#reach = Math.ceil(CROSSINGS / this.#cutoff);
    this.#kept = new Float32Array(this.#reach);
    this.#at = this.#reach;
  }

  push(samples: Float32Array): Float32Array<ArrayBuffer> {
    const all = new Float32Array(this.#kept.length + samples.length);
    all.set(this.#kept);
    all.set(samples, this.#kept.length);
    const count = Math.max(0, Math.ceil((all.length - this.#reach - this.#at) / this.#step));
    const out = new Float32Array(count);
    for (let index = 0; index < count; index++) out[index] = this.#sampleAt(all, this.#at + index * this.#step);
    const next = this.#at + count * this.#step;
    const done = Math.floor(next) - this.#reach;
    this.#kept = all.slice(done);
    this.#at = next - done;
    return out;
  }

  #sampleAt(samples: Float32Array, position: number): number {
    const nearest = Math.floor(position);
    let sum = 0;
    for (let at = nearest - this.#reach + 1; at <= nearest + this.#reach; at++) {
      sum += (samples[at] ?? 0) * kernel((at - position) * this.#cutoff);
    }
    return sum * this.#cutoff;
  }
}

/** A sinc under a Hann window from its middle outwards; a point behind its end for the last straight line. */
const KERNEL = Float32Array.from({ length: CROSSINGS * POINTS + 2 }, (_, at) => {
  const angle = (Math.PI * at) / POINTS;
  if (at === 0) return 1;
  return at >= CROSSINGS * POINTS ? 0 : (Math.sin(angle) / angle) * (0.5 + 0.5 * Math.cos(angle / CROSSINGS));
});

function kernel(x: number): number {
  const place = Math.min(Math.abs(x), CROSSINGS) * POINTS;
  const at = Math.floor(place);
  const here = KERNEL[at] ?? 0;
  return here + ((KERNEL[at + 1] ?? 0) - here) * (place - at);
}
