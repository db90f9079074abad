import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type ClientEvent, readClientEvent } from './client-events.ts';
import { RealtimeProblem } from './problem.ts';
import type { Input } from './realtime.machine.ts';
import type { Effect, RealtimeState } from './state.ts';
import { Driven, final } from './testing.ts';

const audio = (durationMs = 100): Input & { type: 'output' } =>
  ({ type: 'output', response: '', output: { kind: 'audio', delta: 'AAAA', durationMs } }) as const;

test('a spoken turn is told in the order of the protocol, under one item', () => {
  const driven = new Driven();
  driven.client({ type: 'session.update', session: { type: 'realtime', audio: { input: { transcription: {} } } } });
  assert.deepEqual(driven.hear({ type: 'speech-started', utterance: 1, atMs: 120.4 }), [
    'input_audio_buffer.speech_started',
  ]);
  const started = driven.sent('input_audio_buffer.speech_started');
  assert.equal(started.audio_start_ms, 120);
  assert.deepEqual(driven.hear({ type: 'speech-stopped', utterance: 1, atMs: 900 }), [
    'input_audio_buffer.speech_stopped',
    'input_audio_buffer.committed',
    'conversation.item.added',
    'conversation.item.done',
  ]);
  assert.equal(driven.sent('input_audio_buffer.committed').previous_item_id, null);
  const { item } = driven.sent('conversation.item.added') as { item: { id: string; content: unknown } };
  assert.equal(item.id, started.item_id);
  assert.deepEqual(item.content, [{ type: 'input_audio', transcript: null }]);
  assert.deepEqual(driven.hear(final(1, 'Hello.')), [
    'conversation.item.input_audio_transcription.delta',
    'conversation.item.input_audio_transcription.completed',
    'response.created',
    '(generate)',
  ]);
  driven.client({ type: 'conversation.item.retrieve', item_id: item.id });
  const retrieved = driven.sent('conversation.item.retrieved') as { item: { content: unknown } };
  assert.deepEqual(retrieved.item.content, [{ type: 'input_audio', transcript: 'Hello.' }]);
});

test('a spoken answer is told in the order of the protocol, and its end is its last word', () => {
  const driven = new Driven();
  driven.turn(1, 'Hello.');
  const response = driven.response;
  const types = [
    ...driven.take({ type: 'output', response, output: { kind: 'sentence', text: 'Hi there.' } }),
    ...driven.take({ ...audio(), response }),
    ...driven.take({ type: 'output', response, output: { kind: 'sentence', text: 'And you?' } }),
    ...driven.take({ ...audio(), response }),
    ...driven.take({ type: 'output', response, output: { kind: 'end', usage: { inputTokens: 3, outputTokens: 4 } } }),
  ];
  assert.deepEqual(types, [
    'response.output_item.added',
    'conversation.item.added',
    'response.content_part.added',
    'response.output_audio_transcript.delta',
    'response.output_audio.delta',
    'response.output_audio_transcript.delta',
    'response.output_audio.delta',
    'response.output_audio.done',
    'response.output_audio_transcript.done',
    'response.content_part.done',
    'conversation.item.done',
    'response.output_item.done',
    'response.done',
  ]);
  const done = driven.sent('response.done').response as Record<string, unknown>;
  assert.equal(done.status, 'completed');
  assert.equal((done.usage as { total_tokens: number }).total_tokens, 7);
  const [item] = done.output as { content: unknown; status: string }[];
  assert.deepEqual(item!.content, [{ type: 'output_audio', transcript: 'Hi there. And you?' }]);
  assert.equal(item!.status, 'completed');
  assert.deepEqual(driven.take({ ...audio(), response }), []);
});

