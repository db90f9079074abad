/** Who speaks when: what starts a response, what ends one, and what silence leads to. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Listening, ListeningOptions } from '../live/contract.ts';
import { Driven, ears, final, openSession } from './testing.ts';

const COMMITTED = ['input_audio_buffer.committed', 'conversation.item.added', 'conversation.item.done'];
const BEGUN = ['response.created', '(generate)'];

test('a cough, which has no words, starts no response, and is part of the conversation nonetheless', () => {
  for (const text of ['', '  ']) {
    const driven = new Driven();
    assert.deepEqual(driven.turn(1, text), [
      'input_audio_buffer.speech_started',
      'input_audio_buffer.speech_stopped',
      ...COMMITTED,
    ]);
    assert.equal(driven.state.responses.size, 0);
    assert.equal(driven.state.items.length, 1);
    driven.turn(2, 'Hello.');
    assert.equal(driven.state.responses.size, 1, 'the next words are answered');
  }
});

test('a cough is told as an empty transcript to whoever asked for transcripts', () => {
  const driven = new Driven();
  driven.client({ type: 'session.update', session: { type: 'realtime', audio: { input: { transcription: {} } } } });
  assert.equal(driven.turn(1, '').at(-1), 'conversation.item.input_audio_transcription.completed');
  assert.equal(driven.sent('conversation.item.input_audio_transcription.completed').transcript, '');
});

test('where responses are not to be created, words are told and nothing is answered until the client asks', () => {
  for (const type of ['server_vad', 'semantic_vad']) {
    const driven = new Driven();
    driven.hearBy({ type, create_response: false });
    driven.turn(1, 'Hello.');
    assert.equal(driven.state.responses.size, 0);
    assert.deepEqual(driven.client({ type: 'response.create' }), BEGUN);
    const types = driven.hear({ type: 'speech-started', utterance: 2, atMs: 2000 });
    assert.deepEqual(
      types,
      ['input_audio_buffer.speech_started', '(stop)', 'response.done'],
      'it is interrupted still',
    );
  }
});

test('where responses are not to be interrupted, who speaks into one is heard, and it goes on to its end', () => {
  const driven = new Driven();
  driven.hearBy({ type: 'server_vad', interrupt_response: false });
  driven.turn(1, 'Hello.');
  const { response } = driven;
  driven.output(response, { kind: 'sentence', text: 'Good day.' });
  assert.deepEqual(driven.turn(2, 'And?'), [
    'input_audio_buffer.speech_started',
    'input_audio_buffer.speech_stopped',
    ...COMMITTED,
  ]);
  assert.deepEqual([...driven.state.responses.keys()], [response]);
  driven.output(response, { kind: 'end' });
  const { status } = driven.sent('response.done').response as { status: string };
  assert.equal(status, 'completed');
  driven.turn(3, 'Hello?');
  assert.equal(driven.state.responses.size, 1, 'what is said after it is answered');
});

test('an out-of-band response changes nothing of the conversation while another writes to it', () => {
  const driven = new Driven();
  driven.turn(1, 'Hello.');
  const active = driven.response;
  driven.output(active, { kind: 'sentence', text: 'Good' });
  const before = driven.state.items;
  assert.deepEqual(
    driven.client({
      type: 'response.create',
      response: {
        ...{ conversation: 'none', output_modalities: ['text'], metadata: { topic: 'mood' } },
        input: [{ type: 'item_reference', id: before[0]!.id }],
      },
    }),
    BEGUN,
  );
  const aside = driven.response;
  const types = [
    ...driven.output(aside, { kind: 'text', delta: 'cheer' }),
    ...driven.output(aside, { kind: 'text', delta: 'ful' }),
    ...driven.output(aside, { kind: 'call', callId: 'c', name: 'note' }),
    ...driven.output(aside, { kind: 'end' }),
  ];
  assert.deepEqual(
    types.filter((type) => type.startsWith('conversation.')),
    [],
  );
  const done = driven.sent('response.done').response as Record<string, unknown> & { output: { id: string }[] };
  assert.deepEqual(
    [done.id, done.status, done.conversation_id, done.metadata],
    [aside, 'completed', null, { topic: 'mood' }],
  );
  assert.equal(done.output.length, 2);
  assert.equal(driven.state.items, before);
  assert.deepEqual(driven.client({ type: 'conversation.item.retrieve', item_id: done.output[0]!.id }), ['error']);
  driven.output(active, { kind: 'sentence', text: 'day.' });
  driven.output(active, { kind: 'end' });
  const { output } = driven.sent('response.done').response as { output: { content: unknown }[] };
  assert.deepEqual(output[0]!.content, [{ type: 'output_audio', transcript: 'Good day.' }]);
});

test('who speaks, and a cancellation without a name, end the response of the conversation and no out-of-band one', () => {
  const driven = new Driven();
  const begin = () => {
    driven.client({ type: 'response.create' });
    driven.client({ type: 'response.create', response: { conversation: 'none', output_modalities: ['text'] } });
    return driven.response;
  };
  const first = begin();
  driven.hear({ type: 'speech-started', utterance: 1, atMs: 0 });
  assert.deepEqual([...driven.state.responses.keys()], [first]);
  const second = begin();
  driven.client({ type: 'response.cancel' });
  assert.deepEqual([...driven.state.responses.keys()], [first, second]);
  assert.deepEqual(driven.client({ type: 'response.cancel' }), ['error']);
  driven.client({ type: 'response.cancel', response_id: first });
  assert.deepEqual([...driven.state.responses.keys()], [second]);
});

const IDLE = { type: 'server_vad', idle_timeout_ms: 6000 };

/** A conversation in which silence is answered. */
function patient(changes: object = {}): Driven {
  const driven = new Driven();
  driven.hearBy({ ...IDLE, ...changes });
  return driven;
}

