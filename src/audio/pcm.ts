/**
 * Float32 in [-1, 1] to and from 16-bit little-endian samples. The scale is 32 768 both ways, so what came from 16
 * bits returns to exactly the same bits; +1.0 itself becomes the largest sample, 32 767.
 */
const SCALE = 32_768;

/** Samples beyond ±1 are clipped; NaN becomes silence. */
export function toS16le(pcm: Float32Array): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(pcm.length * 2);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < pcm.length; i++) {
    const sample = Math.max(-SCALE, Math.min(SCALE - 1, Math.round(pcm[i]! * SCALE)));
    view.setInt16(i * 2, sample, true);
  }
  return bytes;
}

/** `bytes` holds whole samples: an odd length is a RangeError. */
export function fromS16le(bytes: Uint8Array): Float32Array<ArrayBuffer> {
  if (bytes.length % 2 !== 0) throw new RangeError(`${bytes.length} bytes are not whole 16-bit samples`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const pcm = new Float32Array(bytes.length / 2);
  for (let i = 0; i < pcm.length; i++) pcm[i] = view.getInt16(i * 2, true) / SCALE;
  return pcm;
}
