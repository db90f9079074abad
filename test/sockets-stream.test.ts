/** `WS /v1/audio/stream`, as its users meet it. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test } from 'node:test';
import { WebSocket } from 'ws';
import { assertError, assertUnharmed } from './support/answers.ts';
import { bytesOf, say } from './support/client.ts';
import { frame, handshake, knock, OPCODE } from './support/frames.ts';
import { makeKey, withKeys } from './support/keys.ts';
import { RawConnection } from './support/raw.ts';
import { serveDuring, startServer, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const TONES = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };
const RATE = 24_000;
const PATH = `/v1/audio/stream?sample_rate=${RATE}`;

let server: TestServer;
/** 16-bit, 24 000 Hz. */
let spoken: Buffer;
before(async () => {
  server = await startServer({ tones: true, env: { ...TONES, OS_WS_MAX_HANDSHAKES: '100000' } });
  spoken = await speech('one two three.');
});
after(async () => {
  await assertUnharmed(server);
  await server.stop();
});

const speech = async (input: string, of = server): Promise<Buffer> =>
  Buffer.from(await bytesOf(await say(of, { input, response_format: 'pcm' })));
const pause = (ms: number): Buffer => Buffer.alloc((RATE * 2 * ms) / 1000);

interface StreamEvent {
  type: string;
  [field: string]: unknown;
}

async function connect(path = PATH, of = server, key = TEST_KEY) {
  const socket = new WebSocket(of.url.replace('http', 'ws') + path, { headers: { authorization: `Bearer ${key}` } });
  const events: StreamEvent[] = [];
  socket.on('message', (data: Buffer) => events.push(JSON.parse(data.toString()) as StreamEvent));
  const closed = new Promise<number>((resolve) => socket.once('close', resolve));
  await once(socket, 'open');
  const finals = () => events.filter(({ speech_final }) => speech_final).map(({ text }) => text);
  const stop = async () => {
    socket.send('{"type":"stop"}');
    return closed;
  };
  return { socket, events, closed, finals, stop };
}

test('what is said is heard, with words and times, whatever pieces it comes in', async () => {
  for (const size of [48, 481, 4801, 48_000, 1_000_000]) {
    const { socket, events, finals, stop } = await connect();
    const audio = Buffer.concat([pause(400), spoken, pause(1000), spoken]);
    for (let at = 0; at < audio.length; at += size) socket.send(audio.subarray(at, at + size));
    assert.equal(await stop(), 1000);
    assert.deepEqual(finals(), ['one two three.', 'one two three.'], `pieces of ${size} bytes`);
    assert.equal(events[0]!.type, 'session.begin');
    const end = events.at(-1)!;
    assert.equal(end.type, 'session.end');
    assert.deepEqual([end.reason, end.transcriptions, end.errors], ['client_stop', 2, 0]);
    assert.ok(Math.abs((end.audio_seconds as number) - audio.length / 2 / RATE) < 0.002);
    const [first] = events.filter(({ speech_final }) => speech_final);
    const words = first!.words as { word: string; start: number; end: number }[];
    assert.deepEqual(
      words.map(({ word }) => word),
      ['one', 'two', 'three.'],
    );
    assert.ok(words[0]!.start >= 0.3 && words[0]!.start < 0.6, `the pause counts: ${words[0]!.start}`);
    const order = (utterance: number) =>
      events.flatMap((event) => (event.utterance === utterance ? [event.state ?? event.speech_final] : []));
    for (const utterance of [1, 2]) {
      const told = order(utterance).filter((what) => what !== false);
      assert.deepEqual(told, ['speech_start', true, 'speech_end']);
    }
  }
});

test('the last utterance is told, however the audio ends', async () => {
  for (const rest of [0, 1, 2400]) {
    const { socket, finals, stop } = await connect();
    socket.send(spoken);
    if (rest > 0) socket.send(Buffer.alloc(rest));
    await stop();
    assert.deepEqual(finals(), ['one two three.']);
  }
});

test('without the detector an utterance ends when the client says so', async () => {
  const { socket, events, finals, stop } = await connect(`${PATH}&vad=false`);
  socket.send(spoken);
  socket.send('{"type":"finalize"}');
  await until(() => finals().length === 1);
  socket.send(spoken);
  await stop();
  assert.deepEqual(finals(), ['one two three.', 'one two three.']);
  assert.ok(events.every(({ type }) => type !== 'vad'));
});

test('what cannot be done is refused before the socket opens', async () => {
  const ask = async (query: string) => {
    const { connection, answer } = await knock(
      server.url,
      `/v1/audio/stream?${query}`,
      `Authorization: Bearer ${TEST_KEY}`,
    );
    connection.close();
    return answer;
  };
  await assertError(await ask('model=nobody'), { status: 404, code: 'model_not_found', param: 'model' });
  await assertError(await ask('model=tone-voice'), { status: 404, code: 'model_not_found', param: 'model' });
  await assertError(await ask('language=xx'), { status: 400, code: 'unsupported_by_model', param: 'language' });
  await assertError(await ask('sample_rate=1'), { status: 400, code: 'unsupported_value', param: 'sample_rate' });
  await assertError(await ask('encoding=mp3'), { status: 400, code: 'unsupported_value', param: 'encoding' });
  await assertError(await ask('sample_rate=8000&sample_rate=9000'), { status: 400, code: 'invalid_request' });
  await assertError(await ask('punctuate=true'), { status: 400, code: 'invalid_request', param: 'punctuate' });
  assert.equal((await ask('model=whisper-1&language=en')).status, 101);
});

