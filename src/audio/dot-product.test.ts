import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dotProductMemory } from './dot-product.ts';

test('it sums the products of two rows, wherever they lie', () => {
  const { memory, dot } = dotProductMemory(100);
  for (let i = 0; i < 100; i++) memory[i] = ((i * 37) % 11) - 5;
  for (const [a, b, count] of [
    [0, 50, 8],
    [3, 41, 40],
    [7, 7, 16],
  ] as const) {
    let expected = 0;
    for (let i = 0; i < count; i++) expected += memory[a + i]! * memory[b + i]!;
    assert.equal(dot(a * 4, b * 4, count * 4), expected);
  }
});

test('a row beyond the memory traps instead of reading something else', () => {
  const { memory, dot } = dotProductMemory(1);
  assert.throws(() => dot(memory.byteLength - 16, 0, 32), /out of bounds/);
});
