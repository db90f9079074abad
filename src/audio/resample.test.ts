import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Resampler, resample } from './resample.ts';

function tone(hz: number, rate: number, samples: number): Float32Array {
  return Float32Array.from({ length: samples }, (_, i) => Math.sin((2 * Math.PI * hz * i) / rate));
}

/** Level of the middle half against a full-scale tone. */
function decibels(pcm: Float32Array): number {
  const middle = pcm.subarray(pcm.length >> 2, (pcm.length * 3) >> 2);
  let power = 0;
  for (const sample of middle) power += sample * sample;
  return 10 * Math.log10((2 * power) / middle.length + 1e-20);
}

const PAIRS = [
  [48_000, 16_000],
  [44_100, 16_000],
  [22_050, 24_000],
  [24_000, 48_000],
  [24_000, 22_050],
  [11_025, 16_000],
  [192_000, 8000],
  [8000, 192_000],
  [44_101, 16_000],
] as const;

test('the passband is flat within 0.1 dB up to 90 % of the lower Nyquist frequency', () => {
  for (const [from, to] of PAIRS) {
    for (const part of [0.02, 0.3, 0.6, 0.9]) {
      const level = decibels(resample(tone((part * Math.min(from, to)) / 2, from, from >> 1), from, to));
      assert.ok(Math.abs(level) < 0.1, `${from} to ${to} at ${part}: ${level} dB`);
    }
  }
});

test('a tone above the new Nyquist frequency is at least 70 dB down', () => {
  for (const [from, to] of PAIRS) {
    for (const hz of [to / 2 + 1, to * 0.6, to * 0.9]) {
      if (hz >= from / 2) continue;
      const level = decibels(resample(tone(hz, from, from >> 1), from, to));
      assert.ok(level < -70, `${hz} Hz, ${from} to ${to}: ${level} dB`);
    }
  }
});

test('no image of a tone appears when the rate rises', () => {
  const pcm = resample(tone(9000, 22_050, 22_050), 22_050, 48_000);
  const expected = tone(9000, 48_000, pcm.length);
  assert.ok(decibels(pcm.map((sample, i) => sample - expected[i]!)) < -70);
});

test('n samples become exactly ceil(n × to / from), and nothing is shifted in time', () => {
  for (const [from, to] of PAIRS) {
    for (const samples of [0, 1, 2, 1001, from]) {
      assert.equal(resample(new Float32Array(samples), from, to).length, Math.ceil((samples * to) / from));
    }
    const hz = 0.2 * Math.min(from, to);
    const pcm = resample(tone(hz, from, from >> 1), from, to);
    const expected = tone(hz, to, pcm.length);
    assert.ok(decibels(pcm.map((sample, i) => sample - expected[i]!)) < -70, `${from} to ${to}`);
  }
});

test('how the input is cut into chunks changes no bit of the output', () => {
  const noise = Float32Array.from({ length: 20_000 }, (_, i) => Math.sin(i * i));
  for (const [from, to] of PAIRS) {
    const whole = resample(noise, from, to);
    for (const sizes of [[1], [7, 0, 1301], [160], [19_999, 1]]) {
      const resampler = new Resampler(from, to);
      const parts: number[] = [];
      for (let at = 0, turn = 0; at < noise.length; turn++) {
        const size = sizes[turn % sizes.length]!;
        for (const sample of resampler.push(noise.subarray(at, at + size))) parts.push(sample);
        at += size;
      }
      for (const sample of resampler.flush()) parts.push(sample);
      assert.deepEqual(Float32Array.from(parts), whole, `${from} to ${to} in ${sizes}`);
    }
  }
});

test('two streams at the same rates do not disturb each other', () => {
  const a = tone(300, 22_050, 4000);
  const b = tone(3000, 22_050, 4000);
  const [first, second] = [new Resampler(22_050, 24_000), new Resampler(22_050, 24_000)];
  const parts: Float32Array[] = [];
  for (let at = 0; at < a.length; at += 500) {
    parts.push(first.push(a.subarray(at, at + 500)));
    second.push(b.subarray(at, at + 500));
  }
  parts.push(first.flush());
  assert.deepEqual(
    parts.flatMap((part) => [...part]),
    [...resample(a, 22_050, 24_000)],
  );
});

test('a constant stays that constant away from the edges', () => {
  const pcm = resample(new Float32Array(4410).fill(0.5), 44_100, 16_000);
  for (const sample of pcm.subarray(200, -200)) assert.ok(Math.abs(sample - 0.5) < 1e-6);
});

test('equal rates pass through, impossible ones are refused', () => {
  const pcm = tone(440, 16_000, 100);
  assert.equal(resample(pcm, 16_000, 16_000), pcm);
  for (const rate of [0, -1, 7999, 192_001, 16_000.5, Number.NaN]) {
    assert.throws(() => new Resampler(rate, 16_000), RangeError);
    assert.throws(() => new Resampler(16_000, rate), RangeError);
  }
});
