import { pcmToALaw, pcmToMuLaw } from '../audio/g711.ts';
import { toS16le } from '../audio/pcm.ts';
import type { Encoding } from '../audio/sample-reader.ts';
import type { AudioFormat } from './session-config.ts';

/** Samples per second of what crosses the wire: 24 000 for PCM, 8 000 for G.711. */
export function wireRate(format: AudioFormat): number {
  return format.type === 'audio/pcm' ? format.rate : 8000;
}

export function wireEncoding(format: AudioFormat): Encoding {
  return ({ 'audio/pcm': 'pcm_s16le', 'audio/pcmu': 'mulaw', 'audio/pcma': 'alaw' } as const)[format.type];
}

export function encodeWire(pcm: Float32Array, format: AudioFormat): Buffer {
  const bytes =
    format.type === 'audio/pcm' ? toS16le(pcm) : format.type === 'audio/pcmu' ? pcmToMuLaw(pcm) : pcmToALaw(pcm);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
