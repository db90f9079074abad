import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatDuration, type RateLimitOptions, rateLimiter, rateLimitHeaders } from './rate-limit.ts';

function bench(options: Partial<RateLimitOptions> = {}) {
  const clock = { now: 0 };
  const limiter = rateLimiter({ perMinute: 60, burst: 3, entries: 100, ...options, now: () => clock.now });
  const allowed = (name: string, times: number) => Array.from({ length: times }, () => limiter.take(name).allowed);
  return { clock, limiter, allowed };
}

test('a burst is allowed, then as many as the rate brings back', () => {
  const { clock, allowed } = bench();
  assert.deepEqual(allowed('a', 5), [true, true, true, false, false]);
  clock.now += 999;
  assert.deepEqual(allowed('a', 1), [false]);
  clock.now += 1;
  assert.deepEqual(allowed('a', 2), [true, false]);
  clock.now += 3_600_000;
  assert.deepEqual(allowed('a', 4), [true, true, true, false]);
});

test('a burst of 0 means the rate itself', () => {
  const { allowed } = bench({ perMinute: 2, burst: 0 });
  assert.deepEqual(allowed('a', 3), [true, true, false]);
});

test('names do not share', () => {
  const { allowed } = bench();
  allowed('a', 9);
  assert.deepEqual(allowed('b', 1), [true]);
});

test('the state says how many are left and when', () => {
  const { clock, limiter } = bench();
  assert.deepEqual(limiter.peek('a'), { allowed: true, limit: 3, remaining: 3, resetMs: 0, retryAfterMs: 0 });
  assert.deepEqual(limiter.take('a'), { allowed: true, limit: 3, remaining: 2, resetMs: 1000, retryAfterMs: 0 });
  limiter.take('a');
  assert.deepEqual(limiter.take('a'), { allowed: true, limit: 3, remaining: 0, resetMs: 3000, retryAfterMs: 1000 });
  assert.deepEqual(limiter.take('a'), { allowed: false, limit: 3, remaining: 0, resetMs: 3000, retryAfterMs: 1000 });
  clock.now += 250;
  assert.equal(limiter.peek('a').retryAfterMs, 750);
  assert.equal(limiter.peek('a').allowed, false);
});

test('waiting as long as the state says is enough', () => {
  const { clock, limiter } = bench({ perMinute: 7, burst: 1 });
  for (let round = 0; round < 50; round++) {
    assert.ok(limiter.take('a').allowed);
    clock.now += limiter.peek('a').retryAfterMs;
  }
});

test('a key may have its own rate, and a change of it counts at once', () => {
  const { limiter } = bench();
  assert.equal(limiter.take('a', { perMinute: 10 }).limit, 10);
  const narrowed = limiter.take('a', { perMinute: 2 });
  assert.deepEqual([narrowed.limit, narrowed.remaining], [2, 1]);
});

test('the table stays bounded', () => {
  const { limiter } = bench({ entries: 100 });
  for (let index = 0; index < 10_000; index++) limiter.take(`name-${index}`);
  assert.ok(limiter.size() <= 100);
});

test('a flood of new names does not free the blocked ones', () => {
  const { allowed, limiter } = bench({ entries: 100 });
  const blocked = Array.from({ length: 40 }, (_, index) => `blocked-${index}`);
  for (const name of blocked) allowed(name, 9);
  for (let index = 0; index < 20_000; index++) limiter.take(`flood-${index}`);
  for (const name of blocked) assert.equal(limiter.peek(name).allowed, false, name);
});

test('names that have had their rest make room first', () => {
  const { clock, allowed, limiter } = bench({ entries: 2 });
  allowed('rested', 1);
  clock.now += 60_000;
  allowed('blocked', 9);
  limiter.take('new');
  assert.equal(limiter.peek('blocked').allowed, false);
});

test('headers are the ones of OpenAI', () => {
  const { limiter } = bench();
  limiter.take('a');
  assert.deepEqual(rateLimitHeaders(limiter.take('a')), {
    'x-ratelimit-limit-requests': '3',
    'x-ratelimit-remaining-requests': '1',
    'x-ratelimit-reset-requests': '2s',
  });
});

test('durations read like those of OpenAI', () => {
  const cases: [number, string][] = [
    [0, '0ms'],
    [11.2, '12ms'],
    [999, '999ms'],
    [999.5, '1s'],
    [1000, '1s'],
    [59_001, '1m0s'],
    [360_000, '6m0s'],
    [3_600_000, '1h0m0s'],
    [3_725_000, '1h2m5s'],
  ];
  for (const [ms, text] of cases) assert.equal(formatDuration(ms), text);
});
