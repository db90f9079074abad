import assert from 'node:assert/strict';
import { test } from 'node:test';
import { transcriptEvent } from './transcriptEvents.ts';

test('words, timed lines and the end are recognised', () => {
  assert.deepEqual(transcriptEvent({ type: 'transcript.text.delta', delta: ' hello' }), {
    type: 'delta',
    text: ' hello',
  });
  assert.deepEqual(transcriptEvent({ type: 'transcript.text.segment', id: 1, start: 0.5, end: 2, text: ' hello ' }), {
    type: 'segment',
    segment: { start: 0.5, end: 2, text: 'hello' },
  });
  assert.deepEqual(transcriptEvent({ type: 'transcript.text.done', text: 'hello', language: 'english', duration: 2 }), {
    type: 'done',
    text: 'hello',
    language: 'english',
    duration: 2,
  });
});

test('what is unknown or incomplete is passed over', () => {
  for (const data of [null, 1, 'x', [], {}, { type: 'transcript.text.segment', text: 'no times' }, { type: 'other' }]) {
    assert.equal(transcriptEvent(data), null);
  }
});
