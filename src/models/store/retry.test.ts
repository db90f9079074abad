import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Interrupted, retryAfter, retrying } from './retry.ts';

const options = {
  maxAttempts: 3,
  maxPauseMs: 1,
  signal: new AbortController().signal,
  what: 'a.bin',
  progressed: () => false,
};

test('it gives up after so many failures in a row, and progress starts the count anew', async () => {
  let attempts = 0;
  const failing = async (): Promise<void> => {
    attempts++;
    throw new Interrupted('the line is bad');
  };
  await assert.rejects(retrying(failing, options), {
    code: 'download_failed',
    message: /a\.bin failed: the line is bad/,
  });
  assert.equal(attempts, 3);
  attempts = 0;
  await assert.rejects(retrying(failing, { ...options, progressed: () => attempts <= 5 }), { code: 'download_failed' });
  assert.equal(attempts, 7);
});

test('only interruptions are tried again, and a signal ends the pause', async () => {
  await assert.rejects(
    retrying(() => Promise.reject(new TypeError('a defect')), options),
    TypeError,
  );
  const controller = new AbortController();
  const waiting = retrying(() => Promise.reject(new Interrupted('busy', 60_000)), {
    ...options,
    ...{ maxPauseMs: 120_000, signal: controller.signal },
  });
  controller.abort();
  await assert.rejects(waiting, { code: 'cancelled' });
});

test('a source that asks to wait longer than allowed ends it, and the caller is told how long', async () => {
  await assert.rejects(
    retrying(() => Promise.reject(new Interrupted('busy', 5000)), options),
    {
      code: 'download_failed',
      retryAfterMs: 5000,
    },
  );
});

test('Retry-After is read as seconds or as a date', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  assert.equal(retryAfter('120', now), 120_000);
  assert.equal(retryAfter('Thu, 01 Jan 2026 00:00:30 GMT', now), 30_000);
  assert.equal(retryAfter('Wed, 31 Dec 2025 00:00:00 GMT', now), 0);
  for (const header of [undefined, 'soon', '-5']) assert.ok(!((retryAfter(header, now) ?? 0) > 0), header);
});
