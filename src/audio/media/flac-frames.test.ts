import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { randomOf } from '../../../test/support/mutate.ts';
import { FlacFrames } from './flac-frames.ts';
import { makeRecording } from './make-recording.ts';

const RATE = 16_000;
/** What FFmpeg's encoder puts into a frame of this rate. */
const BLOCK = 1152;

let folder: string;
let whole: Buffer;
/** Where each frame begins in it. */
let starts: number[];
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'flac-'));
  const sound = (seconds: number): number => 0.3 * Math.sin(seconds * 3000) * Math.sin(seconds * 7);
  whole = await makeRecording(join(folder, 'r'), {
    container: 'flac',
    codec: 'flac',
    sampleRate: RATE,
    sound,
    seconds: 3,
  });
  const frames = read(whole, whole.length).map(({ bytes }) => bytes);
  let at = whole.length - frames.reduce((sum, { length }) => sum + length, 0);
  starts = frames.map(({ length }) => {
    at += length;
    return at - length;
  });
});
after(() => rm(folder, { recursive: true }));

/** All frames of a stream that comes in pieces. */
function read(bytes: Uint8Array, pieceBytes: number): { bytes: Uint8Array; sample: number }[] {
  const reader = new FlacFrames();
  const frames = [];
  for (let at = 0; at < bytes.length; at += pieceBytes) {
    reader.push(bytes.subarray(at, at + pieceBytes));
    for (let frame = reader.next(); frame !== undefined; frame = reader.next()) frames.push(frame);
  }
  const last = reader.last();
  if (last !== undefined) frames.push(last);
  return frames;
}

test('all frames are found with their places, however the stream is cut', () => {
  for (const pieceBytes of [1, 7, 1000, whole.length]) {
    const frames = read(whole, pieceBytes);
    assert.deepEqual(
      frames.map(({ sample }) => sample),
      Array.from({ length: Math.ceil((3 * RATE) / BLOCK) }, (_, index) => index * BLOCK),
    );
    assert.deepEqual(Buffer.concat(frames.map(({ bytes }) => bytes)), whole.subarray(starts[0]));
  }
});

test('a frame comes as soon as the next begins, or the sender says that there is no more for now', () => {
  const reader = new FlacFrames();
  reader.push(whole.subarray(0, starts[2]! + 16));
  assert.deepEqual([reader.next()?.sample, reader.next()?.sample, reader.next()], [0, BLOCK, undefined]);
  reader.push(whole.subarray(starts[2]! + 16, starts[3]! - 1));
  assert.equal(reader.next() ?? reader.last(), undefined);
  reader.push(whole.subarray(starts[3]! - 1, starts[3]));
  assert.equal(reader.next(), undefined);
  assert.equal(reader.last()?.sample, 2 * BLOCK);
  reader.push(whole.subarray(starts[3], starts[4]! + 16));
  assert.equal(reader.next()?.sample, 3 * BLOCK);
});

test('metadata is passed over, whatever its length', () => {
  const padding = Buffer.concat([Buffer.of(1, 0, 0x30, 0), Buffer.alloc(0x3000, 0xff)]);
  const longer = Buffer.concat([whole.subarray(0, 42), padding, whole.subarray(42)]);
  longer[4]! &= 0x7f;
  for (const pieceBytes of [13, longer.length]) assert.equal(read(longer, pieceBytes).length, starts.length);
});

test('damage costs the frame that it hits, the one whose end it hides, and no other', () => {
  const random = randomOf(21);
  for (let run = 0; run < 50; run++) {
    const hit = 2 + random(starts.length - 6);
    const damaged = Buffer.from(whole);
    for (let at = starts[hit]!; at < starts[hit + 1]!; at++) damaged[at] = random(256);
    const missing = Buffer.concat([whole.subarray(0, starts[hit]! + 20), whole.subarray(starts[hit + 1]! - 9)]);
    for (const stream of [damaged, missing]) {
      const samples = new Set(read(stream, 500).map(({ sample }) => sample));
      for (const [index] of starts.entries()) {
        if (index !== hit && index !== hit - 1)
          assert.ok(samples.has(index * BLOCK), `frame ${index} where ${hit} is damaged`);
      }
    }
  }
});

test('what is no FLAC is said to be none, and rubbish behind its header makes no frames and no defects', () => {
  assert.throws(() => read(Buffer.concat([Buffer.from('fLaC'), Buffer.alloc(100, 0xff)]), 10), {
    code: 'invalid_audio',
  });
  const random = randomOf(22);
  const rubbish = Buffer.from(Array.from({ length: 200_000 }, () => (random(3) === 0 ? 0xff : random(256))));
  assert.deepEqual(read(Buffer.concat([whole.subarray(0, starts[0]), rubbish]), 3000), []);
});
