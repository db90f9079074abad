/** Messages that no honest client would send, in every live protocol: told in its own words, and nobody else notices. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertError, assertUnharmed } from './support/answers.ts';
import { chatDuring } from './support/chat.ts';
import { knock } from './support/frames.ts';
import { LiveSocket, noteLeftovers, TONES, type Told } from './support/live.ts';
import { residentBytes } from './support/memory.ts';
import { RawConnection } from './support/raw.ts';
import { serveDuring, startServer, TEST_KEY, type TestServer } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';

const FAST = { OS_WS_MAX_KB_PER_S: '1048576', OS_WS_MAX_EVENTS_PER_S: '1000000', OS_WS_MAX_HANDSHAKES: '100000' };
const STREAM = '/v1/audio/stream?sample_rate=24000';
const LISTEN = '/v1/listen?encoding=linear16&sample_rate=24000';
const SPEAK = '/v1/speak';
const REALTIME = '/v1/realtime?model=gpt-realtime';

let server: TestServer;
let spoken: Uint8Array;
before(async () => {
  server = await startServer({ tones: true, env: { ...TONES, ...FAST } });
  spoken = await spokenPcm(server, 'good morning');
});
after(async () => {
  await assertUnharmed(server);
  assert.doesNotMatch(server.log.join(''), /"level":"error"/, 'no message made the server fail');
  await server.stop();
});

/** Nested far beyond what could be written again. */
const deep = `${'['.repeat(300_000)}${']'.repeat(300_000)}`;
const NONSENSE = ['', ' ', '{', '[]', 'null', '5', '"x"', 'true', '\u0000', '{}', '{"type":null}', '{"type":5}', deep];
const UNKNOWN = ['{"type":"nothing"}', '{"type":["stop"]}', '{"type":"__proto__"}', '{"type":"constructor"}'];

/** The words that came with errors. */
const errorCodes = (told: readonly Told[]): string[] =>
  told.flatMap((each) => {
    if (each.type === 'error') return [String(each.error?.code ?? each.code)];
    if (each.type === 'Error') return [String(each.variant ?? each.code)];
    return each.type === 'Warning' ? [String(each.code)] : [];
  });

/** Says these, and waits until each was answered by an error. Returns their codes. */
async function refusals(live: LiveSocket, messages: readonly (string | Uint8Array)[]): Promise<string[]> {
  const before = errorCodes(live.told).length;
  for (const message of messages) live.send(message);
  const type = live.told[0]?.type === 'session.created' || live.socket.url.includes('stream') ? 'error' : undefined;
  const expected = type ?? (live.socket.url.includes('speak') ? 'Warning' : 'Error');
  await live.until(expected, before + messages.length);
  return errorCodes(live.told).slice(before);
}

test('our own stream answers nonsense with an error and goes on', async () => {
  const live = await LiveSocket.open(server, STREAM);
  await live.until('session.begin');
  assert.deepEqual(new Set(await refusals(live, NONSENSE)), new Set(['invalid_json', 'invalid_request']));
  const wrong = [
    ...UNKNOWN,
    ...[
      '{"type":"config","endpointing":"300"}',
      '{"type":"config","endpointing":1e9}',
      '{"type":"config","vad":false}',
    ],
    ...[
      '{"type":"config","language":5}',
      '{"type":"config","language":"xx"}',
      '{"type":"config","interim_results":"no"}',
    ],
  ];
  await refusals(live, wrong);
  live.send(spoken);
  live.send({ type: 'stop' });
  assert.equal(await live.closed(), 1000);
  assert.ok(live.told.some(({ speech_final, text }) => speech_final && text === 'good morning'));
  const end = live.told.at(-1)!;
  assert.deepEqual([end.type, end.errors], ['session.end', NONSENSE.length + wrong.length]);
});

