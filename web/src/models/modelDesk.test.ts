import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ApiError } from '../api/errors.ts';
import type { Transfer } from '../api/transferEvents.ts';
import { ModelDesk } from './modelDesk.ts';

const words = { doing: 'Loading', done: 'In memory', failed: 'It could not be loaded' };
const refresh = async (): Promise<void> => {};
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test('a model is asked one thing at a time, and is busy until the list is fresh', async () => {
  const desk = new ModelDesk();
  const answer = Promise.withResolvers<void>();
  const fresh = Promise.withResolvers<void>();
  const first = desk.act('voice', { ...words, ask: () => answer.promise, refresh: () => fresh.promise });
  assert.equal(desk.state.busy.voice, 'Loading');
  assert.equal(await desk.act('voice', { ...words, ask: () => assert.fail('asked twice'), refresh }), false);
  assert.equal(await desk.act('other', { ...words, ask: refresh, refresh }), true);
  answer.resolve();
  await settled();
  assert.equal(desk.state.busy.voice, 'Loading');
  fresh.resolve();
  assert.equal(await first, true);
  assert.deepEqual(desk.state.busy, {});
  assert.equal(desk.state.news, 'voice: In memory');
});

test('what could not be done is told until it is put away or tried again', async () => {
  const desk = new ModelDesk();
  const error = new ApiError('No room.', { status: 503 });
  const fail = (): Promise<boolean> => desk.act('voice', { ...words, ask: () => Promise.reject(error), refresh });
  assert.equal(await fail(), false);
  assert.deepEqual(desk.state.failures.voice, { title: 'It could not be loaded', error });
  assert.equal(await desk.act('voice', { ...words, ask: refresh, refresh }), true);
  assert.deepEqual(desk.state.failures, {});
  await fail();
  desk.dismiss('voice');
  assert.deepEqual(desk.state.failures, {});
});

/** Downloads whose events come when the test says so. */
function transfers() {
  const ends = new Map<string, () => void>();
  const api = {
    async *transfer(id: string, signal: AbortSignal): AsyncGenerator<Transfer, void> {
      yield { state: 'downloading', bytes: 1, total: 2, rate: 1 };
      const end = Promise.withResolvers<void>();
      ends.set(id, end.resolve);
      signal.addEventListener('abort', () => end.reject(new DOMException('gone', 'AbortError')));
      await end.promise;
    },
  };
  return { api, ends };
}

test('a few downloads are followed at once, each once, and the next when one has ended', async () => {
  const desk = new ModelDesk();
  const { api, ends } = transfers();
  let refreshed = 0;
  const again = async (): Promise<void> => {
    refreshed++;
  };
  for (let i = 0; i < 3; i++) desk.follow(api, ['a', 'b', 'c', 'd'], again);
  await settled();
  assert.deepEqual(Object.keys(desk.state.transfers), ['a', 'b', 'c']);
  assert.deepEqual([...ends.keys()], ['a', 'b', 'c']);
  ends.get('b')?.();
  await settled();
  assert.equal(refreshed, 1);
  assert.equal(desk.state.news, 'b: here');
  desk.follow(api, ['a', 'c', 'd'], again);
  await settled();
  assert.deepEqual(Object.keys(desk.state.transfers), ['a', 'c', 'd']);
});

test('nothing is left of a visitor who leaves', async () => {
  const desk = new ModelDesk();
  const { api } = transfers();
  desk.follow(api, ['a'], () => assert.fail('refreshed'));
  await settled();
  desk.clear();
  await settled();
  assert.deepEqual(desk.state, { transfers: {}, busy: {}, failures: {}, news: '' });
});