test('silence beyond the idle timeout is told, committed as an item without words, and answered', () => {
  const driven = patient();
  assert.deepEqual(driven.hear({ type: 'idle', fromMs: 1000.4, toMs: 7000.4 }), [
    'input_audio_buffer.timeout_triggered',
    ...COMMITTED,
    ...BEGUN,
  ]);
  const { event_id, ...told } = driven.sent('input_audio_buffer.timeout_triggered');
  const { item } = driven.sent('conversation.item.added') as { item: { id: string; role: string; content: unknown } };
  assert.deepEqual(told, {
    ...{ type: 'input_audio_buffer.timeout_triggered', item_id: item.id },
    ...{ audio_start_ms: 1000, audio_end_ms: 7000 },
  });
  assert.equal(driven.sent('input_audio_buffer.committed').item_id, item.id);
  assert.deepEqual([item.role, item.content], ['user', [{ type: 'input_audio', transcript: '' }]]);
});

test('silence is told and not answered where responses are not to be created', () => {
  const driven = patient({ create_response: false });
  assert.deepEqual(driven.hear({ type: 'idle', fromMs: 0, toMs: 6000 }), [
    'input_audio_buffer.timeout_triggered',
    ...COMMITTED,
  ]);
});

test('the idle timeout runs from the end of the last response, and of its audio as it is played', () => {
  const driven = patient();
  driven.turn(1, 'Tell me a story.');
  const { response } = driven;
  driven.output(response, { kind: 'sentence', text: 'Once upon a time.' });
  driven.output(response, { kind: 'audio', delta: 'AAAA', durationMs: 2500 });
  assert.deepEqual(driven.hear({ type: 'idle', fromMs: 1800, toMs: 7800 }), [], 'nobody is asked while it is answered');
  driven.output(response, { kind: 'call', callId: 'c', name: 'turn_page' });
  driven.output(response, { kind: 'sentence', text: 'There was a queen.' });
  driven.output(response, { kind: 'audio', delta: 'AAAA', durationMs: 1500 });
  assert.deepEqual(driven.output(response, { kind: 'end' }).slice(-2), ['response.done', '(await-voice)']);
  assert.deepEqual(driven.effects.at(-1), { type: 'await-voice', inMs: 4000 });
  assert.equal(driven.hear({ type: 'idle', fromMs: 12_000, toMs: 18_000 })[0], 'input_audio_buffer.timeout_triggered');
});

