import assert from 'node:assert/strict';
import { test } from 'node:test';
import { percentOf, timeLeftMs, transferOf, transferWords } from './arrival.ts';

const transfer = { state: 'downloading', bytes: 12e6, total: 30e6, rate: 4e6 } as const;

test('a download tells its bytes, its rate and the time it still takes', () => {
  assert.deepEqual(transferWords(transfer), ['Downloading', '12.0 MB of 30.0 MB', '4.0 MB/s', '5 s left']);
  assert.equal(percentOf(transfer), 40);
  assert.equal(timeLeftMs(transfer), 4500);
  const left = (rate: number): string | undefined => transferWords({ ...transfer, rate }).at(-1);
  assert.deepEqual([30e6, 200e3, 1e4].map(left), ['nearly done', '1 min 30 s left', '30 min left']);
});

test('what cannot be known is not invented', () => {
  assert.deepEqual(transferWords({ ...transfer, rate: 0 }), ['Downloading', '12.0 MB of 30.0 MB']);
  assert.deepEqual(transferWords({ ...transfer, total: 0 }), ['Downloading', '4.0 MB/s']);
  assert.deepEqual(transferWords({ ...transfer, state: 'queued' }), ['Waiting for its turn']);
  assert.equal(percentOf({ ...transfer, total: 0 }), null);
  assert.equal(percentOf({ ...transfer, bytes: 31e6 }), 100);
});

test('only what is on its way has a progress', () => {
  assert.equal(transferOf({ state: 'available', progress: null }), null);
  assert.deepEqual(transferOf({ state: 'queued', progress: null }), { state: 'queued', bytes: 0, total: 0, rate: 0 });
  assert.deepEqual(transferOf({ state: 'verifying', progress: { bytes: 1, total: 2, rate: 3 } }), {
    state: 'verifying',
    bytes: 1,
    total: 2,
    rate: 3,
  });
});