test('whoever speaks into an answer ends it, and can take back what was not heard', () => {
  const driven = new Driven();
  driven.turn(1, 'Hello.');
  const response = driven.response;
  for (const text of ['one two', 'three four five six']) {
    driven.take({ type: 'output', response, output: { kind: 'sentence', text } });
    driven.take({ ...audio(400), response });
  }
  const types = driven.hear({ type: 'speech-started', utterance: 2, atMs: 3000 });
  assert.deepEqual(
    [types[0], types[1], types.at(-1)],
    ['input_audio_buffer.speech_started', '(stop)', 'response.done'],
  );
  const done = driven.sent('response.done').response as {
    status: string;
    status_details: object;
    output: { id: string; status: string }[];
  };
  assert.deepEqual(done.status_details, { type: 'cancelled', reason: 'turn_detected' });
  assert.equal(done.output[0]!.status, 'incomplete');
  const item_id = done.output[0]!.id;
  assert.deepEqual(
    driven.client({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms: 600 }),
    ['conversation.item.truncated'],
  );
  driven.client({ type: 'conversation.item.retrieve', item_id });
  const { item } = driven.sent('conversation.item.retrieved') as { item: { content: { transcript: string }[] } };
  assert.equal(item.content[0]!.transcript, 'one two three four');
  assert.deepEqual(
    driven.client({ type: 'conversation.item.truncate', item_id, content_index: 0, audio_end_ms: 9000 }),
    ['error'],
  );
});

test('an item that is still being spoken can be truncated', () => {
  const driven = new Driven();
  driven.turn(1, 'Hello.');
  const response = driven.response;
  driven.take({ type: 'output', response, output: { kind: 'sentence', text: 'one two' } });
  const { item } = driven.sent('response.output_item.added') as { item: { id: string } };
  driven.take({ ...audio(400), response });
  assert.deepEqual(
    driven.client({ type: 'conversation.item.truncate', item_id: item.id, content_index: 0, audio_end_ms: 5000 }),
    ['conversation.item.truncated'],
  );
});

test('a response waits for words that are still being recognised', () => {
  const driven = new Driven();
  driven.client({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: null } } } });
  driven.client({ type: 'input_audio_buffer.commit' });
  assert.deepEqual(driven.types, ['(commit)']);
  assert.deepEqual(driven.take({ type: 'committed', utterance: 1, eventId: null }), [
    'input_audio_buffer.committed',
    'conversation.item.added',
    'conversation.item.done',
  ]);
  assert.deepEqual(driven.client({ type: 'response.create', response: { metadata: { client_event_id: 'x' } } }), [
    'response.created',
  ]);
  const created = driven.sent('response.created').response as { metadata: unknown };
  assert.deepEqual(created.metadata, { client_event_id: 'x' });
  assert.deepEqual(driven.hear(final(1, 'What time is it?')), ['(generate)']);
  const [effect] = driven.effects as (Effect & { type: 'generate' })[];
  const [item] = effect!.generation.items;
  assert.deepEqual(item!.type === 'message' && item!.content, [
    { type: 'input_audio', transcript: 'What time is it?' },
  ]);
});

test('a call of a function comes as an item of its own, behind what was said', () => {
  const driven = new Driven();
  driven.client({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } });
  driven.client({ type: 'response.create' });
  const response = driven.response;
  driven.take({ type: 'output', response, output: { kind: 'text', delta: 'Let me look.' } });
  const types = [
    ...driven.take({ type: 'output', response, output: { kind: 'call', callId: 'call_7', name: 'look' } }),
    ...driven.take({ type: 'output', response, output: { kind: 'arguments', delta: '{"a":' } }),
    ...driven.take({ type: 'output', response, output: { kind: 'arguments', delta: '1}' } }),
    ...driven.take({ type: 'output', response, output: { kind: 'end' } }),
  ];
  assert.deepEqual(types, [
    'response.output_text.done',
    'response.content_part.done',
    'conversation.item.done',
    'response.output_item.done',
    'response.output_item.added',
    'conversation.item.added',
    'response.function_call_arguments.delta',
    'response.function_call_arguments.delta',
    'response.function_call_arguments.done',
    'conversation.item.done',
    'response.output_item.done',
    'response.done',
  ]);
  const done = driven.sent('response.done').response as { output: { type: string; arguments?: string }[] };
  assert.deepEqual(
    done.output.map(({ type }) => type),
    ['message', 'function_call'],
  );
  assert.equal(done.output[1]!.arguments, '{"a":1}');
});

