import assert from 'node:assert/strict';
import { test } from 'node:test';
import { BANDS, FRAMES, logMel, RATE, WINDOW_SAMPLES } from './log-mel.ts';

const sweep = (length: number): Float32Array =>
  Float32Array.from({ length }, (_, i) => Math.sin(i * i * 0.000_01) * 0.2 + 0.01 * Math.sin(i * 1.3));

/** Band, frame and level, from numpy in double precision after the definition in log-mel.ts. */
const REFERENCE = [
  [0, 0, 0.2960323],
  [0, 799, 0.255815],
  [5, 200, 1.6434663],
  [14, 300, -0.1281029],
  [26, 350, -0.0973146],
  [40, 300, -0.2954619],
  [40, 500, -0.2954619],
  [52, 640, -0.2954619],
  [60, 700, -0.2954619],
  [79, 10, -0.2954619],
  [79, 790, -0.2954619],
  [33, 176, -0.2954619],
  [34, 175, 0.0076897],
] as const;

test('the features are those of the definition, computed by another program', () => {
  const features = logMel(sweep(100_000));
  assert.equal(features.length, BANDS * FRAMES);
  for (const [band, frame, expected] of REFERENCE) {
    const found = features[band * FRAMES + frame]!;
    assert.ok(Math.abs(found - expected) < 1e-6, `band ${band}, frame ${frame}: ${found}`);
  }
});

test('a tone is loudest in its own band, wherever it is', () => {
  for (const [hz, band] of [
    [500, 14],
    [1000, 26],
    [3000, 54],
  ] as const) {
    const features = logMel(
      Float32Array.from({ length: WINDOW_SAMPLES }, (_, i) => 0.1 * Math.sin((i * hz * 2 * Math.PI) / RATE)),
    );
    const levels = Array.from({ length: BANDS }, (_, each) => features[each * FRAMES + 400]!);
    assert.ok(
      Math.abs(levels.indexOf(Math.max(...levels)) - band) <= 1,
      `${hz} Hz: ${levels.indexOf(Math.max(...levels))}`,
    );
  }
});

test('loudness makes no difference, and silence has features too', () => {
  const [quiet, loud] = [sweep(WINDOW_SAMPLES).map((sample) => sample / 10), sweep(WINDOW_SAMPLES)].map(logMel);
  assert.ok(quiet!.every((level, i) => Math.abs(level - loud![i]!) < 0.001));
  assert.ok(logMel(new Float32Array(100)).every((level) => Math.abs(level + 1.5) < 1e-6));
});

test('what is shorter than eight seconds has silence before it, what is longer loses its beginning', () => {
  const sound = sweep(WINDOW_SAMPLES + 5000);
  assert.deepEqual(logMel(sound), logMel(sound.subarray(5000)));
  const padded = new Float32Array(WINDOW_SAMPLES);
  padded.set(sound.subarray(0, 3000), WINDOW_SAMPLES - 3000);
  assert.deepEqual(logMel(sound.subarray(0, 3000)), logMel(padded));
});
