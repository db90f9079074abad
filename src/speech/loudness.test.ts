import assert from 'node:assert/strict';
import { test } from 'node:test';
import { applyGain, raiseQuiet } from './loudness.ts';

const tone = (amplitude: number) => Float32Array.from({ length: 1600 }, (_, i) => amplitude * Math.sin(i / 5));
const peak = (pcm: Float32Array) => pcm.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

test('a quiet recording is raised, at most by 30 dB', () => {
  const quiet = tone(0.02);
  raiseQuiet(quiet);
  assert.ok(peak(quiet) > 0.15 && peak(quiet) < 0.2, String(peak(quiet)));
  const nothing = tone(0.0001);
  raiseQuiet(nothing);
  assert.ok(peak(nothing) < 0.0032);
});

test('a loud recording stays as it is and a click never clips', () => {
  const loud = tone(0.9);
  raiseQuiet(loud);
  assert.deepEqual(loud, tone(0.9));
  const click = tone(0.01);
  click[7] = 0.9;
  raiseQuiet(click);
  assert.ok(peak(click) <= 0.981);
});

test('silence stays silence', () => {
  const silence = new Float32Array(100);
  raiseQuiet(silence);
  assert.deepEqual(silence, new Float32Array(100));
});

test('a gain in decibels clips at full scale', () => {
  const pcm = Float32Array.of(0.25, -0.9);
  applyGain(pcm, 20 * Math.log10(2));
  assert.ok(Math.abs(pcm[0]! - 0.5) < 1e-6);
  assert.equal(pcm[1], -1);
});
