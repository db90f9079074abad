import assert from 'node:assert/strict';
import { test } from 'node:test';
import { toS16le } from './pcm.ts';
import { WavReader, wavHeader } from './wav.ts';

interface Shape {
  codec?: number;
  channels?: number;
  rate?: number;
  bits?: number;
  frameBytes?: number;
  dataBytes?: number;
  extensible?: boolean;
  before?: Buffer;
  formatBytes?: number;
}

function wav(data: Uint8Array, shape: Shape = {}): Buffer {
  const { codec = 1, channels = 1, rate = 16_000, bits = 16, extensible = false } = shape;
  const format = Buffer.alloc(shape.formatBytes ?? (extensible ? 40 : 16));
  const fields = Buffer.alloc(40);
  fields.writeUInt16LE(extensible ? 0xfffe : codec, 0);
  fields.writeUInt16LE(channels, 2);
  fields.writeUInt32LE(rate, 4);
  fields.writeUInt32LE(0, 8);
  fields.writeUInt16LE(shape.frameBytes ?? (channels * bits) / 8, 12);
  fields.writeUInt16LE(bits, 14);
  fields.writeUInt16LE(22, 16);
  fields.writeUInt16LE(codec, 24);
  fields.write('000000001000800000aa00389b71', 26, 'hex');
  fields.copy(format);
  return Buffer.concat([
    Buffer.from('RIFF\0\0\0\0WAVE', 'latin1'),
    shape.before ?? Buffer.alloc(0),
    chunk('fmt ', format),
    chunk('data', data, shape.dataBytes),
  ]);
}

function chunk(name: string, content: Uint8Array, size = content.length): Buffer {
  const header = Buffer.alloc(8);
  header.write(name, 'latin1');
  header.writeUInt32LE(size, 4);
  return Buffer.concat([header, content, Buffer.alloc(content.length % 2)]);
}

function read(bytes: Uint8Array, pieceBytes = bytes.length): number[] {
  const reader = new WavReader();
  const samples: number[] = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    samples.push(...reader.push(bytes.subarray(at, at + pieceBytes)));
  }
  reader.end();
  return samples;
}

const S16 = Buffer.from(toS16le(Float32Array.of(0.5, -0.5, 0.25, -1)));

test('every sample format is read to the same numbers', () => {
  const float32 = Buffer.from(Float32Array.of(0.5, -0.5, 0.25, -1).buffer);
  const float64 = Buffer.from(Float64Array.of(0.5, -0.5, 0.25, -1).buffer);
  const cases: [Buffer, Shape][] = [
    [Buffer.from([192, 64, 160, 0]), { bits: 8 }],
    [S16, { bits: 16 }],
    [Buffer.from('0000400000c0000020000080', 'hex'), { bits: 24 }],
    [Buffer.from('00000040000000c00000002000000080', 'hex'), { bits: 32 }],
    [float32, { codec: 3, bits: 32 }],
    [float64, { codec: 3, bits: 64 }],
    [S16, { bits: 16, formatBytes: 18 }],
  ];
  for (const [data, shape] of cases) {
    assert.deepEqual(read(wav(data, shape)), [0.5, -0.5, 0.25, -1], JSON.stringify(shape));
    assert.deepEqual(read(wav(data, { ...shape, extensible: true, formatBytes: 40 })), [0.5, -0.5, 0.25, -1]);
  }
});

test('A-law and µ-law are read as G.711 tabulates them', () => {
  // Values of the standard's decoder tables, in 16-bit units.
  const aLaw = read(wav(Buffer.from([0xd5, 0x55, 0x80, 0x00, 0x2a, 0xaa]), { codec: 6, bits: 8 }));
  assert.deepEqual(
    aLaw.map((sample) => sample * 32_768),
    [8, -8, 5504, -5504, -32_256, 32_256],
  );
  const muLaw = read(wav(Buffer.from([0xff, 0x7f, 0x00, 0x80, 0x8f, 0xf0]), { codec: 7, bits: 8 }));
  assert.deepEqual(
    muLaw.map((sample) => sample * 32_768 + 0),
    [0, 0, -32_124, 32_124, 16_764, 120],
  );
});