test('every socket of the server declares who may open it, and lets in nobody else', async () => {
  const sockets = server.server.routes.filter(({ socket }) => socket);
  assert.ok(sockets.some(({ url }) => url === '/v1/audio/stream'));
  const { token } = await makeKey(server, ['worker']);
  for (const { url, method, policy } of sockets) {
    assert.equal(method, 'GET');
    assert.equal(policy.access, 'key', `${url} needs a key`);
    for (const [header, status] of [
      ['X: y', 401],
      [`Authorization: Bearer ${token}`, 403],
    ] as const) {
      const { connection, answer } = await knock(server.url, url, header);
      assert.equal(answer.status, status, url);
      connection.close();
    }
  }
});

test('revoking the key ends the session with its reason', async () => {
  const { token, key } = await makeKey(server, ['speech']);
  const { events, closed } = await connect(PATH, server, token);
  await withKeys(server, (keys) => keys.revoke(key.id));
  assert.equal(await closed, 4001);
  assert.deepEqual(
    events.map(({ type, reason }) => reason ?? type),
    ['session.begin', 'key_ended'],
  );
});

test('nonsense in every form is answered, ends no session and harms no other', async () => {
  const beside = await connect();
  const { socket, events, finals, stop } = await connect();
  let state = 7;
  const dice = (sides: number) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * sides);
  };
  const seeds = [
    '{"type":"stop"}',
    '{"type":"config","endpointing":300}',
    '{"type":"finalize"}',
    '[[[[',
    '{"a":{"b":[1e999]}}',
  ];
  for (let i = 0; i < 1000; i++) {
    const text = [...seeds[dice(seeds.length)]!];
    for (let n = 0; n <= dice(4); n++) text[dice(text.length)] = String.fromCodePoint(dice(0xd000));
    const mutated = text.join('');
    if (!/"type"\s*:\s*"stop"/.test(mutated)) socket.send(mutated);
  }
  socket.send('{"type":"keep_alive"}');
  await until(() => events.filter(({ type }) => type === 'error').length > 500);
  socket.send(spoken);
  socket.send(pause(1000));
  await until(() => finals().length === 1);
  assert.equal(await stop(), 1000);
  beside.socket.send(spoken);
  await beside.stop();
  assert.deepEqual(beside.finals(), ['one two three.']);
});

test('clients that leave at any point leave nothing behind', async () => {
  const steps = [
    handshake(PATH, `Authorization: Bearer ${TEST_KEY}`),
    frame({ opcode: OPCODE.binary, payload: spoken.subarray(0, 20_001) }),
    frame({ opcode: OPCODE.binary, payload: spoken.subarray(20_001) }),
    frame({ opcode: OPCODE.binary, payload: pause(800) }),
    frame({ opcode: OPCODE.text, payload: '{"type":"stop"}' }),
  ];
  for (let leave = 1; leave <= steps.length; leave++) {
    for (const wait of [false, true]) {
      const connection = await RawConnection.open(server.url);
      for (const step of steps.slice(0, leave)) await connection.write(step);
      if (wait) await until(() => connection.received.length > 0);
      connection.socket.resetAndDestroy();
    }
  }
  await assertUnharmed(server);
});

test('a recording that comes much faster than it was spoken is heard whole', async (t) => {
  const narrow = await serveDuring(t, { tones: true, env: { ...TONES, OS_LIVE_BACKLOG_S: '10' } });
  // Without the detector, whose pauses would also be those of a machine that has too much to do.
  const { socket, events, finals, stop } = await connect(`${PATH}&vad=false`, narrow);
  const times = 30;
  for (let i = 0; i < times; i++) {
    for (let at = 0; at < spoken.length; at += 960) socket.send(spoken.subarray(at, at + 960));
    socket.send('{"type":"finalize"}');
  }
  assert.equal(await stop(), 1000);
  assert.deepEqual(
    events.filter(({ type }) => type === 'error'),
    [],
  );
  assert.deepEqual(
    finals(),
    Array.from({ length: times }, () => 'one two three.'),
  );
});

test('at shutdown what was said is told, then why it ends, and the server leaves', async (t) => {
  const leaving = await serveDuring(t, { tones: true, env: TONES });
  const { socket, events, finals, closed } = await connect(PATH, leaving);
  socket.send(spoken);
  await until(() => events.some(({ state }) => state === 'speech_start'));
  await leaving.server.close();
  assert.equal(await closed, 1001);
  assert.deepEqual(finals(), ['one two three.']);
  assert.equal(events.at(-1)!.reason, 'server_shutdown');
});

test('STT_ENABLED=false offers no such socket', async (t) => {
  const mute = await serveDuring(t, { env: { STT_ENABLED: 'false' } });
  const { connection, answer } = await knock(mute.url, '/v1/audio/stream', `Authorization: Bearer ${TEST_KEY}`);
  await assertError(answer, { status: 404, code: 'not_found' });
  connection.close();
});
