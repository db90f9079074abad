import assert from 'node:assert/strict';
import { test } from 'node:test';
import { stagesOf, totalOf } from './latency.ts';

test('the stages add up to the time between the last word and the first sound of the answer', () => {
  const moments = { spoken: 1000, stopped: 1520, transcribed: 1600, thought: 1900, synthesised: 2000, heard: 2030 };
  const stages = stagesOf(moments);
  assert.deepEqual(
    stages.map(({ name, ms }) => [name, ms]),
    [
      ['Pause', 520],
      ['Recognition', 80],
      ['Language model', 300],
      ['Speech', 100],
      ['Playback', 30],
    ],
  );
  assert.equal(
    stages.reduce((sum, { ms }) => sum + ms, 0),
    totalOf(moments),
  );
});

test('what was not measured is left out, and what a clock says backwards took no time', () => {
  assert.deepEqual(
    stagesOf({ stopped: 100, transcribed: 90, thought: 120 }).map(({ name, ms }) => [name, ms]),
    [
      ['Recognition', 0],
      ['Language model', 30],
    ],
  );
  assert.equal(totalOf({ stopped: 100, transcribed: 120 }), null);
  assert.equal(totalOf({ spoken: 1 }), null);
  assert.deepEqual(stagesOf({}), []);
});
