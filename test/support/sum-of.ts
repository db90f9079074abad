/** The number of samples of some audio, and a sum that no other audio has: the same however it is cut. */
export function sumOf(pieces: Iterable<Float32Array>): string {
  let samples = 0;
  let sum = 0;
  for (const piece of pieces) for (const sample of piece) sum = (sum * 31 + sample * 32_768 + ++samples) % 1e9;
  return `${samples} ${Math.round(sum)}`;
}