test('a stream that ends in the middle of a sample is told so', async () => {
  const live = await LiveSocket.open(server, STREAM);
  live.send(spoken.subarray(0, 4801));
  live.send({ type: 'stop' });
  assert.equal(await live.closed(), 1000);
  assert.deepEqual(errorCodes(live.told), ['invalid_audio']);
});

test("Deepgram's stream answers nonsense with an error and goes on", async () => {
  const live = await LiveSocket.open(server, LISTEN);
  assert.deepEqual(new Set(await refusals(live, [...NONSENSE, ...UNKNOWN])), new Set(['invalid_request']));
  for (let at = 0; at < spoken.length; at += 4801) live.send(spoken.subarray(at, at + 4801));
  live.send({ type: 'CloseStream' });
  assert.equal(await live.closed(), 1000);
  assert.ok(live.told.some((each) => each.is_final && each.channel.alternatives[0].transcript === 'good morning'));
});

test("Deepgram's voice answers nonsense with a warning and goes on, but understands no audio", async () => {
  const live = await LiveSocket.open(server, SPEAK);
  const wrong = ['{"type":"Speak"}', '{"type":"Speak","text":5}', '{"type":"Speak","text":["x"]}'];
  await refusals(live, [...NONSENSE, ...UNKNOWN, ...wrong]);
  const long = await refusals(live, [JSON.stringify({ type: 'Speak', text: 'x'.repeat(40_000) })]);
  assert.deepEqual(long, ['text_too_long']);
  live.send({ type: 'Speak', text: 'still here' });
  live.send({ type: 'Close' });
  assert.equal(await live.closed(), 1000);
  assert.ok(live.types().includes('binary'));
  const other = await LiveSocket.open(server, SPEAK);
  other.send(new Uint8Array([1, 2, 3]));
  assert.equal(await other.closed(), 1003);
});

test('a Realtime session answers every wrong event with an error that says what, and goes on', async () => {
  const live = await LiveSocket.open(server, REALTIME);
  await live.until('session.created');
  await refusals(live, [...NONSENSE, ...UNKNOWN, new Uint8Array([1, 2, 3]), new Uint8Array(0)]);
  const codes = await refusals(
    live,
    [
      { type: 'input_audio_buffer.append' },
      { type: 'input_audio_buffer.append', audio: 5 },
      { type: 'input_audio_buffer.append', audio: 'no base64!' },
      { type: 'input_audio_buffer.append', audio: 'AAAAA' },
      { type: 'input_audio_buffer.append', audio: 'A=A=' },
      { type: 'input_audio_buffer.commit' },
      { type: 'session.update' },
      { type: 'session.update', session: 5 },
      {
        type: 'session.update',
        session: { type: 'realtime', audio: { input: { format: { type: 'audio/pcm', rate: 48_000 } } } },
      },
      {
        type: 'session.update',
        session: { type: 'realtime', tools: [{ type: 'function', parameters: 'x'.repeat(2_100_000) }] },
      },
      {
        type: 'conversation.item.create',
        item: { type: 'message', role: 'user', content: [{ type: 'input_audio', audio: '?' }] },
      },
      { type: 'conversation.item.create', item: { type: 'message', role: 'nobody', content: [] } },
      {
        type: 'conversation.item.create',
        previous_item_id: 'none',
        item: { type: 'message', role: 'user', content: [] },
      },
      { type: 'conversation.item.delete', item_id: 'none' },
      { type: 'conversation.item.truncate', item_id: 'none', content_index: -1, audio_end_ms: -5 },
      { type: 'response.create' },
      { type: 'response.create', response: { input: Array(1001).fill(0) } },
      { type: 'response.cancel' },
      { type: 'toString' },
    ].map((event) => JSON.stringify(event)),
  );
  assert.ok(codes.includes('input_audio_buffer_commit_empty') && codes.includes('response_cancel_not_active'));
  assert.ok(!codes.includes('internal_error'), String(codes));
  live.send({ type: 'response.create', response: { instructions: 'still here' } });
  assert.equal((await live.until('response.done')).response.status, 'completed');
  live.socket.close();
  await live.closed();
});