test('a response out of band leaves the conversation alone and runs beside another', () => {
  const driven = new Driven();
  driven.client({ type: 'response.create' });
  assert.deepEqual(driven.client({ type: 'response.create', event_id: 'mine' }), ['error']);
  const { error } = driven.sent('error') as { error: { code: string; event_id: string } };
  assert.deepEqual([error.code, error.event_id], ['conversation_already_has_active_response', 'mine']);
  const input = [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Classify.' }] }];
  driven.client({ type: 'response.create', response: { conversation: 'none', output_modalities: ['text'], input } });
  assert.deepEqual(driven.types, ['response.created', '(generate)']);
  const created = driven.sent('response.created').response as { conversation_id: unknown };
  assert.equal(created.conversation_id, null);
  const types = driven.take({ type: 'output', response: driven.response, output: { kind: 'text', delta: 'x' } });
  assert.ok(!types.includes('conversation.item.added'));
  assert.equal(driven.state.items.length, 0);
});

test('without a language model what was given is spoken, and nothing is made up', () => {
  const driven = new Driven('realtime', { hasLanguageModel: false });
  assert.deepEqual(driven.client({ type: 'response.create' }), ['error']);
  driven.client({ type: 'response.create', response: { instructions: 'Say this.' } });
  const [, effect] = driven.effects as [Effect, Effect & { type: 'generate' }];
  assert.equal(effect.generation.literal, 'Say this.');
  const other = new Driven('realtime', { hasLanguageModel: false });
  other.turn(1, 'Hello.');
  assert.equal(other.state.responses.size, 0);
});

test('a transcription session tells confirmed words while they are spoken and never answers', () => {
  const driven = new Driven('transcription');
  driven.hear({ type: 'speech-started', utterance: 1, atMs: 0 });
  const partial = { type: 'partial', utterance: 1, startMs: 0, endMs: 1 } as const;
  assert.deepEqual(driven.hear({ ...partial, text: 'hel', confirmed: 0 }), []);
  driven.hear({ ...partial, text: 'hello wor', confirmed: 5 });
  assert.equal(driven.sent('conversation.item.input_audio_transcription.delta').delta, 'hello');
  driven.hear({ type: 'speech-stopped', utterance: 1, atMs: 900 });
  driven.hear(final(1, 'hello world'));
  assert.equal(driven.sent('conversation.item.input_audio_transcription.delta').delta, ' world');
  assert.equal(driven.sent('conversation.item.input_audio_transcription.completed').transcript, 'hello world');
  assert.deepEqual(driven.client({ type: 'response.create' }), ['error']);
});

test('a long turn that comes in parts is one item, once the client commits it', () => {
  const driven = new Driven('transcription');
  const update = { type: 'transcription', audio: { input: { turn_detection: null } } };
  driven.client({ type: 'session.update', session: update });
  assert.deepEqual(driven.hear({ ...final(1, 'one two'), continues: true }), []);
  driven.hear({ type: 'partial', utterance: 2, startMs: 0, endMs: 1, text: 'three', confirmed: 5 });
  assert.equal(driven.sent('conversation.item.input_audio_transcription.delta').delta, 'one two three');
  driven.take({ type: 'committed', utterance: 2, eventId: null });
  const { item_id } = driven.sent('input_audio_buffer.committed');
  driven.hear(final(2, 'three four'));
  const completed = driven.sent('conversation.item.input_audio_transcription.completed');
  assert.deepEqual([completed.item_id, completed.transcript], [item_id, 'one two three four']);
  assert.equal(driven.sent('conversation.item.input_audio_transcription.delta').delta, ' four');
  assert.equal(driven.state.items.length, 1);
});

test('items go where they are asked to, and the oldest make room', () => {
  const driven = new Driven('realtime', { maxItems: 3 });
  const create = (id: string, previous_item_id?: string) =>
    driven.client({
      type: 'conversation.item.create',
      ...(previous_item_id === undefined ? {} : { previous_item_id }),
      item: { id, type: 'message', role: 'user', content: [{ type: 'input_text', text: id }] },
    });
  create('b');
  create('c');
  create('a', 'root');
  assert.deepEqual(
    driven.state.items.map(({ id }) => id),
    ['a', 'b', 'c'],
  );
  assert.deepEqual(create('x', 'nowhere'), ['error']);
  assert.deepEqual(create('a'), ['error']);
  assert.deepEqual(create('b2', 'b'), [
    'conversation.item.deleted',
    'conversation.item.added',
    'conversation.item.done',
  ]);
  assert.deepEqual(
    driven.state.items.map(({ id }) => id),
    ['b', 'b2', 'c'],
  );
});

test('an update changes what it names, and nothing where one field is wrong', () => {
  const driven = new Driven('realtime', {
    checkVoice(voice, param) {
      if (voice === 'nobody') throw new RealtimeProblem('invalid_value', 'no such voice', param);
    },
  });
  const input = { turn_detection: { type: 'semantic_vad', eagerness: 'high' }, transcription: { language: 'de' } };
  driven.client({ type: 'session.update', session: { type: 'realtime', instructions: 'Be kind.', audio: { input } } });
  const before = driven.state.session;
  for (const [session, code, param] of [
    [
      { type: 'realtime', instructions: 'no', audio: { output: { voice: 'nobody' } } },
      'invalid_value',
      'session.audio.output.voice',
    ],
    [{ type: 'realtime', modalities: ['text'] }, 'unknown_parameter', 'session.modalities'],
    [{ type: 'realtime', output_modalities: ['audio', 'text'] }, 'invalid_value', 'session.output_modalities'],
    [
      { type: 'realtime', audio: { input: { format: { type: 'audio/pcm', rate: 16_000 } } } },
      'invalid_value',
      'session.audio.input.format.rate',
    ],
    [{ instructions: 'x' }, 'missing_required_parameter', 'session.type'],
    [{ type: 'realtime', instructions: 7 }, 'invalid_type', 'session.instructions'],
  ] as const) {
    assert.deepEqual(driven.client({ type: 'session.update', session }), ['error']);
    const { error } = driven.sent('error') as { error: { code: string; param: string } };
    assert.deepEqual([error.code, error.param], [code, param]);
    assert.equal(driven.state.session, before);
  }
  driven.client({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection: null } } } });
  const { session } = driven.state;
  assert.equal(session.audio.input.turn_detection, null);
  assert.deepEqual(session.audio.input.transcription, { language: 'de' });
  assert.equal(session.type === 'realtime' && session.instructions, 'Be kind.');
});

