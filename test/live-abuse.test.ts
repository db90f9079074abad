/** Who may use the live sockets, how many at once, and what happens to clients that do not read. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertError, assertUnharmed } from './support/answers.ts';
import { knock } from './support/frames.ts';
import { makeKey, withKeys } from './support/keys.ts';
import { LiveSocket, metric, TONES } from './support/live.ts';
import type { RawConnection } from './support/raw.ts';
import { serveDuring, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const PATHS = [
  '/v1/audio/stream',
  '/v1/listen?encoding=linear16&sample_rate=16000',
  '/v1/speak',
  '/v1/realtime?model=gpt-realtime',
];
const bare = (path: string): string => path.split('?')[0]!;

/** The status of the answer to a handshake; what opened is closed. */
async function ask(server: TestServer, path: string, ...headers: string[]) {
  const { connection, answer } = await knock(server.url, path, ...headers);
  connection.close();
  return answer;
}

const post = (server: TestServer, path: string, body: object, key = server.key) =>
  server.fetch(path, {
    method: 'POST',
    body: JSON.stringify(body),
    headers: { 'content-type': 'application/json', authorization: `Bearer ${key}` },
  });

test('sockets of every protocol count together, for a key and for the server, and one that closes makes room', async (t) => {
  const server = await serveDuring(t, {
    tones: true,
    env: { ...TONES, OS_WS_MAX_PER_KEY: '2', OS_STREAM_MAX_CONNECTIONS: '3' },
  });
  const other = (await makeKey(server, ['speech'])).token;
  const open: RawConnection[] = [];
  for (const path of PATHS.slice(0, 2)) {
    const { connection, answer } = await knock(server.url, path, `Authorization: Bearer ${TEST_KEY}`);
    assert.equal(answer.status, 101);
    open.push(connection);
  }
  for (const path of PATHS) {
    const answer = await ask(server, path, `Authorization: Bearer ${TEST_KEY}`);
    await assertError(answer, { status: 429, code: 'rate_limit_exceeded' });
  }
  const { connection, answer } = await knock(server.url, PATHS[3]!, `Authorization: Bearer ${other}`);
  assert.equal(answer.status, 101);
  for (const path of PATHS) {
    await assertError(await ask(server, path, `Authorization: Bearer ${other}`), { status: 503, code: 'overloaded' });
  }
  assert.equal(await metric(server, 'live_sessions{kind="listening"}'), 3, 'refused handshakes left no session');
  open[0]!.close();
  await until(async () => (await ask(server, PATHS[2]!, `Authorization: Bearer ${TEST_KEY}`)).status === 101);
  for (const each of [...open, connection]) each.close();
  await until(async () => (await metric(server, 'live_sessions{kind="listening"}')) === 0);
  await assertUnharmed(server);
});

test('pages of other origins open no live socket, with whatever key; a ticket opens its own path once', async (t) => {
  const server = await serveDuring(t, { tones: true, env: TONES });
  for (const path of PATHS) {
    const foreign = await ask(server, path, 'Origin: https://evil.example', `Authorization: Bearer ${TEST_KEY}`);
    assert.equal(foreign.status, 403, path);
    const ours = await ask(
      server,
      path,
      `Origin: ${server.url}`,
      `Authorization: Bearer ${TEST_KEY}`,
      `Host: ${new URL(server.url).host}`,
    );
    assert.equal(ours.status, 101, path);

    const { ticket } = (await (await post(server, '/v1/socket-tickets', { path: bare(path) })).json()) as {
      ticket: string;
    };
    const withTicket = `${path}${path.includes('?') ? '&' : '?'}ticket=${ticket}`;
    assert.equal((await ask(server, withTicket)).status, 101, path);
    assert.equal((await ask(server, withTicket)).status, 401, path);
    const wrong = PATHS[(PATHS.indexOf(path) + 1) % PATHS.length]!;
    const next = (await (await post(server, '/v1/socket-tickets', { path: bare(path) })).json()) as { ticket: string };
    assert.equal((await ask(server, `${wrong}${wrong.includes('?') ? '&' : '?'}ticket=${next.ticket}`)).status, 401);
  }
});

