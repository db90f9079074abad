import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeechError } from './errors.ts';

test('an error keeps its code, field and retry time across a process border', () => {
  const sent = new SpeechError('queue_full', 'Busy.', { param: 'model', retryAfterMs: 1500, detail: 'x' });
  const got = SpeechError.fromData(structuredClone(sent.toData()));
  assert.deepEqual(got.toData(), sent.toData());
  assert.equal(got.status, 429);
});

test('a foreign error never shows its own text to the caller', () => {
  const error = SpeechError.from(new Error('/etc/secret is missing'));
  assert.equal(error.code, 'internal_error');
  assert.doesNotMatch(error.message, /secret/);
  assert.match(error.detail ?? '', /secret/);
});

test('an unknown code from another process becomes internal_error', () => {
  const error = SpeechError.fromData({ code: 'toString' as never, message: 'm', param: null });
  assert.equal(error.status, 500);
});