test('the voice stays once it was heard', () => {
  const driven = new Driven();
  driven.client({ type: 'response.create' });
  driven.take({ ...audio(), response: driven.response });
  driven.client({ type: 'session.update', session: { type: 'realtime', audio: { output: { voice: 'echo' } } } });
  assert.equal((driven.sent('error') as { error: { code: string } }).error.code, 'cannot_update_voice');
});

test('in every order of a few things that can happen, the protocol holds', () => {
  const inputs: ((driven: Driven) => Input | undefined)[] = [
    () => ({ type: 'hearing', event: { type: 'speech-started', utterance: 1, atMs: 0 } }),
    () => ({ type: 'hearing', event: { type: 'speech-stopped', utterance: 1, atMs: 5 } }),
    () => ({ type: 'hearing', event: final(1, 'a b') }),
    () => ({ type: 'committed', utterance: 2, eventId: null }),
    () => ({
      type: 'hearing',
      event: { type: 'failed', utterance: 2, error: { code: 'engine_failed', message: 'x' } as never },
    }),
    () => client({ type: 'response.create' }),
    () =>
      client({ type: 'response.create', response: { conversation: 'none', output_modalities: ['text'], input: [] } }),
    () => client({ type: 'response.cancel' }),
    ({ state }) => output(state, { kind: 'sentence', text: 'one two' }),
    ({ state }) => output(state, { kind: 'audio', delta: 'AA==', durationMs: 10 }),
    ({ state }) => output(state, { kind: 'call', callId: 'c', name: 'f' }),
    ({ state }) => output(state, { kind: 'end' }),
    ({ state }) =>
      state.items[0] === undefined
        ? undefined
        : client({ type: 'conversation.item.delete', item_id: state.items[0].id }),
  ];
  const walk = (driven: Driven, check: Protocol, depth: number): void => {
    if (depth === 0) return;
    for (const make of inputs) {
      const next = new Driven();
      next.state = driven.state;
      const input = make(next);
      if (input === undefined) continue;
      next.take(input);
      const after = check.copy();
      for (const effect of next.effects) if (effect.type === 'send') after.sent(effect.event);
      after.agrees(next.state);
      walk(next, after, depth - 1);
    }
  };
  const first = new Driven();
  walk(first, new Protocol(), 5);
});

