import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hasManyValues, MAX_JSON_VALUES } from './json-values.ts';

test('values are counted, however they are nested, and long text is none', () => {
  for (const mark of ['[', '{', ',']) {
    assert.ok(!hasManyValues(mark.repeat(MAX_JSON_VALUES)));
    assert.ok(hasManyValues(mark.repeat(MAX_JSON_VALUES + 1)));
  }
  assert.ok(hasManyValues('[{},'.repeat(MAX_JSON_VALUES / 3 + 1)));
  assert.ok(!hasManyValues(`{"a":"${'x'.repeat(10_000_000)}"}`));
});
