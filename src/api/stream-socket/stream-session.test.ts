import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadSettings } from '../../config/load.ts';
import { SpeechError } from '../../errors.ts';
import type { Listening, ListeningOptions } from '../../live/contract.ts';
import { readParameters } from './parameters.ts';
import { StreamSession } from './stream-session.ts';

const { settings } = loadSettings({ env: {} });

/** A session over a listener that only takes notes. */
function begin(query: Record<string, string> = {}) {
  const sent: Record<string, unknown>[] = [];
  const did: string[] = [];
  const pushed: number[] = [];
  const changes: Partial<ListeningOptions>[] = [];
  const state = { backlogMs: 0, openMs: 0, refuse: undefined as SpeechError | undefined };
  const finished = Promise.withResolvers<void>();
  const listening: Listening = {
    model: 'm',
    audioMs: 1234.4,
    get openMs() {
      return state.openMs;
    },
    get backlogMs() {
      return state.backlogMs;
    },
    push({ pcm }) {
      if (state.refuse !== undefined) throw state.refuse;
      pushed.push(...pcm);
    },
    commit: () => void did.push('commit') as undefined,
    clear: () => void did.push('clear'),
    change: (options) => void changes.push(options),
    finish: () => finished.promise,
    close: () => void did.push('closed'),
  };
  const session = new StreamSession(readParameters(query, settings), settings);
  const out = {
    send: (event: object) => void sent.push(event as Record<string, unknown>),
    sendError: (event: object) => void sent.push(event as Record<string, unknown>),
    close: (code = 0) => void did.push(`close ${code}`),
    hold: () => void did.push('hold'),
    release: () => void did.push('release'),
  };
  session.begin(out, listening, 'id');
  const begun = sent.splice(0);
  return { session, sent, did, pushed, changes, state, finished, begun };
}

const partial = (text: string, confirmed: number) =>
  ({ type: 'partial', utterance: 1, text, confirmed, startMs: 100, endMs: 900 }) as const;
const final = (text: string) => ({
  ...({ type: 'final', utterance: 1, text, startMs: 100, endMs: 2000.4, audioMs: 2000, continues: false } as const),
  confidence: 0.7,
  words: [
    { word: text, startMs: 100, endMs: 2000.4, confidence: 0.7 },
    { word: 'x', startMs: 0, endMs: 1 },
  ],
});

test('a session begins with what was agreed on', () => {
  const { begun } = begin({ sample_rate: '48000', vad: 'false' });
  assert.deepEqual(begun, [
    {
      ...{ type: 'session.begin', session_id: 'id', model: 'm', sample_rate: 48_000, internal_sample_rate: 16_000 },
      ...{ encoding: 'pcm_s16le', vad_enabled: false },
    },
  ]);
});

test('an utterance is told as it is heard, confirmed and ended, its end behind its transcript', () => {
  const { session, sent } = begin();
  session.hear({ type: 'speech-started', utterance: 1, atMs: 100 });
  session.hear(partial('one', 0));
  session.hear(partial('one two', 4));
  session.hear(partial('one two', 7));
  session.hear({ type: 'speech-stopped', utterance: 1, atMs: 2100 });
  session.hear(final('one two three'));
  const transcript = { type: 'transcript', speech_final: false, utterance: 1, start: 0.1, end: 0.9, confidence: null };
  assert.deepEqual(sent, [
    { type: 'vad', state: 'speech_start', utterance: 1, at: 0.1 },
    { ...transcript, is_final: false, text: 'one' },
    { ...transcript, is_final: true, text: 'one' },
    { ...transcript, is_final: false, text: 'one two' },
    { ...transcript, is_final: true, text: 'one two' },
    {
      ...{ type: 'transcript', is_final: true, speech_final: true, utterance: 1, text: 'one two three' },
      ...{ start: 0.1, end: 2, confidence: 0.7 },
      words: [
        { word: 'one two three', start: 0.1, end: 2, confidence: 0.7 },
        { word: 'x', start: 0, end: 0.001, confidence: null },
      ],
    },
    { type: 'vad', state: 'speech_end', utterance: 1, at: 2.1 },
  ]);
});

test('other readings are told where they are asked for, as many as may be', () => {
  const { session, sent } = begin({ alternatives: '2' });
  session.hear({ ...final('two'), alternatives: [{ text: 'too', confidence: 0.2 }] });
  assert.deepEqual(sent[0]!.alternatives, [{ text: 'too', confidence: 0.2 }]);
  assert.equal(readParameters({ alternatives: '10' }, settings).listening.alternatives, 10);
  assert.equal(readParameters({ alternatives: '0' }, settings).listening.alternatives, undefined);
  assert.throws(() => readParameters({ alternatives: '11' }, settings), { param: 'alternatives' });
});

test('without interim results only what stays is told', () => {
  const { session, sent } = begin({ interim_results: 'false' });
  session.hear(partial('one two', 3));
  session.hear(final('one two'));
  assert.deepEqual(
    sent.map(({ is_final, speech_final, text }) => [is_final, speech_final, text]),
    [
      [true, false, 'one'],
      [true, true, 'one two'],
    ],
  );
});

