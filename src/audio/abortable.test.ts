import assert from 'node:assert/strict';
import { getEventListeners } from 'node:events';
import { test } from 'node:test';
import { SpeechError } from '../errors.ts';
import { abortable } from './abortable.ts';
import { collect } from './testing.ts';

/** Counts to three, then waits for ever or ends. Says whether it was told to stop. */
function counter({ hangs = false } = {}) {
  const state = { stopped: false };
  let count = 0;
  const source: AsyncIterableIterator<number> = {
    next: () => {
      if (++count <= 3) return Promise.resolve({ done: false, value: count });
      return hangs ? new Promise(() => {}) : Promise.resolve({ done: true, value: undefined });
    },
    return: async () => {
      state.stopped = true;
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]: () => source,
  };
  return { source, state };
}

test('everything passes, and a source that ended by itself is not told to stop', async () => {
  const { source, state } = counter();
  const { signal } = new AbortController();
  assert.deepEqual(await collect(abortable(source, signal)), [1, 2, 3]);
  assert.equal(state.stopped, false);
  assert.equal(getEventListeners(signal, 'abort').length, 0);
});

test('an abort ends the wait for a source that hangs, with the error of the signal', async () => {
  const { source, state } = counter({ hangs: true });
  const controller = new AbortController();
  const seen: number[] = [];
  const reading = (async () => {
    for await (const item of abortable(source, controller.signal)) seen.push(item);
  })();
  await new Promise((resolve) => setImmediate(resolve));
  controller.abort(new SpeechError('deadline_exceeded', 'Too long.'));
  await assert.rejects(reading, { code: 'deadline_exceeded' });
  assert.deepEqual(seen, [1, 2, 3]);
  assert.equal(state.stopped, true);
});

test('a signal that fired before stops the source without reading it', async () => {
  const { source, state } = counter();
  await assert.rejects(collect(abortable(source, AbortSignal.abort())), { code: 'cancelled' });
  assert.equal(state.stopped, true);
});

test('a reader that leaves stops the source', async () => {
  const { source, state } = counter({ hangs: true });
  for await (const item of abortable(source, new AbortController().signal)) if (item === 2) break;
  assert.equal(state.stopped, true);
});

test('the error of a source passes', async () => {
  const failing = (async function* () {
    yield 1;
    throw new Error('broken');
  })();
  await assert.rejects(collect(abortable(failing, new AbortController().signal)), /broken/);
});
