import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeechError } from '../errors.ts';
import type { Listening, ListeningEvent } from '../live/contract.ts';
import { RealtimeProblem } from './problem.ts';
import { ears, final, openSession } from './testing.ts';

const turn = () => new Promise(setImmediate);

test('what a client says while its session opens is taken in its order, each with all that it causes', async () => {
  const opened = Promise.withResolvers<Listening>();
  let hear: (event: ListeningEvent) => void = () => {};
  const { session, sent } = openSession({
    openListening: (_options, _caller, onEvent) => {
      hear = onEvent;
      return opened.promise;
    },
  });
  const say = (event: object) => session.receive(JSON.stringify(event));
  const input = { turn_detection: null };
  say({ type: 'session.update', session: { type: 'realtime', audio: { input } } });
  say({ type: 'input_audio_buffer.commit' });
  say({ type: 'input_audio_buffer.commit', event_id: 'second' });
  say({ type: 'response.create', response: { instructions: 'Hi.', output_modalities: ['text'] } });
  const numbers = [1];
  opened.resolve(ears({ openMs: 200, commit: () => numbers.shift() }));
  await turn();
  const ITEM = ['conversation.item.added', 'conversation.item.done'];
  assert.deepEqual(
    sent.slice(0, 7).map(({ type }) => type),
    ['session.created', 'session.updated', 'input_audio_buffer.committed', ...ITEM, 'error', 'response.created'],
  );
  hear(final(1, 'hello'));
  await turn();
  assert.equal(sent.at(-1)!.type, 'response.done');
  session.close();
});

test('a session that is to end tells the words it was hearing and the answers it was giving, then why', async () => {
  const finished = Promise.withResolvers<void>();
  let hear: (event: ListeningEvent) => void = () => {};
  const { session, sent } = openSession({
    openListening: async (_options, _caller, onEvent) => {
      hear = onEvent;
      return ears({ finish: () => finished.promise });
    },
  });
  await turn();
  hear({ type: 'speech-started', utterance: 1, atMs: 0 });
  const over = session.finish(new RealtimeProblem('server_shutting_down', 'bye'));
  session.receive(JSON.stringify({ type: 'response.create', event_id: 'late', response: { instructions: 'x' } }));
  hear({ type: 'speech-stopped', utterance: 1, atMs: 900 });
  hear(final(1, 'last words'));
  finished.resolve();
  await over;
  const types = sent.map(({ type }) => type);
  assert.deepEqual(types.slice(1, 4), [
    ...['input_audio_buffer.speech_started', 'error', 'input_audio_buffer.speech_stopped'],
  ]);
  const errors = sent.flatMap(({ error }) =>
    error === undefined ? [] : [error as { code: string; event_id: string }],
  );
  assert.deepEqual(
    errors.map(({ code, event_id }) => [code, event_id]),
    [
      ['server_shutting_down', 'late'],
      ['server_shutting_down', null],
    ],
  );
  assert.equal(types.at(-1), 'error');
  session.close();
});

test('an answer that is being given when the session is to end is given to its end', async () => {
  const words = Promise.withResolvers<void>();
  const languageModel = {
    async *think() {
      yield { kind: 'text', delta: 'good ' };
      await words.promise;
      yield { kind: 'text', delta: 'bye' };
      yield { kind: 'end' };
    },
  };
  const { session, sent } = openSession({
    openListening: async () => ears(),
    languageModel: languageModel as never,
    rules: {
      maxItems: 9,
      maxChars: 9999,
      maxResponses: 4,
      hasLanguageModel: true,
      checkVoice() {},
      checkRecogniser() {},
    },
  });
  await turn();
  session.receive(JSON.stringify({ type: 'response.create', response: { output_modalities: ['text'] } }));
  await turn();
  const over = session.finish(new RealtimeProblem('server_shutting_down', 'bye'));
  words.resolve();
  await over;
  const [done, error] = sent.slice(-2) as unknown as { type: string; response: { status: string } }[];
  assert.deepEqual([done!.type, done!.response.status, error!.type], ['response.done', 'completed', 'error']);
  session.close();
});

test('a response is charged for what it is made from, so that beginning and cancelling them is slowed', async () => {
  const charged: number[] = [];
  const { session } = openSession({ openListening: async () => ears(), charge: (bytes) => charged.push(bytes) });
  await turn();
  const text = 'x'.repeat(100_000);
  const item = { type: 'message', role: 'user', content: [{ type: 'input_text', text }] };
  const response = { conversation: 'none', instructions: 'Hi.', output_modalities: ['text'] };
  for (const event of [
    { type: 'response.create', response },
    { type: 'response.cancel' },
    { type: 'conversation.item.create', item },
    { type: 'response.create', response },
  ])
    session.receive(JSON.stringify(event));
  const [short, long] = charged;
  assert.equal(short, 16_384);
  assert.ok(long! > 100_000 && long! < 101_000, String(long));
  assert.equal(charged.length, 2);
  session.close();
});

test('an error says whose fault it is, and of which field', async () => {
  for (const [thrown, type, param] of [
    [new SpeechError('overloaded', 'Too much.', { param: 'audio' }), 'server_error', 'audio'],
    [new SpeechError('audio_too_long', 'Too long.', { param: 'audio' }), 'invalid_request_error', 'audio'],
  ] as const) {
    const push = () => {
      throw thrown;
    };
    const { session, sent } = openSession({ openListening: async () => ears({ push }) });
    await turn();
    session.receive(JSON.stringify({ type: 'input_audio_buffer.append', audio: 'AAAA', event_id: 'e' }));
    const { message, code } = thrown;
    assert.deepEqual(sent.at(-1)!.error, { type, code, message, param, event_id: 'e' });
    session.close();
  }
});

test('a session begins as its secret says, or says why it does not', async () => {
  const good = openSession(
    { openListening: async () => ears() },
    { configuration: { type: 'realtime', instructions: 'Whisper.' } },
  );
  const bad = openSession(
    { openListening: async () => ears() },
    { configuration: { type: 'realtime', instructions: 5 } },
  );
  await turn();
  const [created] = good.sent as unknown as { session: { instructions: string } }[];
  assert.equal(created!.session.instructions, 'Whisper.');
  assert.deepEqual(
    bad.sent.map(({ type }) => type),
    ['session.created', 'error'],
  );
  good.session.close();
  bad.session.close();
});

test('a session that found no ears opens some for another recogniser, and hears what comes behind', async () => {
  const heard: number[] = [];
  const { session, sent } = openSession({
    openListening: async ({ model }) => {
      if (model !== 'ear') throw new SpeechError('model_unavailable', 'No.');
      return ears({ push: ({ pcm }) => heard.push(pcm.length) });
    },
    recogniser: (name) => name,
  });
  await turn();
  const append = { type: 'input_audio_buffer.append', audio: 'AAAA' };
  session.receive(JSON.stringify(append));
  assert.equal((sent.at(-1)!.error as { code: string }).code, 'model_unavailable');
  const input = { transcription: { model: 'ear' } };
  session.receive(JSON.stringify({ type: 'session.update', session: { type: 'realtime', audio: { input } } }));
  session.receive(JSON.stringify(append));
  await turn();
  assert.equal(sent.at(-1)!.type, 'session.updated');
  assert.deepEqual(heard, [2]);
  session.close();
});