test('an utterance without words has an end and no transcript; one that fails has an error', async () => {
  const { session, sent, finished } = begin();
  session.hear({ type: 'speech-stopped', utterance: 1, atMs: 1000 });
  session.hear({ ...final(''), words: [] });
  session.hear({ type: 'speech-stopped', utterance: 2, atMs: 2000 });
  session.hear({ type: 'failed', utterance: 2, error: new SpeechError('engine_failed', 'The engine failed.') });
  session.text('{"type":"stop"}');
  finished.resolve();
  await finished.promise;
  await new Promise(setImmediate);
  assert.deepEqual(sent, [
    { type: 'vad', state: 'speech_end', utterance: 1, at: 1 },
    { type: 'error', code: 'engine_failed', message: 'The engine failed.', param: null },
    { type: 'vad', state: 'speech_end', utterance: 2, at: 2 },
    {
      type: 'session.end',
      session_id: 'id',
      reason: 'client_stop',
      transcriptions: 0,
      errors: 1,
      audio_seconds: 1.234,
    },
  ]);
});

test('stop tells the rest first, and nothing that comes behind it is heard', async () => {
  const { session, sent, did, pushed, finished } = begin();
  session.binary(Buffer.from([0, 64, 1]));
  session.text('{"type":"stop"}');
  session.binary(Buffer.from([64, 0, 64]));
  session.text('{"type":"stop"}');
  session.text('nonsense');
  assert.deepEqual(pushed, [0.5]);
  assert.deepEqual(
    sent.map(({ type, code }) => [type, code]),
    [['error', 'invalid_audio']],
  );
  session.hear(final('rest'));
  finished.resolve();
  await finished.promise;
  await new Promise(setImmediate);
  assert.deepEqual(
    sent.map(({ type }) => type),
    ['error', 'transcript', 'session.end'],
  );
  assert.deepEqual(did, ['close 1000']);
});

test('control messages do what they say, and what they do not say is an error that ends nothing', () => {
  const { session, sent, did, changes } = begin();
  session.text('{"type":"finalize"}');
  session.text('{"type":"keep_alive"}');
  session.text('{"type":"config","language":"de","endpointing":500}');
  assert.deepEqual(did, ['commit']);
  assert.equal(changes[0]!.language, 'de');
  assert.deepEqual(sent, []);
  const bad = ['', '{', 'null', '[]', '7', '"stop"', '{}', '{"type":7}', '{"type":"Stop"}', '{"type":"config","x":1}'];
  for (const text of bad) session.text(text);
  assert.equal(sent.length, bad.length);
  assert.ok(
    sent.every(({ type, code }) => type === 'error' && ['invalid_json', 'invalid_request'].includes(String(code))),
  );
  const manual = begin({ vad: 'false' });
  manual.session.text('{"type":"config","endpointing":500}');
  assert.equal(manual.sent[0]!.param, 'endpointing');
});

test('audio that cannot be taken is an error that ends nothing', () => {
  const { session, sent, state, pushed } = begin();
  state.refuse = new SpeechError('overloaded', 'Too fast.');
  session.binary(Buffer.from([0, 64]));
  state.refuse = undefined;
  session.binary(Buffer.from([0, 64]));
  assert.deepEqual(pushed, [0.5]);
  assert.equal(sent[0]!.code, 'overloaded');
});

test('a client that is ahead is not read until the rest was heard', async () => {
  const { session, did, state } = begin();
  state.backlogMs = settings.limits.liveBacklogMs / 4;
  state.openMs = 1;
  session.binary(Buffer.from([0, 64]));
  assert.equal(did.length, 0, 'not in the middle of an utterance');
  state.openMs = 0;
  session.binary(Buffer.from([0, 64]));
  session.binary(Buffer.from([0, 64]));
  assert.deepEqual(did, ['hold']);
  state.backlogMs = 0;
  while (!did.includes('release')) await new Promise(setImmediate);
  session.closed();
  assert.deepEqual(did, ['hold', 'release', 'closed']);
});

test('a client that is far ahead is not read in the middle of an utterance either', () => {
  const { session, did, state } = begin();
  state.openMs = 1;
  state.backlogMs = settings.limits.liveBacklogMs / 2;
  session.binary(Buffer.from([0, 64]));
  assert.deepEqual(did, ['hold']);
  session.closed();
});

test('a session that the server ends says why', () => {
  for (const [code, reason] of [
    [4001, 'key_ended'],
    [4008, 'idle_timeout'],
    [4009, 'session_limit'],
    [1003, 'error'],
  ] as const) {
    const { session, sent } = begin();
    session.ending(code);
    session.ending(code);
    assert.deepEqual(
      sent.map(({ type, reason }) => [type, reason]),
      [['session.end', reason]],
    );
  }
});

test('at shutdown what was heard is told whole, then why it ends', async () => {
  const { session, sent, did, finished } = begin();
  const said = session.goodbye();
  session.hear(final('last words'));
  finished.resolve();
  await said;
  assert.deepEqual(
    sent.map(({ type, reason }) => reason ?? type),
    ['transcript', 'server_shutdown'],
  );
  assert.deepEqual(did, ['close 1001']);
});

test('who stopped just before the server leaves is still told the last words', async () => {
  const { session, sent, did, finished } = begin();
  session.text('{"type":"stop"}');
  let said = false;
  const goodbye = session.goodbye().then(() => {
    said = true;
  });
  await new Promise(setImmediate);
  assert.ok(!said, 'the words are still to come');
  session.hear(final('last words'));
  finished.resolve();
  await goodbye;
  assert.deepEqual(
    sent.map(({ type, reason }) => reason ?? type),
    ['transcript', 'client_stop'],
  );
  assert.deepEqual(did, ['close 1000']);
});

test('a text message that is longer than any has to be is refused before it is read', () => {
  const { session, sent } = begin();
  session.text('{}'.padEnd(65_536));
  session.text('['.repeat(65_537));
  assert.deepEqual(
    sent.map(({ code, param }) => [code, param]),
    [
      ['invalid_request', 'type'],
      ['invalid_request', null],
    ],
  );
});
