import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Framer } from './framer.ts';

test('blocks of any length become frames of one length, in order and without a gap', () => {
  const frames: number[][] = [];
  const framer = new Framer(4, (frame) => frames.push([...frame]));
  for (const block of [[1], [2, 3, 4, 5, 6, 7, 8, 9], [], [10, 11]]) framer.push(Float32Array.from(block));
  assert.deepEqual(frames, [
    [1, 2, 3, 4],
    [5, 6, 7, 8],
  ]);
  framer.push(Float32Array.of(12));
  assert.deepEqual(frames[2], [9, 10, 11, 12]);
});
