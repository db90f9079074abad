import assert from 'node:assert/strict';
import { test } from 'node:test';
import { matches } from './search.ts';

test('words are found in any order, whatever their case and accents', () => {
  assert.ok(matches('Español (México)', 'mexico ESPANOL'));
  assert.ok(matches('anything', '  '));
  assert.ok(!matches('Español', 'espanol mexico'));
});