function client(event: Record<string, unknown>): Input {
  return { type: 'client', event: readClientEvent(event) as ClientEvent };
}

function output(state: RealtimeState, out: (Input & { type: 'output' })['output']): Input | undefined {
  const response = [...state.responses.keys()][0];
  return response === undefined ? undefined : { type: 'output', response, output: out };
}

/** What a client may rely on, whatever happens. */
class Protocol {
  #items = new Map<string, 'added' | 'done'>();
  #deleted = new Set<string>();
  #responses = new Map<string, 'running' | 'done'>();
  #open = new Map<string, string>();
  #ids = new Set<string>();

  copy(): Protocol {
    const copy = new Protocol();
    copy.#items = new Map(this.#items);
    copy.#deleted = new Set(this.#deleted);
    copy.#responses = new Map(this.#responses);
    copy.#open = new Map(this.#open);
    copy.#ids = new Set(this.#ids);
    return copy;
  }

  sent(event: Record<string, unknown>): void {
    assert.ok(!this.#ids.has(event.event_id as string), 'an event id is used once');
    this.#ids.add(event.event_id as string);
    const type = event.type as string;
    const item = event.item as { id: string } | undefined;
    const response = (event.response_id ?? (event.response as { id?: string })?.id) as string | undefined;
    if (type === 'conversation.item.added') {
      assert.ok(!this.#items.has(item!.id), 'an item is added once');
      const previous = event.previous_item_id as string | null;
      assert.ok(
        previous === null || this.#items.has(previous) || this.#deleted.has(previous),
        'behind an item that was told',
      );
      this.#items.set(item!.id, 'added');
    }
    if (type === 'conversation.item.done' && !this.#deleted.has(item!.id)) {
      assert.equal(this.#items.get(item!.id), 'added', 'an item is done once, after it was added');
      this.#items.set(item!.id, 'done');
    }
    if (type === 'conversation.item.deleted') {
      this.#items.delete(event.item_id as string);
      this.#deleted.add(event.item_id as string);
    }
    if (type === 'response.created') this.#responses.set(response!, 'running');
    else if (response !== undefined)
      assert.equal(this.#responses.get(response), 'running', `${type} of a running response`);
    if (type === 'response.output_item.added') {
      assert.ok(!this.#open.has(response!), 'one item of a response at a time');
      this.#open.set(response!, item!.id);
    }
    if (type === 'response.output_item.done') {
      assert.equal(this.#open.get(response!), item!.id);
      this.#open.delete(response!);
    }
    if (type === 'response.done') {
      assert.ok(!this.#open.has(response!), 'every item is done before its response');
      this.#responses.set(response!, 'done');
    }
  }

  agrees(state: RealtimeState): void {
    const running = [...this.#responses].filter(([, status]) => status === 'running').map(([id]) => id);
    assert.deepEqual(running.sort(), [...state.responses.keys()].sort());
    assert.deepEqual(new Set(this.#items.keys()), new Set(state.items.map(({ id }) => id)));
    const writing = [...state.responses.values()].filter(({ conversationId }) => conversationId !== null);
    assert.ok(writing.length <= 1, 'one response writes to the conversation');
  }
}
