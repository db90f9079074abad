import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestSpeed, speedSteps } from './speeds.ts';

test('steps stay in the range of the voice and always hold its own pace', () => {
  const steps = speedSteps({ min: 0.5, max: 2 });
  assert.deepEqual([steps[0], steps.at(-1), steps.includes(1)], [0.5, 2, true]);
  assert.deepEqual(speedSteps({ min: 1.04, max: 1.06 }), [1]);
});

test('a remembered speed finds the closest step', () => {
  const steps = speedSteps({ min: 0.25, max: 4 });
  assert.equal(steps[nearestSpeed(steps, 1)], 1);
  assert.equal(steps[nearestSpeed(steps, 99)], 4);
  assert.equal(steps[nearestSpeed(steps, 1.17)], 1.2);
});
