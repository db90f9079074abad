import assert from 'node:assert/strict';
import { test } from 'node:test';
import { managed } from './managed.fixture.ts';
import { defaultNames, memoryWords } from './words.ts';

test('a model says for whom it is the default, also where the server chose it by itself', () => {
  assert.deepEqual(defaultNames({ default: false, defaultFor: [] }), []);
  assert.deepEqual(defaultNames({ default: true, defaultFor: [] }), ['Default']);
  assert.deepEqual(defaultNames({ default: false, defaultFor: ['fr', '*', 'de'] }), [
    'Default',
    'Default for French',
    'Default for German',
  ]);
});

test('a model in memory says what it takes, when it was used and when it goes', () => {
  assert.deepEqual(memoryWords(managed(), 0), []);
  const loaded = managed({ residentBytes: 3e8, lastUsedAt: '1970-01-01T00:00:00Z', ttlRemainingMs: 240_000 });
  assert.deepEqual(memoryWords(loaded, 120_000), [
    '300 MB of memory in use',
    'used 2 min ago',
    'unloads in 4 min unless used',
  ]);
  assert.deepEqual(memoryWords({ ...loaded, pinned: true, lastUsedAt: null }, 0), ['300 MB of memory in use']);
});
