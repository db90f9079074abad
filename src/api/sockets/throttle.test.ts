import assert from 'node:assert/strict';
import { test } from 'node:test';
import { throttle } from './throttle.ts';

test('a second’s worth may come at once, and what is more has to wait its time', () => {
  let now = 0;
  const take = throttle({ perSecond: 100, now: () => now });
  assert.equal(take(100), 0);
  assert.equal(take(1), 10);
  assert.equal(take(49), 500);
  now = 500;
  assert.equal(take(0), 0);
  assert.equal(take(50), 500);
});

test('however long the pause, no more than a second’s worth is saved up', () => {
  let now = 0;
  const take = throttle({ perSecond: 100, now: () => now });
  now = 3_600_000;
  assert.equal(take(100), 0);
  assert.equal(take(100), 1000);
});

test('whatever the sizes, no stretch of time brings more than its share', () => {
  let now = 0;
  let seen = 0;
  const take = throttle({ perSecond: 1000, now: () => now });
  for (let i = 1; i <= 500; i++) {
    const size = (i * 7919) % 400;
    seen += size;
    now += take(size);
    assert.ok(seen <= 1000 + now + 1e-6, `${seen} in ${now} ms`);
  }
});
