import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBase64, fromS16le, toBase64, toS16le } from './pcm.ts';

test('samples survive 16 bits and base64, and what is too loud is clipped', () => {
  const there = toS16le(Float32Array.of(0, 0.5, -0.5, 1, -1, 3, -3));
  const back = fromS16le(fromBase64(toBase64(there)));
  assert.deepEqual(
    [...back].map((sample) => Number(sample.toFixed(3))),
    [0, 0.5, -0.5, 1, -1, 1, -1],
  );
});

test('half a sample at the end is left out', () => {
  assert.equal(fromS16le(Uint8Array.of(0, 64, 7)).length, 1);
});
