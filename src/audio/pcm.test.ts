import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromS16le, toS16le } from './pcm.ts';

test('every 16-bit sample survives the way to float and back', () => {
  const all = new Int16Array(65_536).map((_, i) => i - 32_768);
  const bytes = new Uint8Array(all.buffer);
  assert.deepEqual(toS16le(fromS16le(bytes)), bytes);
});

test('samples beyond full scale are clipped, NaN is silence', () => {
  const bytes = toS16le(Float32Array.of(1, 1.5, -1, -7, Number.NaN, Number.POSITIVE_INFINITY));
  assert.deepEqual([...new Int16Array(bytes.buffer)], [32_767, 32_767, -32_768, -32_768, 0, 32_767]);
});

test('a view that starts at an odd address is read right', () => {
  const bytes = new Uint8Array(5);
  bytes.set([0x00, 0x40, 0x00, 0xc0], 1);
  assert.deepEqual([...fromS16le(bytes.subarray(1))], [0.5, -0.5]);
  assert.throws(() => fromS16le(bytes), RangeError);
});
