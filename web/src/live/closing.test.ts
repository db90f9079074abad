import assert from 'node:assert/strict';
import { test } from 'node:test';
import { closingOf } from './closing.ts';

test('every reason for which the server ends a line has words of its own', () => {
  const titles = [1001, 1011, 1013, 4001, 4008, 4009, 4013].map((code) => closingOf(code, true).title);
  assert.equal(new Set(titles).size, titles.length);
  assert.ok(!titles.includes(closingOf(4999, true).title));
  assert.match(closingOf(4999, true).text, /4999/);
});

test('a line that never opened is told from one that broke', () => {
  assert.notEqual(closingOf(1006, false).title, closingOf(1006, true).title);
});
