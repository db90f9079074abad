import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Resampler } from './resampler.ts';

function sine(hertz: number, rate: number, samples: number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: samples }, (_, at) => Math.sin((2 * Math.PI * hertz * at) / rate));
}

function resampled(from: number, to: number, input: Float32Array, piece: number): number[] {
  const resampler = new Resampler(from, to);
  const out: number[] = [];
  for (let at = 0; at < input.length; at += piece) out.push(...resampler.push(input.subarray(at, at + piece)));
  return out;
}

/** Root mean square, away from the ends. */
function strength(samples: number[]): number {
  const inner = samples.slice(200, -200);
  return Math.sqrt(inner.reduce((sum, sample) => sum + sample * sample, 0) / inner.length);
}

for (const [from, to] of [
  [48_000, 24_000],
  [44_100, 24_000],
  [24_000, 48_000],
  [24_000, 44_100],
] as const) {
  test(`from ${from} to ${to} Hz a tone keeps its pitch, its loudness and its length`, () => {
    const out = resampled(from, to, sine(440, from, from), 441);
    assert.ok(Math.abs(out.length - to) < 30, `${out.length} samples`);
    const expected = sine(440, to, to);
    for (let at = 200; at < out.length - 200; at++) assert.ok(Math.abs(out[at]! - expected[at]!) < 0.01, `at ${at}`);
  });
}

test('what the lower rate cannot hold is taken away instead of folded back', () => {
  assert.ok(strength(resampled(48_000, 24_000, sine(16_000, 48_000, 48_000), 960)) < 0.01);
});

test('pieces of any length give the same sound', () => {
  const input = sine(300, 44_100, 4410);
  const whole = resampled(44_100, 24_000, input, 4410);
  for (const piece of [1, 7, 882]) {
    const pieces = resampled(44_100, 24_000, input, piece);
    assert.equal(pieces.length, whole.length);
    assert.ok(pieces.every((sample, at) => Math.abs(sample - whole[at]!) < 1e-5));
  }
});
