import assert from 'node:assert/strict';
import { test } from 'node:test';
import { clock, duration, printable, size, table } from './output.ts';

test('what comes from elsewhere cannot steer the terminal', () => {
  assert.equal(printable('a\u001b[2Jb\rc\u009bd\n\te'), 'a�[2Jb�c�d\n\te');
});

test('columns are as wide as their widest cell, and lines end where their text does', () => {
  assert.equal(
    table([
      ['a', 'bb', ''],
      ['ccc', 'd', 'e'],
    ]),
    'a    bb\nccc  d   e\n',
  );
  assert.equal(table([]), '');
});

test('times and sizes are written for people', () => {
  assert.deepEqual([0, 7999, 750_000, 3_723_000].map(clock), ['0:00', '0:07', '12:30', '1:02:03']);
  assert.deepEqual([4.4, 999, 1000, 61_000].map(duration), ['4 ms', '999 ms', '1.0 s', '61.0 s']);
  assert.deepEqual([0, 1, 14_000, 3_200_000, 16_400_000_000].map(size), ['0 KB', '1 KB', '14 KB', '3.2 MB', '16.4 GB']);
});
