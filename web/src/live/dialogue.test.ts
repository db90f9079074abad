import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type Dialogue,
  MAX_TURNS,
  NO_DIALOGUE,
  saidIn,
  withoutLine,
  withRealtimeEvent,
  withSilence,
  withSound,
} from './dialogue.ts';
import { stagesOf } from './latency.ts';

/** Events, each 100 ms behind the one before it. */
function after(events: Record<string, unknown>[], before: Dialogue = NO_DIALOGUE): Dialogue {
  return events.reduce<Dialogue>(
    (dialogue, event, at) =>
      withRealtimeEvent(dialogue, event, { now: 1000 + at * 100, timeOf: (ms) => ms, pauseMs: 500 }),
    before,
  );
}

const question = [
  { type: 'input_audio_buffer.speech_started', item_id: 'q', audio_start_ms: 0 },
  { type: 'input_audio_buffer.speech_stopped', item_id: 'q', audio_end_ms: 1090 },
  { type: 'conversation.item.input_audio_transcription.completed', item_id: 'q', transcript: 'how are you' },
];
const answer = [
  { type: 'response.output_audio_transcript.delta', item_id: 'a', delta: 'Fine, ' },
  { type: 'response.output_audio.delta', item_id: 'a', delta: '' },
  { type: 'response.output_audio_transcript.delta', item_id: 'a', delta: 'thank you.' },
];

test('both sides are kept in order, with what each is doing', () => {
  assert.equal(after(question.slice(0, 1)).doing, 'hearing');
  assert.equal(after(question).doing, 'thinking');
  const spoken = withSound(after([...question, ...answer]), 'a', 1700);
  assert.equal(spoken.doing, 'speaking');
  assert.deepEqual(
    spoken.turns.map(({ speaker, text }) => [speaker, text]),
    [
      ['you', 'how are you'],
      ['server', 'Fine, thank you.'],
    ],
  );
  assert.equal(withSilence(spoken).doing, 'listening');
});

test('an answer knows how long each stage took since the last word of its question', () => {
  const { turns } = withSound(after([...question, ...answer]), 'a', 1430);
  assert.deepEqual(
    stagesOf(turns[1]!.moments).map(({ name, ms }) => [name, ms]),
    [
      ['Pause', 510],
      ['Recognition', 100],
      ['Language model', 100],
      ['Speech', 100],
      ['Playback', 30],
    ],
  );
});

test('a cough leaves no turn and waits for no answer', () => {
  const cough = after([
    ...question.slice(0, 2),
    { type: 'conversation.item.input_audio_transcription.completed', item_id: 'q', transcript: '' },
  ]);
  assert.deepEqual(cough.turns, []);
  assert.equal(cough.doing, 'listening');
});

test('who speaks into an answer is heard, and of the answer only what was heard counts', () => {
  const cut = after(
    [
      { type: 'input_audio_buffer.speech_started', item_id: 'q2' },
      { type: 'response.done', response: { status: 'cancelled' } },
      { type: 'conversation.item.retrieved', item: { id: 'a', content: [{ transcript: 'Fine,' }] } },
    ],
    withSound(after([...question, ...answer]), 'a', 1700),
  );
  assert.equal(cut.doing, 'hearing');
  assert.equal(saidIn(cut.turns[1]!), 'Fine,');
  assert.equal(withSound(cut, 'a', 1800).doing, 'hearing');
});

test('an answer that fails says why, and the next question is listened to', () => {
  const failed = after([
    ...question,
    { type: 'response.done', response: { status: 'failed', status_details: { error: { message: 'It is asleep.' } } } },
  ]);
  assert.equal(failed.problem, 'It is asleep.');
  assert.equal(failed.doing, 'listening');
  assert.equal(after(question.slice(0, 1), failed).problem, null);
});

test('an answer of no words is not waited for, one that is about to be heard is', () => {
  const end = { type: 'response.done', response: { status: 'completed' } };
  assert.equal(after([...question, end]).doing, 'listening');
  assert.equal(after([...question, ...answer, end]).doing, 'thinking');
});

test('a line that ends leaves nothing open', () => {
  const ended = withoutLine(
    after([...question, ...answer, { type: 'input_audio_buffer.speech_started', item_id: 'x' }]),
  );
  assert.deepEqual(
    ended.turns.map(({ id, state }) => [id, state]),
    [
      ['q', 'done'],
      ['a', 'done'],
    ],
  );
});

test('a long conversation keeps its last turns', () => {
  const events = Array.from({ length: MAX_TURNS + 5 }, (_, at) => ({
    type: 'input_audio_buffer.speech_started',
    item_id: `${at}`,
  }));
  const { turns } = after(events);
  assert.equal(turns.length, MAX_TURNS);
  assert.equal(turns[0]!.id, '5');
});
