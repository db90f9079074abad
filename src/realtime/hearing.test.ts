/** Turns that the client ends itself: whatever order words and commits come in, one turn is one item. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ListeningEvent } from '../live/contract.ts';
import { Driven, ears, final, openSession } from './testing.ts';

const COMPLETED = 'conversation.item.input_audio_transcription.completed';
const part = (utterance: number, text: string): ListeningEvent => ({ ...final(utterance, text), continues: true });
const partial = (utterance: number, text: string): ListeningEvent => ({
  ...{ type: 'partial', utterance, text, confirmed: text.length, startMs: 0, endMs: 1 },
});
const lost = (utterance: number): ListeningEvent => ({
  ...{ type: 'failed', utterance, error: { code: 'engine_failed', message: 'x' } as never },
});

/** A session in which the client says where turns end. */
function manual(kind: 'realtime' | 'transcription' = 'realtime'): Driven {
  const driven = new Driven(kind);
  const input = { turn_detection: null, transcription: {} };
  driven.client({ type: 'session.update', session: { type: kind, audio: { input } } });
  return driven;
}

test('a long turn whose parts are heard behind its commit is one item with all words, and is answered with them', () => {
  const driven = manual();
  driven.take({ type: 'committed', utterance: 3, eventId: null });
  const { item_id } = driven.sent('input_audio_buffer.committed');
  assert.deepEqual(driven.client({ type: 'response.create' }), ['response.created']);
  assert.deepEqual(driven.hear(part(1, 'one')), []);
  assert.deepEqual(driven.hear(part(2, 'two')), []);
  driven.hear(final(3, 'three'));
  const completed = driven.sent(COMPLETED);
  assert.deepEqual([completed.item_id, completed.transcript], [item_id, 'one two three']);
  assert.deepEqual(completed.usage, { type: 'duration', seconds: 2.4 });
  assert.equal(driven.types.at(-1), '(generate)');
  assert.equal(driven.state.items.length, 1);
  assert.equal(driven.state.utterances.size, 0);
});

test('the parts of turns that wait together are each told of their own turn', () => {
  const driven = manual();
  for (const utterance of [3, 5]) driven.take({ type: 'committed', utterance, eventId: null });
  for (const [utterance, text] of [
    [1, 'one'],
    [2, 'two'],
  ] as const)
    driven.hear(part(utterance, text));
  driven.hear(final(3, 'three'));
  assert.equal(driven.sent(COMPLETED).transcript, 'one two three');
  driven.hear(part(4, 'four'));
  driven.hear(final(5, 'five'));
  assert.equal(driven.sent(COMPLETED).transcript, 'four five');
});

test('a turn that ends in silence ends with its last word', () => {
  const driven = manual('transcription');
  driven.take({ type: 'committed', utterance: 2, eventId: null });
  driven.hear(part(1, 'one'));
  driven.hear(final(2, ''));
  assert.equal(driven.sent('conversation.item.input_audio_transcription.delta').delta, 'one');
  assert.equal(driven.sent(COMPLETED).transcript, 'one');
});

test('words told before a commit and behind it are of one item', () => {
  const driven = manual('transcription');
  driven.hear(partial(1, 'one'));
  const { item_id } = driven.sent('conversation.item.input_audio_transcription.delta');
  driven.take({ type: 'committed', utterance: 2, eventId: null });
  assert.equal(driven.sent('input_audio_buffer.committed').item_id, item_id);
  driven.take({ type: 'committed', utterance: 3, eventId: null });
  driven.hear(part(1, 'one and'));
  driven.hear(final(2, 'two'));
  assert.deepEqual([driven.sent(COMPLETED).item_id, driven.sent(COMPLETED).transcript], [item_id, 'one and two']);
  driven.hear(final(3, 'next turn'));
  assert.equal(driven.sent(COMPLETED).transcript, 'next turn');
  assert.equal(driven.state.items.length, 2);
});

test('nothing that was said before the client cleared its turn is heard of later', () => {
  const driven = manual();
  driven.take({ type: 'committed', utterance: 1, eventId: null });
  driven.client({ type: 'input_audio_buffer.clear' });
  driven.take({ type: 'cleared', utterance: 3 });
  driven.hear(final(1, 'kept'));
  assert.equal(driven.sent(COMPLETED).transcript, 'kept');
  assert.deepEqual(driven.hear(part(2, 'cleared')), []);
  driven.take({ type: 'committed', utterance: 4, eventId: null });
  driven.take({ type: 'cleared', utterance: 5 });
  assert.deepEqual(driven.hear(part(3, 'cleared too')), []);
  driven.hear(final(4, 'new'));
  assert.equal(driven.sent(COMPLETED).transcript, 'new');
  assert.equal(driven.state.utterances.size, 0);
});

test('what was said and not committed is forgotten when the server takes the turns', () => {
  const driven = manual();
  driven.hear(part(1, 'one'));
  driven.hearBy({ type: 'server_vad' });
  assert.equal(driven.state.utterances.size, 0);
  driven.turn(3, 'hello');
  assert.equal(driven.state.items.length, 1);
});

test('a turn that the recogniser gave up before its commit is one item, and later responses do not wait for it', () => {
  const driven = manual();
  assert.ok(driven.hear(lost(1)).includes('conversation.item.input_audio_transcription.failed'));
  assert.deepEqual(driven.take({ type: 'committed', utterance: 1, eventId: null }), []);
  assert.equal(driven.state.items.length, 1);
  assert.deepEqual(driven.client({ type: 'response.create' }), ['response.created', '(generate)']);
});

test('where a part of a committed turn is lost, it is told, and the rest is the transcript', () => {
  const driven = manual();
  driven.take({ type: 'committed', utterance: 2, eventId: null });
  assert.deepEqual(driven.hear(lost(1)), ['conversation.item.input_audio_transcription.failed']);
  driven.hear(final(2, 'two'));
  assert.equal(driven.sent(COMPLETED).transcript, 'two');
  assert.equal(driven.state.items.length, 1);
});

test('half a sample at the end of a turn does not shift the next one', async () => {
  for (const end of ['input_audio_buffer.clear', 'input_audio_buffer.commit']) {
    const heard: number[] = [];
    const { session } = openSession({
      openListening: async () => ears({ openMs: 200, push: ({ pcm }) => heard.push(...pcm) }),
    });
    await new Promise(setImmediate);
    const append = (...bytes: number[]) =>
      session.receive(
        JSON.stringify({ type: 'input_audio_buffer.append', audio: Buffer.from(bytes).toString('base64') }),
      );
    append(0, 64, 1);
    session.receive(JSON.stringify({ type: end }));
    append(0, 64);
    assert.deepEqual(heard, [0.5, 0.5], end);
    session.close();
  }
});

test('a turn that the client ends before its voice does is answered when the client asks', () => {
  const driven = new Driven();
  driven.hear({ type: 'speech-started', utterance: 1, atMs: 0 });
  driven.hear({ type: 'speech-stopped', utterance: 1, atMs: 500 });
  driven.take({ type: 'committed', utterance: 1, eventId: null });
  driven.hear(final(1, 'hello'));
  assert.equal(driven.state.responses.size, 0);
  assert.deepEqual(driven.client({ type: 'response.create' }), ['response.created', '(generate)']);
  driven.output(driven.response, { kind: 'end' });
  driven.turn(2, 'and again');
  assert.equal(driven.state.responses.size, 1, 'the next one is the voice’s own');
});
