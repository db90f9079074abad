import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expectedWaitMs, Pace } from './forecast.ts';

/** A worker that needs this long for a cost unit and works on these calls. */
function pace(msPerCost: number, ...running: number[]): Pace {
  const it = new Pace();
  it.start(100);
  it.end(100, 100 * msPerCost);
  for (const cost of running) it.start(cost);
  return it;
}

test('nothing is expected of a worker that has not been measured', () => {
  const fresh = new Pace();
  fresh.start(100);
  fresh.end(100, undefined);
  assert.equal(fresh.msPerCost, 0);
  assert.equal(expectedWaitMs([{ pace: fresh, slots: 1 }], 1000), 0);
  assert.equal(expectedWaitMs([], 1000), 0);
});

test('a pace follows what was measured lately, long calls counting more', () => {
  const it = pace(10);
  it.start(1);
  it.end(1, 1000);
  assert.ok(it.msPerCost > 10 && it.msPerCost < 30, `${it.msPerCost}`);
  for (let i = 0; i < 50; i++) {
    it.start(100);
    it.end(100, 200);
  }
  assert.ok(Math.abs(it.msPerCost - 2) < 0.01);
});

test('one busy slot is expected to be half done, several to free the first one sooner', () => {
  assert.equal(pace(10, 100).nextSlotMs, 500);
  assert.equal(pace(10, 100, 100, 100).nextSlotMs, 250);
  assert.equal(pace(10).nextSlotMs, 0);
});

test('the wait is the first free slot and the work ahead, shared by all slots', () => {
  assert.equal(expectedWaitMs([{ pace: pace(10, 100), slots: 1 }], 200), 500 + 2000);
  assert.equal(expectedWaitMs([{ pace: pace(10, 100, 100), slots: 2 }], 200), 1000 / 3 + 1000);
  const two = [
    { pace: pace(10, 100), slots: 1 },
    { pace: pace(1, 100), slots: 1 },
  ];
  assert.equal(expectedWaitMs(two, 110), 50 + 100);
});
