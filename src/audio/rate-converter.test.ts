import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RateConverter } from './rate-converter.ts';
import { resample } from './resample.ts';
import { join, tone } from './testing.ts';

test('a stream of one rate is what resampling it whole would be', () => {
  const pcm = tone(440, 500, 22_050);
  const converter = new RateConverter(24_000);
  const parts = [converter.push({ pcm: pcm.subarray(0, 5000), sampleRate: 22_050 })];
  parts.push(converter.push({ pcm: pcm.subarray(5000), sampleRate: 22_050 }), converter.flush());
  assert.deepEqual(join(parts), resample(pcm, 22_050, 24_000));
});

test('where the rate changes, nothing of either side is lost', () => {
  const a = tone(440, 250, 16_000);
  const b = tone(880, 250, 48_000);
  const converter = new RateConverter(24_000);
  const parts = [converter.push({ pcm: a, sampleRate: 16_000 }), converter.push({ pcm: b, sampleRate: 48_000 })];
  parts.push(converter.flush());
  assert.deepEqual(join(parts), join([resample(a, 16_000, 24_000), resample(b, 48_000, 24_000)]));
});

test('audio that already has the rate passes untouched', () => {
  const pcm = tone(440, 100, 24_000);
  const converter = new RateConverter(24_000);
  assert.equal(converter.push({ pcm, sampleRate: 24_000 }), pcm);
  assert.equal(converter.flush().length, 0);
});
