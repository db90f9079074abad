import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from './errors.ts';
import { transferEvent } from './transferEvents.ts';

test('progress is told in bytes, and what is not known counts as nothing', () => {
  const event = { type: 'model.progress', model: 'a', state: 'downloading', bytes: 5, total: 10, rate: 2.5 };
  assert.deepEqual(transferEvent(event), { state: 'downloading', bytes: 5, total: 10, rate: 2.5 });
  const bare = { type: 'model.progress', model: 'a', state: 'verifying', total: -1, rate: 'fast' };
  assert.deepEqual(transferEvent(bare), { state: 'verifying', bytes: 0, total: 0, rate: 0 });
});

test('a model that is here ends the events', () => {
  assert.equal(transferEvent({ type: 'model.ready', model: 'a' }), 'end');
});

test('a model that nobody fetches any more is not taken for one that is here', () => {
  assert.throws(
    () => transferEvent({ type: 'model.absent', model: 'a' }),
    (thrown) => thrown instanceof ApiError && thrown.code === 'cancelled',
  );
});

test('a download that failed is an error with the words of the server', () => {
  const error = { message: 'The hub does not answer.', code: 'download_failed', param: null };
  assert.throws(
    () => transferEvent({ type: 'model.failed', model: 'a', error }),
    (thrown) => thrown instanceof ApiError && thrown.message === error.message && thrown.code === 'download_failed',
  );
  assert.throws(() => transferEvent({ type: 'model.failed' }), ApiError);
});

test('events of a later version are passed over', () => {
  for (const data of [null, 'x', {}, { type: 'model.news' }, { type: 'model.progress', state: 'dreaming' }]) {
    assert.equal(transferEvent(data), null);
  }
});
