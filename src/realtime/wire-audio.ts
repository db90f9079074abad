import { aLawToPcm, muLawToPcm, pcmToALaw, pcmToMuLaw } from '../audio/g711.ts';
import { fromS16le, toS16le } from '../audio/pcm.ts';
import type { AudioFormat } from './session-config.ts';

/** Samples per second of what crosses the wire: 24 000 for PCM, 8 000 for G.711. */
export function wireRate(format: AudioFormat): number {
  return format.type === 'audio/pcm' ? format.rate : 8000;
}

export function encodeWire(pcm: Float32Array, format: AudioFormat): Buffer {
  const bytes =
    format.type === 'audio/pcm' ? toS16le(pcm) : format.type === 'audio/pcmu' ? pcmToMuLaw(pcm) : pcmToALaw(pcm);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Reads what a client sends. A sample may be cut in two by the border between two messages. */
export class WireDecoder {
  readonly format: AudioFormat;
  #half: Buffer = Buffer.alloc(0);

  constructor(format: AudioFormat) {
    this.format = format;
  }

  decode(bytes: Buffer): Float32Array {
    if (this.format.type === 'audio/pcmu') return muLawToPcm(bytes);
    if (this.format.type === 'audio/pcma') return aLawToPcm(bytes);
    const joined = this.#half.length === 0 ? bytes : Buffer.concat([this.#half, bytes]);
    const whole = joined.length - (joined.length % 2);
    this.#half = Buffer.from(joined.subarray(whole));
    return fromS16le(joined.subarray(0, whole));
  }
}