test('channels are mixed to their mean, floats are kept within full scale and NaN is silence', () => {
  const stereo = Buffer.from(toS16le(Float32Array.of(0.5, 0.25, -1, 0)));
  assert.deepEqual(read(wav(stereo, { channels: 2 })), [0.375, -0.5]);
  const wild = Buffer.from(Float32Array.of(3, Number.NEGATIVE_INFINITY, Number.NaN).buffer);
  assert.deepEqual(read(wav(wild, { codec: 3, bits: 32 })), [1, -1, 0]);
});

test('pieces of any size give the same samples, whatever chunks surround them', () => {
  const file = Buffer.concat([
    wav(S16, { before: chunk('LIST', Buffer.alloc(51)), formatBytes: 18 }),
    chunk('id3 ', Buffer.alloc(30, 0x7f)),
  ]);
  for (let size = 1; size < 60; size++) assert.deepEqual(read(file, size), [0.5, -0.5, 0.25, -1]);
});

test('a data size of zero or "not known yet" means to the end', () => {
  for (const dataBytes of [0, 0x7fff_f000, 0x8000_0000, 0xffff_ffff]) {
    assert.deepEqual(read(wav(S16, { dataBytes })), [0.5, -0.5, 0.25, -1]);
  }
  const torn = wav(S16, { dataBytes: 0 }).subarray(0, -1);
  assert.deepEqual(read(torn), [0.5, -0.5, 0.25], 'half a sample at the end is left out');
});

test('a header that lies is an error', () => {
  const cases: [Buffer, RegExp][] = [
    [wav(S16, { channels: 0 }), /0 channels/],
    [wav(S16, { channels: 65_535, frameBytes: 2 }), /65535 channels/],
    [wav(S16, { rate: 0 }), /rate of 0/],
    [wav(S16, { frameBytes: 4 }), /contradicts itself/],
    [wav(S16, { dataBytes: 1000 }), /shorter than its header says/],
    [wav(S16).subarray(0, 30), /inside its header/],
    [wav(S16, { formatBytes: 14 }), /too short/],
    [wav(S16, { extensible: true, formatBytes: 18 }), /too short/],
    [Buffer.concat([Buffer.from('RIFF\0\0\0\0WAVE'), chunk('data', S16)]), /does not describe/],
    [wav(S16, { before: wav(S16).subarray(12, 36) }), /twice/],
    [Buffer.from('<!doctype html><title>Not found</title>'), /not a WAV/],
  ];
  for (const [file, message] of cases) {
    assert.throws(() => read(file), { code: 'invalid_audio', message });
    assert.throws(() => read(file, 7), { code: 'invalid_audio', message });
  }
});

test('codecs and rates we cannot read are named', () => {
  assert.throws(() => read(wav(S16, { codec: 0x11, bits: 4, frameBytes: 1 })), {
    code: 'unsupported_audio',
    message: /codec 17/,
  });
  for (const rate of [4000, 0xffff_ffff]) {
    assert.throws(() => read(wav(S16, { rate })), { code: 'unsupported_audio', message: /sample rate/ });
  }
});

test('what the writer makes, the reader reads: with a length and as a stream', () => {
  for (const samples of [4, undefined]) {
    const file = Buffer.concat([wavHeader(24_000, samples), S16]);
    const reader = new WavReader();
    assert.deepEqual([...reader.push(file)], [0.5, -0.5, 0.25, -1]);
    reader.end();
    assert.equal(reader.format?.sampleRate, 24_000);
  }
  assert.equal(wavHeader(24_000).readUInt32LE(40), 0xffff_ffff);
  assert.equal(wavHeader(24_000, 4).readUInt32LE(4), 44);
});
