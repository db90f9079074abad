import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SpeakerSpan } from '../../engines/contract.ts';
import { letter } from './diarize.ts';
import { isSpoken, turnsOf } from './turns.ts';

const said = (...spans: [speaker: number, startMs: number, endMs: number][]): SpeakerSpan[] =>
  spans.map(([speaker, startMs, endMs]) => ({ speaker, startMs, endMs }));
const turns = (...spans: [number, number, number][]) =>
  turnsOf(said(...spans)).map(({ speaker, fromMs, toMs }) => [speaker, fromMs, toMs]);
const END = Number.POSITIVE_INFINITY;

test('every moment belongs to one speaker, pauses parted in the middle', () => {
  assert.deepEqual(turns([0, 100, 1000], [1, 2000, 3000], [0, 3100, 4000]), [
    [0, 0, 1500],
    [1, 1500, 3050],
    [0, 3050, END],
  ]);
});

test('what one speaker says with pauses is one turn', () => {
  assert.deepEqual(turns([0, 0, 1000], [0, 5000, 6000], [1, 7000, 8000]), [
    [0, 0, 6500],
    [1, 6500, END],
  ]);
});

test('what two say at once is parted in the middle, and an interjection is no turn', () => {
  assert.deepEqual(turns([0, 0, 2000], [1, 1000, 3000]), [
    [0, 0, 1500],
    [1, 1500, END],
  ]);
  assert.deepEqual(turns([0, 0, 5000], [1, 1000, 1500], [0, 5500, 6000]), [[0, 0, END]]);
});

test('spans may come in any order, and where there are none one speaker has it all', () => {
  assert.deepEqual(turns([1, 2000, 3000], [0, 0, 1000]), turns([0, 0, 1000], [1, 2000, 3000]));
  assert.deepEqual(turns(), [[0, 0, END]]);
});

test('a stretch is spoken where a tenth of a second of it is', () => {
  const spans = said([0, 0, 1000], [1, 1050, 2000]);
  assert.ok(isSpoken(950, 1100, spans));
  assert.ok(!isSpoken(960, 1060, spans));
  assert.ok(!isSpoken(2000, 9000, spans));
});

test('speakers are called A to Z, then AA', () => {
  assert.deepEqual([0, 1, 25, 26, 27, 51, 52].map(letter), ['A', 'B', 'Z', 'AA', 'AB', 'AZ', 'BA']);
});
