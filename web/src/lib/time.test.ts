import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ago, clock, span, timestamp } from './time.ts';

test('a clock shows minutes and seconds, and hours only when there are some', () => {
  assert.equal(clock(0), '0:00');
  assert.equal(clock(7.9), '0:07');
  assert.equal(clock(760), '12:40');
  assert.equal(clock(3723), '1:02:03');
});

test('a clock without a time does not invent one', () => {
  assert.equal(clock(Number.NaN), '–:––');
  assert.equal(clock(Number.POSITIVE_INFINITY), '–:––');
});

test('subtitle times carry hours, roll over and round to the millisecond', () => {
  assert.equal(timestamp(0, ','), '00:00:00,000');
  assert.equal(timestamp(59.9996, ','), '00:01:00,000');
  assert.equal(timestamp(3725.5, '.'), '01:02:05.500');
  assert.equal(timestamp(-1, '.'), '00:00:00.000');
  assert.equal(timestamp(360_000, '.'), '100:00:00.000');
});

test('a span is told in the unit that suits it', () => {
  assert.equal(span(182.4), '182 ms');
  assert.equal(span(1440), '1.4 s');
  assert.equal(span(12_400), '12 s');
  assert.equal(span(60_000), '1 min');
  assert.equal(span(125_000), '2 min 5 s');
});

test('what was a while ago is told roughly', () => {
  const minute = 60_000;
  assert.deepEqual([0, 4 * minute, 200 * minute, 60 * 60 * minute].map(ago), [
    'just now',
    '4 min ago',
    '3 h ago',
    '2 days ago',
  ]);
});
