/** Speech at this level is what recognisers are trained on; the predecessor used the same. */
const TARGET_RMS = 10 ** (-18 / 20);
/** More than this raises the noise of an empty room to the level of speech. */
const MAX_GAIN = 10 ** (30 / 20);
const MAX_PEAK = 0.98;

/** Raises a quiet recording in place towards -18 dBFS RMS, never so far that it clips. Loud ones stay as they are. */
export function raiseQuiet(pcm: Float32Array): void {
  let squares = 0;
  let peak = 0;
  for (let i = 0; i < pcm.length; i++) {
    const sample = pcm[i]!;
    squares += sample * sample;
    const size = Math.abs(sample);
    if (size > peak) peak = size;
  }
  if (peak === 0) return;
  const gain = Math.min(TARGET_RMS / Math.sqrt(squares / pcm.length), MAX_GAIN, MAX_PEAK / peak);
  if (gain <= 1) return;
  for (let i = 0; i < pcm.length; i++) pcm[i]! *= gain;
}

/** Applies a gain in decibels in place, clipping at full scale. */
export function applyGain(pcm: Float32Array, decibels: number): void {
  if (decibels === 0) return;
  const gain = 10 ** (decibels / 20);
  for (let i = 0; i < pcm.length; i++) pcm[i] = Math.max(-1, Math.min(1, pcm[i]! * gain));
}