test('a client secret is made for no session that could not be shown', async () => {
  const ask = (body: string) =>
    server.fetch('/v1/realtime/client_secrets', {
      method: 'POST',
      body,
      headers: { 'content-type': 'application/json' },
    });
  for (const depth of [70, 1000, 3000, 5000, 8000, 50_000]) {
    const tracing = `${'['.repeat(depth)}${']'.repeat(depth)}`;
    const answer = await ask(`{"session":{"type":"realtime","tracing":${tracing}}}`);
    await assertError(answer, { status: 400, code: 'invalid_request' });
  }
  assert.equal((await ask('{"session":{"type":"realtime","tracing":[[[1]]]}}')).status, 200);
});

test('rates that lie make nonsense of the words and harm nothing; rates that cannot be are refused', async () => {
  for (const rate of [8000, 11_025, 192_000]) {
    for (const path of [`/v1/audio/stream?sample_rate=${rate}`, `/v1/listen?encoding=linear32&sample_rate=${rate}`]) {
      const live = await LiveSocket.open(server, path);
      live.send(spoken);
      live.send({ type: path.includes('stream') ? 'stop' : 'CloseStream' });
      assert.equal(await live.closed(), 1000);
      assert.deepEqual(errorCodes(live.told), []);
    }
  }
  for (const rate of ['0', '-1', '7999', '192001', '1e5', 'NaN', '99999999999', '16000.5']) {
    for (const path of [`/v1/audio/stream?sample_rate=${rate}`, `/v1/listen?encoding=linear16&sample_rate=${rate}`]) {
      const { connection, answer } = await knock(server.url, path, `Authorization: Bearer ${TEST_KEY}`);
      assert.equal(answer.status, 400, path);
      connection.close();
    }
  }
});

test('bytes that are no audio end a stream of Deepgram with 1008, in its words', async () => {
  const live = await LiveSocket.open(server, '/v1/listen');
  live.send(Buffer.from('<html>this is no WAV header at all, whatever it says</html>'));
  assert.equal(await live.closed(), 1008);
  assert.equal(errorCodes(live.told).length, 1);
});

test('a message over the limit closes its socket with 1009', async () => {
  for (const path of [STREAM, LISTEN, SPEAK]) {
    const live = await LiveSocket.open(server, path);
    live.send(Buffer.alloc(1024 * 1024 + 1));
    assert.equal(await live.closed(), 1009, path);
  }
  const live = await LiveSocket.open(server, REALTIME);
  live.send(`{"type":"${'x'.repeat(20 * 1024 * 1024)}"}`);
  assert.equal(await live.closed(), 1009);
});

test('an hour of silence costs nothing: no utterance, no memory, no error', async (t) => {
  const quiet = await serveDuring(t, { tones: true, env: { ...TONES, ...FAST } });
  const minute = Buffer.alloc(8000 * 60, 0xff);
  const g711 = { type: 'audio/pcmu' };
  const paths = ['/v1/audio/stream?encoding=mulaw', '/v1/listen?encoding=mulaw&sample_rate=8000', REALTIME];
  const before = residentBytes();
  await Promise.all(
    paths.map(async (path) => {
      const live = await LiveSocket.open(quiet, path);
      if (path === REALTIME) {
        live.send({ type: 'session.update', session: { type: 'realtime', audio: { input: { format: g711 } } } });
      }
      const append = JSON.stringify({ type: 'input_audio_buffer.append', audio: minute.toString('base64') });
      for (let i = 0; i < (path.includes('stream') ? 60 : 10); i++) live.send(path === REALTIME ? append : minute);
      live.send(
        path === REALTIME ? { type: 'response.cancel' } : { type: path.includes('stream') ? 'stop' : 'CloseStream' },
      );
      if (path === REALTIME) {
        await live.until('error');
        live.socket.close();
      } else assert.equal(await live.closed(), 1000);
      await live.closed();
      const errors = errorCodes(live.told);
      assert.deepEqual(errors, path === REALTIME ? ['response_cancel_not_active'] : []);
      assert.ok(live.told.length <= 4, String(live.types()));
    }),
  );
  const grown = residentBytes() - before;
  t.diagnostic(`${Math.round(grown / 1e6)} MB more`);
  assert.ok(grown < 200e6, `${grown} bytes`);
});

