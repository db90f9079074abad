import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../api/errors.ts';
import { looksLikeKey } from './keyStorage.ts';
import { entryProblem } from './problem.ts';

test('each refusal at the door says what to do', () => {
  const titles = [0, 401, 403, 429, 500].map((status) => entryProblem(new ApiError('x', { status }), 0).title);
  assert.equal(new Set(titles).size, 5);
  assert.match(entryProblem(new ApiError('No scope.', { status: 403 }), 0).text, /No scope\..*models:read/);
});

test('only what can stand in a header is sent as a key', () => {
  assert.equal(looksLikeKey('os_abc-123.DEF_~'), true);
  for (const text of ['', 'two words', 'schlüssel', 'a\nb', 'x'.repeat(513)]) assert.equal(looksLikeKey(text), false);
});

test('a forced pause is counted down in whole seconds', () => {
  const refused = new ApiError('', { status: 429, retryAfterMs: 30_000 });
  assert.match(entryProblem(refused, 29_001).text, /Wait 30 s/);
  assert.match(entryProblem(refused, 0).text, /try again now/);
});
