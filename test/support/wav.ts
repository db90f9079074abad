/** Writes WAV files the way all kinds of programs do, and the way none should. */
export interface WavFields {
  /** 1 PCM, 3 float, 6 A-law, 7 µ-law, 0xFFFE extensible. */
  codec: number;
  bits: number;
  channels: number;
  sampleRate: number;
  /** What the header claims; by default the truth. */
  frameBytes: number;
  riffSize: number;
  dataSize: number;
  /** Chunks between the format and the data. */
  between: Buffer;
  /** In place of the whole format chunk. */
  format: Buffer;
}

/** A WAV file of these samples in [-1, 1], the same in every channel; `lies` replaces fields of its header. */
export function wavFile(samples: ArrayLike<number>, lies: Partial<WavFields> = {}): Buffer {
  const { codec = 1, bits = 16, channels = 1, sampleRate = 24_000 } = lies;
  const sampleBytes = Math.ceil(bits / 8);
  const data = Buffer.alloc(samples.length * channels * sampleBytes);
  for (let i = 0, at = 0; i < samples.length; i++) {
    for (let channel = 0; channel < channels; channel++, at += sampleBytes) {
      writeSample(data, at, samples[i]!, codec, bits);
    }
  }
  const format = Buffer.alloc(24);
  format.write('fmt ', 0, 'latin1');
  format.writeUInt32LE(16, 4);
  format.writeUInt16LE(codec, 8);
  format.writeUInt16LE(channels, 10);
  format.writeUInt32LE(sampleRate, 12);
  format.writeUInt32LE((sampleRate * channels * sampleBytes) % 2 ** 32, 16);
  format.writeUInt16LE((lies.frameBytes ?? channels * sampleBytes) % 65_536, 20);
  format.writeUInt16LE(bits, 22);
  const rest = Buffer.concat([
    lies.format ?? format,
    lies.between ?? Buffer.alloc(0),
    riffChunk('data', data, lies.dataSize),
  ]);
  const riff = Buffer.from('RIFF....WAVE', 'latin1');
  riff.writeUInt32LE(lies.riffSize ?? rest.length + 4, 4);
  return Buffer.concat([riff, rest]);
}

/** A chunk of a RIFF file; `size` may be a lie. */
export function riffChunk(name: string, content: Uint8Array, size = content.length): Buffer {
  const head = Buffer.alloc(8);
  head.write(name, 0, 'latin1');
  head.writeUInt32LE(size, 4);
  return Buffer.concat([head, content, Buffer.alloc(content.length % 2)]);
}

/** The samples of 16-bit PCM in [-1, 1]. */
export function samplesOf(pcm: Buffer): Float32Array {
  return Float32Array.from({ length: Math.floor(pcm.length / 2) }, (_, i) => pcm.readInt16LE(i * 2) / 32_768);
}

function writeSample(into: Buffer, at: number, sample: number, codec: number, bits: number): void {
  const scaled = Math.round(sample * (2 ** (bits - 1) - 1));
  if (codec === 3 && bits === 64) into.writeDoubleLE(sample, at);
  else if (codec === 3) into.writeFloatLE(sample, at);
  else if (codec === 7) into.writeUInt8(muLaw(sample), at);
  else if (codec === 6) into.writeUInt8(aLaw(sample), at);
  else if (bits === 8) into.writeUInt8(scaled + 128, at);
  else into.writeIntLE(scaled, at, Math.ceil(bits / 8));
}

/** ITU-T G.711, µ-law. */
function muLaw(sample: number): number {
  const magnitude = Math.min(32_635, Math.abs(Math.round(sample * 32_767))) + 132;
  const exponent = Math.floor(Math.log2(magnitude)) - 7;
  return ~((sample < 0 ? 0x80 : 0) | (exponent << 4) | ((magnitude >> (exponent + 3)) & 15)) & 0xff;
}

/** ITU-T G.711, A-law. */
function aLaw(sample: number): number {
  const magnitude = Math.min(32_767, Math.abs(Math.round(sample * 32_767)));
  const exponent = magnitude < 256 ? 0 : Math.floor(Math.log2(magnitude)) - 7;
  const mantissa = (magnitude >> (exponent === 0 ? 4 : exponent + 3)) & 15;
  return ((sample < 0 ? 0 : 0x80) | (exponent << 4) | mantissa) ^ 0x55;
}