test('a client secret opens Realtime sockets alone, as many as live at once may, and ends with its key', async (t) => {
  const server = await serveDuring(t, { tones: true, env: { ...TONES, OS_MAX_CLIENT_SECRETS: '4' } });
  const { token, key } = await makeKey(server, ['speech']);
  const make = () => post(server, '/v1/realtime/client_secrets', { session: { type: 'realtime' } }, token);
  const { value } = (await (await make()).json()) as { value: string };
  for (const path of PATHS) {
    const answer = await ask(server, path, `Authorization: Bearer ${value}`);
    assert.equal(answer.status, bare(path) === '/v1/realtime' ? 101 : 401, path);
  }
  for (const [path, body] of [
    ['/v1/audio/speech', { input: 'x', model: 'tone-voice', voice: 'tone-0' }],
    ['/v1/realtime/client_secrets', {}],
    ['/v1/socket-tickets', { path: '/v1/realtime' }],
  ] as const) {
    await assertError(await post(server, path, body, value), { status: 401, code: 'invalid_api_key' });
  }
  assert.equal((await make()).status, 200);
  await assertError(await make(), { status: 503, code: 'overloaded' });
  assert.equal((await post(server, '/v1/realtime/client_secrets', {})).status, 200, 'another key has its own share');

  const live = await LiveSocket.open(server, '/v1/realtime?model=gpt-realtime', value);
  await live.until('session.created');
  await withKeys(server, (keys) => keys.revoke(key.id));
  assert.equal(await live.closed(), 4001);
  assert.equal(live.told.at(-1)!.error.code, 'session_ended');
  await until(async () => (await ask(server, PATHS[3]!, `Authorization: Bearer ${value}`)).status === 401);
});

test('an answer waits for a client that does not read it, in little room, and is whole when it reads on', async (t) => {
  const buffer = { OS_WS_MAX_BUFFER_KB: '64', OS_RESPONSE_IDLE_S: '60' };
  const server = await serveDuring(t, { tones: true, env: { ...TONES, ...buffer } });
  const live = await LiveSocket.open(server, '/v1/realtime?model=gpt-realtime');
  live.send({ type: 'response.create', response: { instructions: 'a long answer to read. '.repeat(400) } });
  await live.until('response.output_audio.delta');
  live.socket.pause();
  await sleep(1500);
  assert.equal(live.code, undefined);
  live.socket.resume();
  live.send({ type: 'response.cancel' });
  assert.match((await live.until('response.done')).response.status, /^(cancelled|completed)$/);
  live.send({ type: 'response.create', response: { instructions: 'still here' } });
  assert.equal((await live.until('response.done', 2)).response.status, 'completed');
  live.socket.close();
  await live.closed();
  await assertUnharmed(server);
});

test('a client that never reads on is closed, its answer ends, and operators see why', async (t) => {
  const buffer = { OS_WS_MAX_BUFFER_KB: '64', OS_RESPONSE_IDLE_S: '1' };
  const server = await serveDuring(t, { tones: true, env: { ...TONES, ...buffer } });
  const asked = {
    '/v1/realtime?model=gpt-realtime': {
      type: 'response.create',
      response: { instructions: 'a long answer. '.repeat(1500) },
    },
    '/v1/speak': { type: 'Speak', text: 'a long text. '.repeat(2000) },
  };
  const closings = Object.entries(asked).map(async ([path, message]) => {
    const live = await LiveSocket.open(server, path);
    live.send(message);
    await until(() => live.types().some((type) => type === 'binary' || type === 'response.output_audio.delta'));
    live.socket.pause();
    const closed = `sockets_closed_total{route="${bare(path)}",code="4013"}`;
    await until(async () => (await metric(server, closed)) === 1);
    live.socket.terminate();
  });
  await Promise.all(closings);
  await assertUnharmed(server);
});
