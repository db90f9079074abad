import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ResponseOutput } from './response.ts';
import { Driven } from './testing.ts';

const sentence = (text: string): ResponseOutput => ({ kind: 'sentence', text });
const audio = (durationMs: number): ResponseOutput => ({ kind: 'audio', delta: 'AAAA', durationMs });

/** An answer of which so much is out. */
function answering(...outputs: ResponseOutput[]) {
  const driven = new Driven();
  driven.turn(1, 'Hello.');
  const { response } = driven;
  for (const output of outputs) driven.output(response, output);
  const item_id = driven.state.items.at(-1)!.id;
  const truncate = (audio_end_ms: number) =>
    driven.client({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms });
  const transcript = () => {
    driven.client({ type: 'conversation.item.retrieve', item_id });
    const { item } = driven.sent('conversation.item.retrieved') as { item: { content: { transcript: string }[] } };
    return item.content[0]!.transcript;
  };
  return { driven, response, truncate, transcript };
}

test('what was cut from an answer that is still being spoken stays cut, however it ends', () => {
  for (const end of ['cancel', 'end'] as const) {
    const { driven, response, truncate, transcript } = answering(sentence('one two'), audio(400));
    assert.deepEqual(truncate(200), ['conversation.item.truncated']);
    assert.equal(transcript(), 'one');
    driven.output(response, sentence('three'));
    driven.output(response, audio(400));
    assert.equal(transcript(), 'one');
    if (end === 'cancel') driven.client({ type: 'response.cancel' });
    else driven.output(response, { kind: 'end' });
    const done = driven.sent('response.done').response as { output: { content: { transcript: string }[] }[] };
    assert.equal(done.output[0]!.content[0]!.transcript, 'one two three', 'the response tells what it was');
    assert.equal(transcript(), 'one');
    assert.deepEqual(truncate(300), ['error'], 'there is no more of it than 200 ms');
    assert.deepEqual(truncate(0), ['conversation.item.truncated']);
    assert.equal(transcript(), '');
  }
});

test('an answer that was cut further on than it has come is cut there', () => {
  const { driven, response, truncate, transcript } = answering(sentence('one two'), audio(400));
  assert.deepEqual(truncate(600), ['conversation.item.truncated']);
  driven.output(response, sentence('three four'));
  driven.output(response, audio(400));
  driven.output(response, { kind: 'end' });
  assert.equal(transcript(), 'one two three');
});

test('what is written, not spoken, cannot be truncated, also while it is being written', () => {
  const { driven, response, truncate, transcript } = answering({ kind: 'text', delta: 'one two' });
  assert.deepEqual(truncate(0), ['error']);
  driven.output(response, { kind: 'end' });
  assert.deepEqual(truncate(0), ['error']);
  assert.equal(transcript(), undefined);
});
