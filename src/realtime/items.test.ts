import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Effect } from './state.ts';
import { Driven } from './testing.ts';

const user = (...content: object[]) => ({ id: 'u', type: 'message', role: 'user', content });
const say = (text: string) => ({ type: 'input_text', text });
const audio = { type: 'input_audio', audio: 'AAAA' };

const create = (driven: Driven, item: unknown) => driven.client({ type: 'conversation.item.create', item });
const generated = (driven: Driven) => driven.effects.find((effect) => effect.type === 'generate')!.generation;

test('what is wrong with an item is told by its path', () => {
  const message = { type: 'message', role: 'user' };
  for (const [item, code, param] of [
    [undefined, 'missing_required_parameter', 'item'],
    [null, 'invalid_type', 'item'],
    [{}, 'missing_required_parameter', 'item.type'],
    [{ type: 'mcp_call' }, 'invalid_value', 'item.type'],
    [{ type: 'message', content: [] }, 'missing_required_parameter', 'item.role'],
    [{ ...message, role: 'developer', content: [] }, 'invalid_value', 'item.role'],
    [message, 'missing_required_parameter', 'item.content'],
    [{ ...message, content: 'hi' }, 'invalid_type', 'item.content'],
    [user({ type: 'text', text: 'hi' }), 'invalid_value', 'item.content[0].type'],
    [user(say('a'), { type: 'input_text' }), 'missing_required_parameter', 'item.content[1].text'],
    [user({ ...say('a'), tone: 'kind' }), 'unknown_parameter', 'item.content[0].tone'],
    [user(say('a'), { type: 'input_audio', audio: '!' }), 'invalid_value', 'item.content[1].audio'],
    [{ type: 'function_call', name: 'f', arguments: {} }, 'invalid_type', 'item.arguments'],
    [{ type: 'function_call_output', output: '1' }, 'missing_required_parameter', 'item.call_id'],
  ] as const) {
    const driven = new Driven();
    assert.deepEqual(create(driven, item), ['error'], JSON.stringify(item));
    const { error } = driven.sent('error') as { error: { code: string; param: string } };
    assert.deepEqual([error.code, error.param], [code, param], JSON.stringify(item));
  }
});

test('the result of a function is taken where its call is', () => {
  const driven = new Driven();
  const output = { type: 'function_call_output', call_id: 'c', output: '1' };
  assert.deepEqual(create(driven, output), ['error']);
  assert.equal((driven.sent('error').error as { code: string }).code, 'invalid_tool_call_id');
  assert.deepEqual(driven.client({ type: 'response.create', response: { input: [output] } }), ['error']);
  const call = { type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' };
  create(driven, call);
  assert.deepEqual(create(driven, output), ['conversation.item.added', 'conversation.item.done']);
  const response = { conversation: 'none', input: [call, output] };
  assert.deepEqual(driven.client({ type: 'response.create', response }), ['response.created', '(generate)']);
});

test('several pieces of audio in an item are heard once, and words that the client gave stay', () => {
  const driven = new Driven();
  create(driven, user(audio, say('written'), audio, { type: 'input_audio', transcript: 'given' }));
  const heard = driven.effects.filter(
    (effect): effect is Effect & { type: 'transcribe' } => effect.type === 'transcribe',
  );
  assert.deepEqual(
    heard.map(({ audio: bytes }) => bytes.length),
    [6],
  );
  driven.take({ type: 'transcribed', item: 'u', transcript: 'spoken' });
  driven.client({ type: 'response.create' });
  const [item] = generated(driven).items;
  assert.ok(item?.type === 'message');
  assert.deepEqual(
    item.content.map((part) => ('transcript' in part ? part.transcript : 'text' in part && part.text)),
    ['spoken', 'written', '', 'given'],
  );
});

test('a response is made from the audio in its own input, once that is heard', () => {
  const driven = new Driven();
  const response = { conversation: 'none', input: [user(audio)] };
  assert.deepEqual(driven.client({ type: 'response.create', response }), ['(transcribe)', 'response.created']);
  const [effect] = driven.effects;
  assert.ok(effect?.type === 'transcribe');
  assert.deepEqual(driven.take({ type: 'transcribed', item: effect.item, transcript: 'spoken' }), ['(generate)']);
  const [item] = generated(driven).items;
  assert.ok(item?.type === 'message');
  assert.deepEqual(item.content, [{ type: 'input_audio', transcript: 'spoken' }]);
  assert.equal(driven.state.untranscribed.size, 0);
  assert.deepEqual(driven.state.items, []);
});

test('an item of a response is the one that was given, also where the conversation has one of its name', () => {
  const driven = new Driven();
  create(driven, user(say('in the conversation')));
  const input = [{ type: 'item_reference', id: 'u' }, user(say('in the response'))];
  driven.client({ type: 'response.create', response: { conversation: 'none', input } });
  const texts = generated(driven).items.map((item) => item.type === 'message' && item.content);
  assert.deepEqual(texts, [[say('in the conversation')], [say('in the response')]]);
  driven.client({ type: 'response.create', response: { input: [{ type: 'item_reference', id: 'x' }] } });
  const { param } = driven.sent('error').error as { param: string };
  assert.equal(param, 'response.input[0].id');
});
