import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chatRequest, messagesOf } from './chat-messages.ts';
import type { Item } from './items.ts';
import type { Generation } from './response.ts';

const base = { id: '', object: 'realtime.item', status: 'completed' } as const;
const user = (text: string): Item => ({
  ...base,
  ...{ type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
});
const called = (call_id: string, name = 'f'): Item => ({
  ...base,
  ...{ type: 'function_call', call_id, name, arguments: '{}' },
});
const result = (call_id: string, output = `result of ${call_id}`): Item => ({
  ...base,
  ...{ type: 'function_call_output', call_id, output },
});

/** Messages as short words: who speaks, and for calls their ids. */
function shown(...items: Item[]): string[] {
  return messagesOf({ instructions: '', items }).map((message) => {
    const { role, content, tool_calls, tool_call_id } = message as {
      role: string;
      content?: string;
      tool_calls?: { id: string }[];
      tool_call_id?: string;
    };
    return [role, tool_calls?.map(({ id }) => id).join('+') ?? tool_call_id, content].filter(Boolean).join(' ');
  });
}

test('calls made at once are one message, and each result stands behind it', () => {
  assert.deepEqual(shown(user('hi'), called('a'), called('b'), result('b', 'B'), result('a', 'A'), user('so?')), [
    'user hi',
    'assistant a+b',
    'tool a A',
    'tool b B',
    'user so?',
  ]);
  assert.deepEqual(shown(called('a'), result('a', 'A'), called('b'), result('b', 'B')), [
    ...['assistant a', 'tool a A', 'assistant b', 'tool b B'],
  ]);
});

test('a result that comes after more was said still stands behind its call', () => {
  assert.deepEqual(shown(called('a'), user('hurry up'), result('a', 'A')), [
    ...['assistant a', 'tool a A', 'user hurry up'],
  ]);
});

test('a call without a result, and a result without a call, are left out: endpoints refuse them', () => {
  assert.deepEqual(shown(user('hi'), called('a'), called('b'), result('b', 'B'), user('and?')), [
    ...['user hi', 'assistant b', 'tool b B', 'user and?'],
  ]);
  assert.deepEqual(shown(called('a'), user('hi')), ['user hi']);
  assert.deepEqual(shown(result('a'), user('hi')), ['user hi']);
});

test('calls that a model gave the same name keep their own results', () => {
  assert.deepEqual(shown(called('a'), result('a', '1'), user('again'), called('a'), result('a', '2')), [
    ...['assistant a', 'tool a 1', 'user again', 'assistant a', 'tool a 2'],
  ]);
});

test('an endpoint is asked for functions only where there are some, and for what is not usual only where it is wanted', () => {
  const asked: Generation = {
    ...{ response: 'r', modality: 'text', instructions: '', items: [], literal: undefined, tools: [] },
    ...{ toolChoice: 'auto', parallelToolCalls: true, maxOutputTokens: 'inf', voice: 'v', speed: 1 },
    format: { type: 'audio/pcm', rate: 24_000 },
  };
  const always = { model: 'm', stream: true, stream_options: { include_usage: true }, messages: [] };
  assert.deepEqual(chatRequest('m', { ...asked, toolChoice: 'required', parallelToolCalls: false }), always);
  const tools = [
    { type: 'function', name: 'f', description: 'd' },
    { type: 'mcp', server_label: 's' },
  ];
  const offered = { tools: [{ type: 'function', function: { name: 'f', description: 'd' } }] };
  assert.deepEqual(chatRequest('m', { ...asked, tools }), { ...always, ...offered, tool_choice: 'auto' });
  const toolChoice = { type: 'function', name: 'f' };
  assert.deepEqual(chatRequest('m', { ...asked, tools, toolChoice, parallelToolCalls: false, maxOutputTokens: 9 }), {
    ...{ ...always, ...offered, max_tokens: 9, parallel_tool_calls: false },
    tool_choice: { type: 'function', function: { name: 'f' } },
  });
});
