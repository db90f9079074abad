import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Captions, MAX_PARAGRAPHS, NO_CAPTIONS, transcriptOf, withCaptionEvent, withoutHope } from './captions.ts';
import { stagesOf } from './latency.ts';

const line = { session: 1, offset: 0, now: 5000, timeOf: (ms: number) => ms + 3000, pauseMs: 500 };
const heard = (utterance: number, text: string, fields: object = {}) => ({
  ...{ type: 'transcript', utterance, text, start: 1, end: 2, is_final: false, speech_final: false },
  ...fields,
});
const after = (events: Record<string, unknown>[], before = NO_CAPTIONS, from = line): Captions =>
  events.reduce((captions: Captions, event) => withCaptionEvent(captions, event, from), before);
const shown = ({ paragraphs }: Captions) => paragraphs.map(({ confirmed, tentative }) => [confirmed, tentative]);

test('what may still change is told apart from what stays, and never takes its place', () => {
  const first = after([heard(1, 'good mor')]);
  assert.deepEqual(shown(first), [['', 'good mor']]);
  const second = after([heard(1, 'good', { is_final: true })], first);
  assert.deepEqual(shown(second), [['good', ' mor']]);
  const third = after([heard(1, 'good morning ev')], second);
  assert.deepEqual(shown(third), [['good', ' morning ev']]);
  const last = after([heard(1, 'good morning everyone', { is_final: true, speech_final: true })], third);
  assert.deepEqual(shown(last), [['good morning everyone', '']]);
  assert.equal(last.paragraphs[0]!.done, true);
});

test('an utterance in which no words were found leaves nothing behind', () => {
  const cough = [heard(1, 'uh'), { type: 'vad', state: 'speech_end', utterance: 1, at: 2 }];
  assert.deepEqual(after(cough).paragraphs, []);
  assert.deepEqual(after([{ type: 'vad', state: 'speech_start', utterance: 1, at: 0 }]), NO_CAPTIONS);
});

test('the pause and the recognition are measured from the end of the voice', () => {
  const { paragraphs } = after([
    heard(1, 'hello', { is_final: true, speech_final: true }),
    { type: 'vad', state: 'speech_end', utterance: 1, at: 1.9 },
  ]);
  assert.deepEqual(
    stagesOf(paragraphs[0]!.moments).map(({ name, ms }) => [name, ms]),
    [
      ['Pause', 500],
      ['Recognition', 100],
    ],
  );
});

test('another line goes on behind the first, and what the first left open stays as it is', () => {
  const first = withoutHope(after([heard(1, 'so far')]));
  assert.deepEqual(shown(first), [['so far', '']]);
  const both = after([heard(1, 'and on', { is_final: true, speech_final: true })], first, {
    ...line,
    session: 2,
    offset: 60,
  });
  assert.deepEqual(
    transcriptOf(both, 'ear').segments.map(({ start, text }) => [start, text]),
    [
      [1, 'so far'],
      [61, 'and on'],
    ],
  );
  assert.equal(transcriptOf(both, 'ear').text, 'so far\nand on');
});

test('a talk without end keeps its last paragraphs and counts the others', () => {
  const events = Array.from({ length: MAX_PARAGRAPHS + 3 }, (_, at) => heard(at, `${at}`, { speech_final: true }));
  const captions = after(events);
  assert.equal(captions.paragraphs.length, MAX_PARAGRAPHS);
  assert.equal(captions.dropped, 3);
});

test('events that lack their fields change nothing', () => {
  for (const event of [
    {},
    { type: 'transcript' },
    { type: 'transcript', utterance: 1, text: 7, start: 0, end: 1 },
    { type: 'vad', state: 'speech_end', utterance: 1 },
    { type: 'news', utterance: 1 },
  ]) {
    assert.equal(withCaptionEvent(NO_CAPTIONS, event, line), NO_CAPTIONS);
  }
});
