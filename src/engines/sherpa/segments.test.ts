import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { NativeResult } from './native.ts';
import { segmentsOf } from './segments.ts';

const result = (text: string, tokens: string[], timestamps: number[], more: Partial<NativeResult> = {}) => ({
  text,
  tokens,
  timestamps,
  ...more,
});

const words = (native: NativeResult, audioMs = 10_000) =>
  segmentsOf(native, audioMs, true).flatMap((segment) => segment.words?.map(({ word }) => word) ?? []);

test('pieces of words are joined where no space stands before them', () => {
  const native = result(' Hello world.', [' He', 'llo', ' wor', 'ld', '.'], [0.5, 0.7, 1, 1.2, 1.3]);
  assert.deepEqual(segmentsOf(native, 2000, true), [
    {
      text: 'Hello world.',
      startMs: 500,
      endMs: 1540,
      words: [
        { word: 'Hello', startMs: 500, endMs: 940 },
        { word: 'world.', startMs: 1000, endMs: 1540 },
      ],
    },
  ]);
});

test('words are left out where nobody asked for them', () => {
  const [segment] = segmentsOf(result('a b', [' a', ' b'], [0, 0.2]), 1000, false);
  assert.deepEqual(segment, { text: 'a b', startMs: 0, endMs: 440 });
});

test('a word starts with its first letter, not with the space before it', () => {
  const [segment] = segmentsOf(result(' ab', [' ', 'a', 'b'], [0.1, 0.4, 0.5]), 1000, true);
  assert.equal(segment?.startMs, 400);
  assert.deepEqual(
    words(
      result(
        'a  b ',
        ['a', ' ', ' ', 'b', ' '],
        [0, 1, 2, 3, 4].map((n) => n / 10),
      ),
    ),
    ['a', 'b'],
  );
});

test('durations end words where the model tells them', () => {
  const native = result('a b', [' a', ' b'], [0, 1], { durations: [0.32, 0.16] });
  assert.deepEqual(
    segmentsOf(native, 3000, true)[0]?.words?.map(({ endMs }) => endMs),
    [320, 1160],
  );
});

test('no time lies outside the audio, and no word ends before it starts', () => {
  const native = result('a b', [' a', ' b'], [0.9, 1.5], { durations: [0.5, 0.5] });
  assert.deepEqual(segmentsOf(native, 1000, true)[0]?.words, [
    { word: 'a', startMs: 900, endMs: 1000 },
    { word: 'b', startMs: 1000, endMs: 1000 },
  ]);
});

test('characters of scripts without spaces are words of their own', () => {
  assert.deepEqual(words(result('你好hello世界', ['你', '好', 'hel', 'lo', '世', '界'], [0, 1, 2, 3, 4, 5])), [
    '你',
    '好',
    'hello',
    '世',
    '界',
  ]);
});

test('whole-word tokens with @@ for pieces are joined as the text has them', () => {
  const native = result(' hello world', ['hel@@', 'lo', 'world'], [0, 0.2, 0.4]);
  assert.deepEqual(words(native), ['hello', 'world']);
  assert.equal(segmentsOf(native, 1000, true)[0]?.text, 'hello world');
});

test('bytes are put together to characters', () => {
  assert.deepEqual(words(result(' grün', [' gr', '<0xC3>', '<0xBC>', 'n'], [0, 0.1, 0.2, 0.3])), ['grün']);
});

test('a pause after a sentence parts segments, and a long pause anywhere', () => {
  const native = result(' One. Two three four', [' One', '.', ' Two', ' three', ' four'], [0.1, 0.2, 1, 1.2, 4]);
  assert.deepEqual(
    segmentsOf(native, 5000, false).map(({ text, startMs }) => [text, startMs]),
    [
      ['One.', 100],
      ['Two three', 1000],
      ['four', 4000],
    ],
  );
});

test('an abbreviation that runs on does not part segments', () => {
  const native = result(' Mr. Fox', [' Mr', '.', ' Fox'], [0.1, 0.3, 0.5]);
  assert.equal(segmentsOf(native, 5000, false).length, 1);
});

test('the text that rules rewrote is kept whole, with the words as heard', () => {
  const native = result('5 apples', [' five', '.', ' apples'], [0.1, 0.3, 2]);
  assert.deepEqual(
    segmentsOf(native, 5000, true).map(({ text, words }) => [text, words?.length]),
    [['5 apples', 2]],
  );
});

test('confidence is the geometric mean of the tokens’ probabilities', () => {
  const ys = [0.5, 0.5, 0.25].map(Math.log);
  const [segment] = segmentsOf(result('ab c', [' a', 'b', ' c'], [0, 0.1, 0.2], { ys_log_probs: ys }), 1000, true);
  const near = (value: number | undefined, wanted: number) => assert.ok(Math.abs(value! - wanted) < 1e-9, `${value}`);
  near(segment?.words?.[0]?.confidence, 0.5);
  near(segment?.words?.[1]?.confidence, 0.25);
  near(segment?.confidence, (0.5 * 0.5 * 0.25) ** (1 / 3));
  // Streaming recognisers call them otherwise; a list of another length measures nothing.
  near(segmentsOf(result('a', ['a'], [0], { ys_probs: [0] }), 1000, true)[0]?.confidence, 1);
  assert.equal(segmentsOf(result('a', ['a'], [0], { ys_log_probs: [] }), 1000, true)[0]?.confidence, undefined);
});

test('segments that the model found are kept, with their words', () => {
  const native = result(' One two. Three.', [' One', ' two.', ' Three.'], [0.2, 0.5, 2.4], {
    segment_texts: [' One two.', ' Three.', ' '],
    segment_timestamps: [0.3, 2.2, 3],
    segment_durations: [1, 0.8, 1],
  });
  assert.deepEqual(
    segmentsOf(native, 2900, true).map(({ words, ...segment }) => [segment, words?.map(({ word }) => word)]),
    [
      [{ text: 'One two.', startMs: 300, endMs: 1300 }, ['One', 'two.']],
      [{ text: 'Three.', startMs: 2200, endMs: 2900 }, ['Three.']],
    ],
  );
});

test('text without times is one segment as long as the audio', () => {
  assert.deepEqual(segmentsOf({ text: ' all of it ', tokens: [' all'], timestamps: [] }, 1234, true), [
    { text: 'all of it', startMs: 0, endMs: 1234 },
  ]);
});

test('nothing heard is no segment', () => {
  assert.deepEqual(segmentsOf({ text: ' ' }, 1000, true), []);
});
