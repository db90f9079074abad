import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AudioClock } from './audioClock.ts';

test('a position in the sound has the time at which it was heard, also within a frame', () => {
  const clock = new AudioClock();
  for (let frame = 1; frame <= 10; frame++) clock.mark(frame * 20, 5000 + frame * 20);
  assert.equal(clock.timeOf(100), 5100);
  assert.equal(clock.timeOf(93), 5093);
});

test('a pause of the microphone moves what comes behind it', () => {
  const clock = new AudioClock();
  clock.mark(20, 1020);
  clock.mark(40, 9040);
  assert.equal(clock.timeOf(20), 1020);
  assert.equal(clock.timeOf(30), 9030);
});

test('what has not happened, and what is long forgotten, has no time', () => {
  const clock = new AudioClock();
  assert.equal(clock.timeOf(0), null);
  for (let frame = 1; frame <= 10_000; frame++) clock.mark(frame * 20, frame * 20);
  assert.equal(clock.timeOf(20), null);
  assert.equal(clock.timeOf(200_001), null);
  assert.equal(clock.timeOf(199_999), 199_999);
});
