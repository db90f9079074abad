import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joined } from './join.ts';

test('signals follow each other in their order, and are copied even where there is one', () => {
  assert.deepEqual(joined([]), new Float32Array(0));
  assert.deepEqual(joined([Float32Array.of(1, 2), new Float32Array(0), Float32Array.of(3)]), Float32Array.of(1, 2, 3));
  const one = Float32Array.of(1);
  const copy = joined([one]);
  copy[0] = 2;
  assert.equal(one[0], 1);
});
