import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loudness, microphoneProblem } from './recorder.ts';

test('loudness runs from silence at 0 to full scale at 1', () => {
  assert.equal(loudness(new Float32Array(64)), 0);
  assert.ok(loudness(new Float32Array(64).fill(1)) > 0.999);
  assert.ok(Math.abs(loudness(new Float32Array(64).fill(10 ** (-30 / 20))) - 0.5) < 0.001);
});

test('each way of not getting the microphone has its own advice', () => {
  const advice = ['NotAllowedError', 'NotFoundError', 'NotReadableError', 'OverconstrainedError'].map((name) =>
    microphoneProblem(new DOMException('', name)),
  );
  assert.equal(new Set(advice).size, 4);
  assert.equal(microphoneProblem('?'), 'The microphone could not be opened.');
});