test('floods of tiny messages, over and over, take no memory and disturb nobody', async (t) => {
  const chat = await chatDuring(t, () => ['yes']);
  const flooded = await serveDuring(t, {
    tones: true,
    env: { ...TONES, ...FAST, OS_LLM_URL: chat.url, OS_LLM_MODEL: 'm' },
  });
  const floods: [string, string | Uint8Array][] = [
    [STREAM, new Uint8Array(1)],
    [STREAM, '{}'],
    [STREAM, '{"type":"finalize"}'],
    [LISTEN, new Uint8Array(1)],
    [LISTEN, '{"type":"Finalize"}'],
    [SPEAK, '{"type":"Flush"}'],
    [SPEAK, '{"type":"Clear"}'],
    [SPEAK, '{"type":"Speak","text":"a"}'],
    [REALTIME, '{}'],
    [REALTIME, '{"type":"input_audio_buffer.append","audio":"AA=="}'],
    [REALTIME, '{"type":"input_audio_buffer.clear"}'],
    [REALTIME, '{"type":"conversation.item.create","item":{"type":"message","role":"user","content":[]}}'],
    [REALTIME, '{"type":"response.create","response":{"conversation":"none","output_modalities":["text"],"input":[]}}'],
  ];
  const beside = await LiveSocket.open(flooded, STREAM);
  const nothingLeft = await noteLeftovers(flooded);
  const round = async (): Promise<number> => {
    await Promise.all(
      floods.map(async ([path, message]) => {
        const live = await LiveSocket.open(flooded, path);
        for (let i = 0; i < 1000; i++) live.send(message);
        await new Promise<void>((resolve) => live.socket.ping('', true, () => resolve()));
        live.socket.close();
        await live.closed();
      }),
    );
    await nothingLeft();
    // What this process, which is also the client and reads the log, keeps of it.
    flooded.log.length = 0;
    chat.requests.length = 0;
    return residentBytes();
  };
  const sizes: number[] = [];
  for (let i = 0; i < 6; i++) sizes.push(await round());
  const grown = sizes.at(-1)! - sizes[2]!;
  t.diagnostic(sizes.map((bytes) => Math.round(bytes / 1e6)).join(' '));
  assert.ok(grown < 100e6, `${grown} bytes more after three more rounds`);
  beside.send(spoken);
  beside.send({ type: 'stop' });
  assert.equal(await beside.closed(), 1000);
  assert.ok(beside.told.some(({ speech_final, text }) => speech_final && text === 'good morning'));
});

test('two thousand half-open handshakes stop no session that is under way, and no new one', async () => {
  const live = await LiveSocket.open(server, STREAM);
  live.send(spoken.subarray(0, 50_000));
  const halves: RawConnection[] = [];
  const head = `GET ${STREAM} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upg`;
  for (let i = 0; i < 2000; i++) {
    const connection = await RawConnection.open(server.url);
    void connection.write(head);
    halves.push(connection);
  }
  live.send(spoken.subarray(50_000));
  live.send({ type: 'stop' });
  assert.equal(await live.closed(), 1000);
  assert.ok(live.told.some(({ speech_final, text }) => speech_final && text === 'good morning'));
  const next = await LiveSocket.open(server, LISTEN);
  next.send({ type: 'CloseStream' });
  assert.equal(await next.closed(), 1000);
  for (const half of halves) half.close();
});