test('what is cut off is not played to its end, and what is in no conversation does not count', () => {
  const driven = patient();
  driven.client({ type: 'response.create' });
  driven.output(driven.response, { kind: 'audio', delta: 'AAAA', durationMs: 2500 });
  driven.client({ type: 'response.cancel' });
  assert.deepEqual(driven.effects.at(-1), { type: 'await-voice', inMs: 0 });
  driven.client({ type: 'response.create', response: { conversation: 'none' } });
  assert.equal(driven.output(driven.response, { kind: 'end' }).at(-1), 'response.done');
});

test('nobody is asked whether he is there while his words are still being recognised', () => {
  const driven = patient();
  driven.hear({ type: 'speech-started', utterance: 1, atMs: 0 });
  driven.hear({ type: 'speech-stopped', utterance: 1, atMs: 900 });
  assert.deepEqual(driven.hear({ type: 'idle', fromMs: 900, toMs: 6900 }), ['(await-voice)']);
  driven.hear(final(1, ''));
  assert.equal(driven.hear({ type: 'idle', fromMs: 6900, toMs: 12_900 })[0], 'input_audio_buffer.timeout_triggered');
});

/** A session over ears that the test can see; `turns` are what they were told last. */
async function watchedSession() {
  const heard = { audioMs: 0 };
  let options!: ListeningOptions;
  const { session, sent } = openSession({
    openListening: async (wanted) => {
      options = wanted;
      const change: Listening['change'] = (changed) => {
        options = { ...options, ...changed };
      };
      return Object.defineProperty(ears({ change }), 'audioMs', { get: () => heard.audioMs });
    },
  });
  await nextTurn();
  const client = (event: object) => session.receive(JSON.stringify(event));
  const hearBy = (turn_detection: object | null) =>
    client({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection } } } });
  return { session, sent, client, hearBy, heard, turns: () => options.turns };
}

test('eagerness is how long a pause may be, as the documentation says', async () => {
  const { session, hearBy, turns } = await watchedSession();
  for (const [eagerness, silenceMs, patienceMs] of [
    ['low', 1200, 8000],
    ['medium', 800, 4000],
    ['high', 400, 2000],
    ['auto', 800, 4000],
    [undefined, 800, 4000],
  ] as const) {
    hearBy({ type: 'semantic_vad', ...(eagerness && { eagerness }) });
    const judge = { askMs: 200, patienceMs };
    assert.deepEqual(turns(), { kind: 'voice', threshold: 0.5, prefixMs: 300, silenceMs, judge });
  }
  session.close();
});

test('the fields of server_vad are what the ears are told', async () => {
  const { session, hearBy, turns } = await watchedSession();
  assert.deepEqual(turns(), { kind: 'voice', threshold: 0.5, prefixMs: 300, silenceMs: 500 });
  hearBy({ type: 'server_vad', threshold: 0.7, prefix_padding_ms: 200, silence_duration_ms: 900 });
  assert.deepEqual(turns(), { kind: 'voice', threshold: 0.7, prefixMs: 200, silenceMs: 900 });
  hearBy(IDLE);
  assert.deepEqual(turns(), {
    ...{ kind: 'voice', threshold: 0.5, prefixMs: 300, silenceMs: 500 },
    idle: { afterMs: 6000, fromMs: 0 },
  });
  hearBy(null);
  assert.deepEqual(turns(), { kind: 'manual' });
  session.close();
});

test('after a response the ears wait for a voice from where it will have been played', async () => {
  const { session, client, hearBy, heard, sent, turns } = await watchedSession();
  hearBy(IDLE);
  heard.audioMs = 9000;
  client({ type: 'response.create', response: { output_modalities: ['text'], instructions: 'Say this.' } });
  while (sent.at(-1)!.type !== 'response.done') await nextTurn();
  assert.deepEqual(turns(), {
    ...{ kind: 'voice', threshold: 0.5, prefixMs: 300, silenceMs: 500 },
    idle: { afterMs: 6000, fromMs: 9000 },
  });
  hearBy({ type: 'server_vad', idle_timeout_ms: null });
  assert.deepEqual(turns(), { kind: 'voice', threshold: 0.5, prefixMs: 300, silenceMs: 500 });
  session.close();
});
