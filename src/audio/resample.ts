/**
 * Sample rate conversion by a windowed-sinc filter in polyphase form (Kaiser window). Everything above 95 % of the
 * lower of the two Nyquist frequencies is filtered out, so nothing folds back: the response is flat to 90 % of it
 * and at least 75 dB down from there on up. Output sample k lies at exactly k / `to` seconds: no delay, no drift.
 */
import { type DotProduct, dotProductMemory } from './dot-product.ts';

export const MIN_SAMPLE_RATE = 8000;
export const MAX_SAMPLE_RATE = 192_000;

/** Widths relative to the lower Nyquist frequency. */
const CUTOFF = 0.95;
const TRANSITION = 0.1;
const ATTENUATION_DB = 80;
/** Ratios that need more phases than this interpolate between neighbours, whose error stays below -100 dB. */
const MAX_PHASES = 512;
const KEPT_FILTERS = 8;
/** Samples filtered at once. */
const BLOCK = 8192;
/** Floats that the dot product takes in one turn. */
const ROW_MULTIPLE = 8;

interface Filter {
  /**
   * `phases + 1` rows of `taps` weights, row p for outputs that lie p / phases of a sample after an input; then room
   * for the samples that are being filtered.
   */
  memory: Float32Array;
  dot: DotProduct;
  samplesAt: number;
  taps: number;
  phases: number;
  /** The rates without their common divisor. */
  up: number;
  down: number;
}

const filters = new Map<string, Filter>();

export class Resampler {
  readonly from: number;
  readonly to: number;
  #filter: Filter | undefined;
  /** Input that later outputs still need. */
  #held: Float32Array;
  /** Where in `#held` the next output's first tap lies, and how far (of `up`) that output lies beyond it. */
  #next = 0;
  #phase = 0;

  /** Integer rates from 8 000 to 192 000 Hz, else RangeError. */
  constructor(from: number, to: number) {
    for (const rate of [from, to]) {
      if (!Number.isInteger(rate) || rate < MIN_SAMPLE_RATE || rate > MAX_SAMPLE_RATE) {
        throw new RangeError(`cannot resample ${rate} Hz`);
      }
    }
    this.from = from;
    this.to = to;
    this.#filter = from === to ? undefined : filterFor(from, to);
    this.#held = this.#silenceBefore();
  }

  /** Every output that is already certain. How the input is cut into chunks changes no bit of it. */
  push(input: Float32Array): Float32Array {
    const filter = this.#filter;
    if (filter === undefined) return input;
    const output = new Float32Array(Math.ceil(((this.#held.length + input.length) * filter.up) / filter.down) + 1);
    let made = 0;
    for (let at = 0; at < input.length; at += BLOCK) {
      made += this.#filterBlock(filter, input.subarray(at, at + BLOCK), output.subarray(made));
    }
    return output.subarray(0, made);
  }

  /** The rest, after which the resampler is as new. In all, n samples make ceil(n × to / from). */
  flush(): Float32Array {
    if (this.#filter === undefined) return new Float32Array(0);
    const rest = this.push(new Float32Array(this.#filter.taps / 2));
    this.#held = this.#silenceBefore();
    this.#next = 0;
    this.#phase = 0;
    return rest;
  }

  /** Returns how many samples it wrote to `output`. */
  #filterBlock(filter: Filter, input: Float32Array, output: Float32Array): number {
    const { memory, dot, samplesAt, taps, phases, up, down } = filter;
    const count = this.#held.length + input.length;
    memory.set(this.#held, samplesAt);
    memory.set(input, samplesAt + this.#held.length);

    const rowBytes = taps * 4;
    const wholeStep = Math.floor(down / up);
    const restStep = down % up;
    let next = this.#next;
    let phase = this.#phase;
    let made = 0;
    for (; next + taps <= count; made++) {
      const row = (phase * phases) / up;
      const below = Math.floor(row);
      const between = row - below;
      const at = (samplesAt + next) * 4;
      let value = dot(below * rowBytes, at, rowBytes);
      if (between > 0) value += between * (dot((below + 1) * rowBytes, at, rowBytes) - value);
      output[made] = value;
      next += wholeStep;
      phase += restStep;
      if (phase >= up) {
        phase -= up;
        next += 1;
      }
    }
    const used = Math.min(next, count);
    this.#held = memory.slice(samplesAt + used, samplesAt + count);
    this.#next = next - used;
    this.#phase = phase;
    return made;
  }

  #silenceBefore(): Float32Array {
    return new Float32Array(this.#filter === undefined ? 0 : this.#filter.taps / 2 - 1);
  }
}

/** A whole signal at once. */
export function resample(pcm: Float32Array, from: number, to: number): Float32Array {
  const resampler = new Resampler(from, to);
  const head = resampler.push(pcm);
  const tail = resampler.flush();
  if (tail.length === 0) return head;
  const all = new Float32Array(head.length + tail.length);
  all.set(head);
  all.set(tail, head.length);
  return all;
}

/** Filters take milliseconds to make and are only read: the last few are kept. */
function filterFor(from: number, to: number): Filter {
  const key = `${from}:${to}`;
  let filter = filters.get(key);
  if (filter === undefined) {
    filter = makeFilter(from, to);
    if (filters.size >= KEPT_FILTERS) filters.delete(filters.keys().next().value!);
    filters.set(key, filter);
  }
  return filter;
}

function makeFilter(from: number, to: number): Filter {
  const divisor = greatestCommonDivisor(from, to);
  const up = to / divisor;
  const down = from / divisor;
  const phases = Math.min(up, MAX_PHASES);
  // In cycles per input sample.
  const nyquist = 0.5 * Math.min(1, to / from);
  const cutoff = CUTOFF * nyquist;
  // Kaiser's formulas for the length and shape that reach an attenuation over a transition width.
  const length = (ATTENUATION_DB - 7.95) / (14.36 * TRANSITION * nyquist);
  const beta = 0.1102 * (ATTENUATION_DB - 8.7);
  const taps = ROW_MULTIPLE * Math.ceil(length / ROW_MULTIPLE);
  const samplesAt = (phases + 1) * taps;
  const { memory, dot } = dotProductMemory(samplesAt + taps + BLOCK);
  for (let phase = 0; phase <= phases; phase++) {
    const row = new Float64Array(taps);
    let sum = 0;
    for (let tap = 0; tap < taps; tap++) {
      const distance = tap - (taps / 2 - 1) - phase / phases;
      const x = (2 * distance) / taps;
      const window = Math.abs(x) > 1 ? 0 : bessel(beta * Math.sqrt(1 - x * x));
      const angle = 2 * Math.PI * cutoff * distance;
      row[tap] = window * (angle === 0 ? 1 : Math.sin(angle) / angle);
      sum += row[tap]!;
    }
    // Each row adds up to one: a constant stays exactly that constant.
    for (let tap = 0; tap < taps; tap++) memory[phase * taps + tap] = row[tap]! / sum;
  }
  return { memory, dot, samplesAt, taps, phases, up, down };
}

/** The modified Bessel function of the first kind, order 0, by its power series. */
function bessel(x: number): number {
  const quarter = (x * x) / 4;
  let term = 1;
  let sum = 1;
  for (let k = 1; term > sum * 1e-12; k++) {
    term *= quarter / (k * k);
    sum += term;
  }
  return sum;
}

function greatestCommonDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestCommonDivisor(b, a % b);
}
