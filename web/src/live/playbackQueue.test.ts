import assert from 'node:assert/strict';
import { test } from 'node:test';
import { PlaybackQueue } from './playbackQueue.ts';

test('pieces are played in order without a gap, and silence follows', () => {
  const queue = new PlaybackQueue();
  queue.push('a', Float32Array.of(1, 2, 3));
  queue.push('a', Float32Array.of(4));
  const out = new Float32Array(2);
  assert.deepEqual(queue.play(out), [{ type: 'started', item: 'a' }]);
  assert.deepEqual([...out], [1, 2]);
  assert.deepEqual(queue.play(out), []);
  assert.deepEqual([...out], [3, 4]);
  assert.deepEqual(queue.play(out), []);
  assert.deepEqual([...out], [0, 0]);
});

test('an item that lacks its next piece is waited for, and is finished only when it is said to be complete', () => {
  const queue = new PlaybackQueue();
  const out = new Float32Array(4);
  queue.push('a', Float32Array.of(1));
  queue.play(out);
  queue.push('b', Float32Array.of(9));
  assert.deepEqual(queue.play(out), []);
  queue.complete('a');
  assert.deepEqual(queue.play(out), [
    { type: 'finished', item: 'a' },
    { type: 'started', item: 'b' },
  ]);
  assert.deepEqual([...out], [9, 0, 0, 0]);
});

test('clearing silences at once and tells to the sample what was played', () => {
  const queue = new PlaybackQueue();
  queue.push('a', new Float32Array(10).fill(1));
  queue.push('b', new Float32Array(10).fill(1));
  queue.play(new Float32Array(6));
  assert.deepEqual(queue.clear(), [
    { item: 'a', samples: 6 },
    { item: 'b', samples: 0 },
  ]);
  const out = new Float32Array(2).fill(7);
  queue.play(out);
  assert.deepEqual([...out], [0, 0]);
  assert.deepEqual(queue.clear(), []);
});
