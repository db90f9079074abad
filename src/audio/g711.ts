/**
 * G.711 (ITU-T), the telephone's eight bits per sample at 8 000 Hz: each code is a sign, a segment that doubles the
 * step, and four bits within it. Decoding reads a table; encoding finds the segment of the magnitude.
 */

/** Added before the logarithm in mu-law, so that every segment begins at a power of two; in 14-bit steps it is 33. */
const BIAS = 132;
const MU_CLIP = 32_635;

/** Codes to samples in [-1, 1]. */
export function muLawToPcm(codes: Uint8Array): Float32Array<ArrayBuffer> {
  return read(codes, MU_LAW_SAMPLES);
}

export function aLawToPcm(codes: Uint8Array): Float32Array<ArrayBuffer> {
  return read(codes, A_LAW_SAMPLES);
}

/** Samples beyond ±1 are clipped; NaN is silence. */
export function pcmToMuLaw(pcm: Float32Array): Uint8Array<ArrayBuffer> {
  return write(pcm, muLawCode);
}

export function pcmToALaw(pcm: Float32Array): Uint8Array<ArrayBuffer> {
  return write(pcm, aLawCode);
}

/** Samples by code. */
export const MU_LAW_SAMPLES = Float32Array.from({ length: 256 }, (_, code) => {
  const bits = ~code & 0xff;
  const magnitude = (((bits & 0x0f) << 3) + BIAS) << ((bits >> 4) & 7);
  return ((bits & 0x80) === 0 ? magnitude - BIAS : BIAS - magnitude) / 32_768;
});

/** Samples by code. */
export const A_LAW_SAMPLES = Float32Array.from({ length: 256 }, (_, code) => {
  const bits = code ^ 0x55;
  const segment = (bits >> 4) & 7;
  const step = ((bits & 0x0f) << 4) + 8;
  const magnitude = segment === 0 ? step : (step + 256) << (segment - 1);
  return ((bits & 0x80) === 0 ? -magnitude : magnitude) / 32_768;
});

function muLawCode(sample: number): number {
  const magnitude = Math.min(MU_CLIP, Math.abs(sample)) + BIAS;
  // The highest bit that is set is bit 7 or above, thanks to the bias.
  const segment = 24 - Math.clz32(magnitude);
  const code = (sample < 0 ? 0x80 : 0) | (segment << 4) | ((magnitude >> (segment + 3)) & 0x0f);
  return ~code & 0xff;
}

function aLawCode(sample: number): number {
  // Negative samples are counted from -1 down, so that both halves have as many codes.
  const magnitude = sample < 0 ? -sample - 1 : sample;
  const segment = Math.max(0, 24 - Math.clz32(magnitude));
  const code = (segment << 4) | ((magnitude >> Math.max(4, segment + 3)) & 0x0f);
  return (sample < 0 ? code : code | 0x80) ^ 0x55;
}

function read(codes: Uint8Array, table: Float32Array): Float32Array<ArrayBuffer> {
  const pcm = new Float32Array(codes.length);
  for (let i = 0; i < codes.length; i++) pcm[i] = table[codes[i]!]!;
  return pcm;
}

function write(pcm: Float32Array, codeOf: (sample: number) => number): Uint8Array<ArrayBuffer> {
  const codes = new Uint8Array(pcm.length);
  for (let i = 0; i < pcm.length; i++) {
    const sample = Math.round(pcm[i]! * 32_768) || 0;
    codes[i] = codeOf(Math.max(-32_768, Math.min(32_767, sample)));
  }
  return codes;
}
