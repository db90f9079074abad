import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ProgressMeter, type StoreProgress } from './progress.ts';

test('it tells the bytes and their rate a few times a second, and what was there before is no rate', () => {
  const told: StoreProgress[] = [];
  let now = 0;
  const meter = new ProgressMeter(
    (progress) => told.push(progress),
    () => now,
  );
  meter.begin('downloading', 10_000);
  meter.found(5000);
  for (let i = 0; i < 50; i++) {
    now += 10;
    meter.add(20);
  }
  assert.deepEqual(told[0], { state: 'downloading', bytes: 0, total: 10_000, rate: 0 });
  assert.deepEqual(told.at(-1), { state: 'downloading', bytes: 6000, total: 10_000, rate: 2000 });
  assert.equal(told.length, 6);
  now += 100_000;
  meter.add(-6000);
  assert.deepEqual([told.at(-1)?.bytes, told.at(-1)?.rate], [0, 0]);
});
