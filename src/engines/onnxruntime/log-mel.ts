/**
 * What Whisper's encoder hears of a sound: the logarithm of 80 mel bands, 100 times a second (Radford and others 2022,
 * section 2.2; the bands are Slaney's). Smart Turn is built on that encoder and hears 8 seconds.
 */

export const BANDS = 80;
export const RATE = 16_000;
export const WINDOW_SAMPLES = 8 * RATE;
const HOP = 160;
export const FRAMES = WINDOW_SAMPLES / HOP;
/** Samples of one spectrum, which is taken apart as 20 times 20. */
const LENGTH = 400;
const ROOT = 20;
const BINS = LENGTH / 2 + 1;
/** Quieter than this below the loudest counts as this, in powers of ten. */
const RANGE = 8;
const QUIETEST = 1e-10;
const LEAST_VARIANCE = 1e-7;

/**
 * The features of the last 8 seconds of mono PCM at 16 000 Hz, with silence before what is shorter: `BANDS` rows of
 * `FRAMES` numbers. Loudness is taken out first.
 */
export function logMel(pcm: Float32Array): Float32Array {
  const sound = normalised(pcm);
  const features = new Float32Array(BANDS * FRAMES);
  const power = new Float64Array(BINS);
  const frame = new Float64Array(LENGTH);
  let loudest = Number.NEGATIVE_INFINITY;
  for (let t = 0; t < FRAMES; t++) {
    for (let i = 0; i < LENGTH; i++) frame[i] = sound[mirrored(t * HOP + i - LENGTH / 2)]! * HANN[i]!;
    powerSpectrum(frame, power);
    for (let band = 0; band < BANDS; band++) {
      const { from, weights } = FILTERS[band]!;
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i]! * power[from + i]!;
      const level = Math.log10(Math.max(sum, QUIETEST));
      features[band * FRAMES + t] = level;
      if (level > loudest) loudest = level;
    }
  }
  for (let i = 0; i < features.length; i++) features[i] = (Math.max(features[i]!, loudest - RANGE) + 4) / 4;
  return features;
}

/** The last 8 seconds with mean 0 and variance 1. */
function normalised(pcm: Float32Array): Float64Array {
  const sound = new Float64Array(WINDOW_SAMPLES);
  const last = pcm.subarray(Math.max(0, pcm.length - WINDOW_SAMPLES));
  sound.set(last, WINDOW_SAMPLES - last.length);
  let sum = 0;
  for (const sample of sound) sum += sample;
  const mean = sum / WINDOW_SAMPLES;
  let squares = 0;
  for (const sample of sound) squares += (sample - mean) ** 2;
  const scale = 1 / Math.sqrt(squares / WINDOW_SAMPLES + LEAST_VARIANCE);
  for (let i = 0; i < sound.length; i++) sound[i] = (sound[i]! - mean) * scale;
  return sound;
}

/** The sound goes on backwards beyond its ends. */
function mirrored(position: number): number {
  if (position < 0) return -position;
  return position < WINDOW_SAMPLES ? position : 2 * (WINDOW_SAMPLES - 1) - position;
}

const HANN = Float64Array.from({ length: LENGTH }, (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / LENGTH));
/** Cosine and sine of the product of two indices, in steps of a whole turn's 20th or 400th. */
const turns = (of: number, f: (angle: number) => number): Float64Array =>
  Float64Array.from({ length: LENGTH }, (_, i) => f((2 * Math.PI * Math.floor(i / ROOT) * (i % ROOT)) / of));
const [COS, SIN] = [turns(ROOT, Math.cos), turns(ROOT, Math.sin)];
const [SLOW_COS, SLOW_SIN] = [turns(LENGTH, Math.cos), turns(LENGTH, Math.sin)];
const real = new Float64Array(LENGTH);
const imaginary = new Float64Array(LENGTH);

/** The discrete Fourier transform of 400 samples in two steps of 20 (Cooley and Tukey 1965), as power. */
function powerSpectrum(frame: Float64Array, power: Float64Array): void {
  for (let k = 0; k < ROOT; k++) {
    for (let n = 0; n < ROOT; n++) {
      let re = 0;
      let im = 0;
      for (let m = 0; m < ROOT; m++) {
        const sample = frame[ROOT * m + n]!;
        re += sample * COS[ROOT * k + m]!;
        im -= sample * SIN[ROOT * k + m]!;
      }
      const at = ROOT * k + n;
      real[at] = re * SLOW_COS[at]! + im * SLOW_SIN[at]!;
      imaginary[at] = im * SLOW_COS[at]! - re * SLOW_SIN[at]!;
    }
  }
  for (let bin = 0; bin < BINS; bin++) {
    const row = (bin % ROOT) * ROOT;
    const step = Math.floor(bin / ROOT) * ROOT;
    let re = 0;
    let im = 0;
    for (let n = 0; n < ROOT; n++) {
      re += real[row + n]! * COS[step + n]! + imaginary[row + n]! * SIN[step + n]!;
      im += imaginary[row + n]! * COS[step + n]! - real[row + n]! * SIN[step + n]!;
    }
    power[bin] = re * re + im * im;
  }
}

/** Slaney's mel: 200/3 Hz each up to 1000 Hz, then 27 for a factor of 6.4. */
const toHz = (mel: number): number => (mel < 15 ? (mel * 200) / 3 : 1000 * Math.exp(((mel - 15) * Math.log(6.4)) / 27));
const toMel = (hz: number): number => (hz < 1000 ? (hz * 3) / 200 : 15 + (27 * Math.log(hz / 1000)) / Math.log(6.4));

/** Triangles of one area whose corners are as far apart as the ear hears them. */
const FILTERS = Array.from({ length: BANDS }, (_, band) => {
  const corner = (i: number): number => toHz((toMel(RATE / 2) * (band + i)) / (BANDS + 1));
  const [low, middle, high] = [corner(0), corner(1), corner(2)];
  const weights = Array.from({ length: BINS }, (_, bin) => {
    const hz = (bin * RATE) / LENGTH;
    const height = Math.max(0, Math.min((hz - low) / (middle - low), (high - hz) / (high - middle)));
    return (height * 2) / (high - low);
  });
  const from = Math.max(
    0,
    weights.findIndex((weight) => weight > 0),
  );
  const to = weights.findLastIndex((weight) => weight > 0) + 1;
  return { from, weights: Float64Array.from(weights.slice(from, to)) };
});
