/** How a socket opens, and every way in which it does not. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import type { ErrorCode } from '../src/errors.ts';
import { assertError } from './support/answers.ts';
import { ECHO_KEY, type EchoServer, echoDuring } from './support/echo-sockets.ts';
import { handshake, knock } from './support/frames.ts';
import { exchange, RawConnection, requestHead } from './support/raw.ts';
import { until } from './support/until.ts';

const BEARER = `Authorization: Bearer ${ECHO_KEY}`;

/** Asks, and says goodbye to what opened. */
async function ask(server: EchoServer, path: string, ...headers: string[]) {
  const { connection, answer } = await knock(server.url, path, ...headers);
  connection.close();
  return answer;
}

async function ticketFor(server: EchoServer, path: string, key = ECHO_KEY): Promise<string> {
  const answer = await fetch(`${server.url}/v1/socket-tickets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: JSON.stringify({ path }),
  });
  assert.equal(answer.status, 200);
  assert.equal(answer.headers.get('cache-control'), 'no-store');
  const { ticket } = (await answer.json()) as { ticket: string };
  return ticket;
}

test('every way to send a key opens a socket, and selects no protocol that holds the key', async (t) => {
  const server = await echoDuring(t);
  const ways: [string, string[], string | undefined][] = [
    ['/echo', [BEARER], undefined],
    ['/echo', [`authorization: bearer ${ECHO_KEY}`], undefined],
    ['/echo', [`Authorization: Token ${ECHO_KEY}`], undefined],
    ['/echo', [`Authorization: TOKEN ${ECHO_KEY}`], undefined],
    ['/echo', [`api-key: ${ECHO_KEY}`], undefined],
    ['/echo', [`Sec-WebSocket-Protocol: token, ${ECHO_KEY}`], 'token'],
    ['/echo', [`Sec-WebSocket-Protocol: bearer,${ECHO_KEY}`], 'bearer'],
    ['/speaks', [`Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.${ECHO_KEY}`], 'realtime'],
    ['/speaks', [`Sec-WebSocket-Protocol: openai-insecure-api-key.${ECHO_KEY}, x, realtime`], 'realtime'],
    ['/speaks', [BEARER, 'Sec-WebSocket-Protocol: realtime'], 'realtime'],
    ['/speaks', [BEARER], undefined],
    ['/echo/', [BEARER], undefined],
    ['/echo?x=1', [BEARER], undefined],
  ];
  for (const [path, headers, protocol] of ways) {
    const answer = await ask(server, path, ...headers);
    assert.equal(answer.status, 101, headers.join());
    assert.equal(answer.headers['sec-websocket-protocol'], protocol);
    assert.equal(answer.headers['sec-websocket-extensions'], undefined);
    assert.match(answer.headers['x-request-id']!, /^req_[0-9a-f]{24}$/);
    assert.ok(!JSON.stringify(answer.headers).includes(ECHO_KEY));
  }
  assert.ok(!server.log.join('').includes(ECHO_KEY));
});

test('whatever is wrong with a handshake is an HTTP answer, and the connection ends behind it', async (t) => {
  const env = { OS_MAX_AUTH_FAILURES: '1000' };
  const server = await echoDuring(t, { env });
  const { token: reader } = await server.keys.create({ name: 'reader', scopes: ['models:read'] });
  const refusals: [string, string[], number, ErrorCode][] = [
    ['/echo', [], 401, 'invalid_api_key'],
    ['/echo', ['Authorization: Bearer wrong'], 401, 'invalid_api_key'],
    ['/echo', [`Authorization: Basic ${ECHO_KEY}`], 401, 'invalid_api_key'],
    ['/echo', [`X-Api-Key: ${ECHO_KEY}`], 401, 'invalid_api_key'],
    ['/echo', ['api-key: wrong'], 401, 'invalid_api_key'],
    ['/echo', ['Authorization: Bearer wrong', `api-key: ${ECHO_KEY}`], 401, 'invalid_api_key'],
    ['/echo', ['Sec-WebSocket-Protocol: token, wrong'], 401, 'invalid_api_key'],
    ['/echo', [`Sec-WebSocket-Protocol: ${ECHO_KEY}`], 401, 'invalid_api_key'],
    ['/speaks', ['Sec-WebSocket-Protocol: realtime, openai-insecure-api-key.wrong'], 401, 'invalid_api_key'],
    [`/echo?api_key=${ECHO_KEY}`, [], 401, 'invalid_api_key'],
    [`/echo?ticket=${ECHO_KEY}`, [], 401, 'invalid_api_key'],
    ['/echo?ticket=st_wrong', [], 401, 'invalid_api_key'],
    ['/echo', [`Authorization: Bearer ${reader}`], 403, 'insufficient_scope'],
    ['/echo', [BEARER, 'Host: evil.example'], 403, 'host_not_allowed'],
    ['/echo', [BEARER, 'Origin: https://evil.example'], 403, 'origin_not_allowed'],
    ['/echo', [BEARER, 'Origin: null'], 403, 'origin_not_allowed'],
    ['/echo', [BEARER, 'Sec-WebSocket-Version: 8'], 426, 'upgrade_required'],
    ['/echo', [BEARER, 'Sec-WebSocket-Version: '], 426, 'upgrade_required'],
    ['/echo', [BEARER, 'Sec-WebSocket-Key: AAAA'], 400, 'invalid_request'],
    ['/echo', [BEARER, 'Sec-WebSocket-Key: '], 400, 'invalid_request'],
    ['/echo', [BEARER, 'Sec-WebSocket-Protocol: a b'], 400, 'invalid_request'],
    ['/echo', [BEARER, 'Sec-WebSocket-Protocol: a, a'], 400, 'invalid_request'],
    ['/echo', [BEARER, 'Sec-WebSocket-Protocol: graphql-ws'], 400, 'invalid_request'],
    ['/speaks', [BEARER, 'Sec-WebSocket-Protocol: openai-beta.realtime-v1'], 400, 'invalid_request'],
    ['/nowhere', [BEARER], 404, 'not_found'],
    ['/health/x', [BEARER], 404, 'not_found'],
  ];
  for (const [path, headers, status, code] of refusals) {
    const { connection, answer } = await knock(server.url, path, ...headers);
    await assertError(answer, { status, code });
    assert.equal(answer.headers['sec-websocket-accept'], undefined);
    // What is no socket is an ordinary request, whose connection may go on.
    if (status !== 404) await connection.end();
    connection.close();
  }
  const wrongVersion = await ask(server, '/echo', BEARER, 'Sec-WebSocket-Version: 8');
  assert.equal(wrongVersion.headers['sec-websocket-version'], '13');
  assert.deepEqual(server.sessions, []);
});

test('a plain request for a socket is told to upgrade, once it has shown a key', async (t) => {
  const server = await echoDuring(t);
  await assertError(await fetch(`${server.url}/echo`), { status: 401, code: 'invalid_api_key' });
  const plain = await exchange(server.url, requestHead('GET /echo', BEARER));
  await assertError(plain, { status: 426, code: 'upgrade_required' });
  assert.equal(plain.headers.upgrade, 'websocket');
  const odd = [
    requestHead('GET /echo', BEARER, 'Upgrade: h2c', 'Connection: Upgrade'),
    requestHead('GET /echo', BEARER, 'Upgrade: websocket'),
    `${handshake('/echo', BEARER, 'Content-Length: 5')}hello`,
    `${handshake('/echo', BEARER, 'Transfer-Encoding: chunked')}0\r\n\r\n`,
    handshake('/echo', BEARER).replace('HTTP/1.1', 'HTTP/1.0'),
    requestHead('GET /%65cho', BEARER, 'Upgrade: websocket', 'Connection: Upgrade'),
  ];
  for (const request of odd) {
    await assertError(await exchange(server.url, request), { status: 426, code: 'upgrade_required' });
  }
  const posted = await exchange(
    server.url,
    requestHead('POST /echo', BEARER, 'Upgrade: websocket', 'Connection: Upgrade'),
  );
  assert.ok([404, 405].includes(posted.status));
});

test('pages of our own origin and of the listed ones may open sockets, with a key; others may not', async (t) => {
  const env = { OS_CORS_ORIGINS: 'https://app.example.org', OS_WS_ALLOWED_ORIGINS: 'https://live.example.org' };
  const server = await echoDuring(t, { env });
  const matrix: [string, boolean][] = [
    [server.url, true],
    ['https://app.example.org', true],
    ['https://live.example.org', true],
    ['http://live.example.org', false],
    ['https://live.example.org:8443', false],
    ['https://live.example.org.evil.example', false],
    ['http://127.0.0.1:1', false],
    ['', false],
  ];
  const { host } = new URL(server.url);
  for (const [origin, allowed] of matrix) {
    const headers = [`Host: ${host}`, `Origin: ${origin}`];
    assert.equal((await ask(server, '/echo', BEARER, ...headers)).status, allowed ? 101 : 403, origin);
    assert.equal((await ask(server, '/echo', ...headers)).status, allowed ? 401 : 403, origin);
  }
  const elsewhere = requestHead('GET /echo', BEARER, `Host: ${host}`, 'Origin: https://live.example.org');
  assert.equal((await exchange(server.url, elsewhere)).status, 426);
  const other = await fetch(`${server.url}/v1/socket-tickets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ECHO_KEY}`, origin: 'https://live.example.org' },
  });
  await assertError(other, { status: 403, code: 'origin_not_allowed' });
});

test('a ticket opens its socket once, from a page too, and no other', async (t) => {
  const server = await echoDuring(t);
  const ticket = await ticketFor(server, '/echo');
  const page = [`Host: ${new URL(server.url).host}`, `Origin: ${server.url}`];
  assert.equal((await ask(server, `/echo?ticket=${ticket}`, ...page)).status, 101);
  await assertError(await ask(server, `/echo?ticket=${ticket}`), { status: 401, code: 'invalid_api_key' });

  const wrongDoor = await ticketFor(server, '/echo');
  await assertError(await ask(server, `/other?ticket=${wrongDoor}`), { status: 401, code: 'invalid_api_key' });
  await assertError(await ask(server, `/echo?ticket=${wrongDoor}`), { status: 401, code: 'invalid_api_key' });

  const asKey = { authorization: `Bearer ${await ticketFor(server, '/echo')}`, 'content-type': 'application/json' };
  const bought = await fetch(`${server.url}/v1/socket-tickets`, {
    method: 'POST',
    headers: asKey,
    body: '{"path":"/echo"}',
  });
  await assertError(bought, { status: 401, code: 'invalid_api_key' });
  assert.ok(!server.log.join('').includes('st_'));
});

test('a ticket is sold for a socket that there is, to a key that may open it, and dies with that key', async (t) => {
  const server = await echoDuring(t);
  const buy = (key: string, body: object) =>
    fetch(`${server.url}/v1/socket-tickets`, {
      method: 'POST',
      headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  const nowhere = await buy(ECHO_KEY, { path: '/health' });
  await assertError(nowhere, { status: 400, code: 'invalid_request', param: 'path', says: /'\/echo'/ });
  await assertError(await buy(ECHO_KEY, {}), { status: 400, code: 'invalid_request', param: 'path' });
  const { token: reader } = await server.keys.create({ name: 'reader', scopes: ['models:read'] });
  await assertError(await buy(reader, { path: '/echo' }), { status: 403, code: 'insufficient_scope' });
  await assertError(await buy('wrong', { path: '/echo' }), { status: 401, code: 'invalid_api_key' });

  const { token, key } = await server.keys.create({ name: 'speaker', scopes: ['speech'] });
  const ticket = await ticketFor(server, '/echo', token);
  await server.keys.revoke(key.id);
  await assertError(await ask(server, `/echo?ticket=${ticket}`), { status: 401, code: 'invalid_api_key' });
});

test('a ticket that comes late opens nothing, and as many as permitted may wait', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_TICKET_S: '1', OS_WS_MAX_TICKETS: '2' } });
  const ticket = await ticketFor(server, '/echo');
  await ticketFor(server, '/echo');
  const third = await fetch(`${server.url}/v1/socket-tickets`, {
    method: 'POST',
    headers: { authorization: `Bearer ${ECHO_KEY}`, 'content-type': 'application/json' },
    body: '{"path":"/echo"}',
  });
  await assertError(third, { status: 503, code: 'overloaded' });
  await until(() => server.front.tickets.size() < 2 || ticketsEnded(server));
  assert.equal((await ask(server, `/echo?ticket=${ticket}`)).status, 401);
});

/** Tickets are forgotten when the next one is bought or shown. */
function ticketsEnded(server: EchoServer): boolean {
  server.front.tickets.redeem(`st_${'x'.repeat(43)}`, '/');
  return server.front.tickets.size() === 0;
}

test('wrong keys at sockets count against the address as they do at routes', async (t) => {
  const server = await echoDuring(t, { env: { OS_MAX_AUTH_FAILURES: '3' } });
  for (let i = 0; i < 3; i++) assert.equal((await ask(server, '/echo', 'api-key: wrong')).status, 401);
  await assertError(await ask(server, '/echo', BEARER), { status: 429, code: 'rate_limit_exceeded' });
  assert.ok(server.security.some(({ event }) => event === 'address_blocked'));
});

test('an address may try as many handshakes as permitted', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_MAX_HANDSHAKES: '3' } });
  for (const header of [BEARER, 'X: y', BEARER]) await ask(server, '/echo', header);
  await assertError(await ask(server, '/echo', BEARER), { status: 429, code: 'rate_limit_exceeded' });
  assert.equal((await fetch(`${server.url}/health`)).status, 200);
});

test("handshakes count against a key's rate", async (t) => {
  const server = await echoDuring(t);
  const { token } = await server.keys.create({ name: 'slow', scopes: ['speech'], requestsPerMinute: 2 });
  for (const status of [101, 101, 429]) {
    assert.equal((await ask(server, '/echo', `Authorization: Token ${token}`)).status, status);
  }
});

test('a key and the server have as many sockets open as permitted, and one that closes makes room', async (t) => {
  const server = await echoDuring(t, { env: { OS_STREAM_MAX_CONNECTIONS: '3', OS_WS_MAX_PER_KEY: '2' } });
  const { token } = await server.keys.create({ name: 'other', scopes: ['speech'] });
  const other = `Authorization: Bearer ${token}`;
  const first = await knock(server.url, '/echo', BEARER);
  await knock(server.url, '/other', BEARER);
  await assertError(await ask(server, '/echo', BEARER), { status: 429, code: 'rate_limit_exceeded' });
  const third = await knock(server.url, '/echo', other);
  assert.equal(third.answer.status, 101);
  await assertError(await ask(server, '/echo', other), { status: 503, code: 'overloaded' });
  first.connection.close();
  await until(() => server.front.sockets.size === 2);
  assert.equal((await knock(server.url, '/echo', BEARER)).answer.status, 101);
});

test('OS_STREAM_MAX_CONNECTIONS=0 allows none', async (t) => {
  const server = await echoDuring(t, { env: { OS_STREAM_MAX_CONNECTIONS: '0' } });
  await assertError(await ask(server, '/echo', BEARER), { status: 503, code: 'overloaded' });
});

test('a thousand half-open handshakes keep nobody out', async (t) => {
  const server = await echoDuring(t, { env: { OS_MAX_CONNECTIONS: '400', OS_MAX_SILENT_CONNECTIONS: '100' } });
  const half = handshake('/echo', BEARER).slice(0, -4);
  const open: RawConnection[] = [];
  const speaker = new WebSocket(`${server.wsUrl}/echo`, { headers: { authorization: `Bearer ${ECHO_KEY}` } });
  await once(speaker, 'open');
  for (let i = 0; i < 1000; i++) {
    const connection = await RawConnection.open(server.url);
    open.push(connection);
    await connection.write(i % 2 === 0 ? half : '');
    if (i % 250 === 249) {
      assert.equal((await ask(server, '/echo', BEARER)).status, 101, `after ${i + 1}`);
      assert.equal((await exchange(server.url, requestHead('GET /health'))).status, 200);
    }
  }
  await until(() => open.filter(({ ended }) => !ended).length <= 100);
  speaker.send('still here');
  const [message] = await once(speaker, 'message');
  assert.deepEqual(JSON.parse(String(message)), { echo: 'still here' });
  speaker.terminate();
  for (const connection of open) connection.close();
});

test('clients that leave in the middle of a handshake leave nothing behind', async (t) => {
  const server = await echoDuring(t);
  for (let i = 0; i < 200; i++) {
    const connection = await RawConnection.open(server.url);
    const whole = handshake('/echo', i % 3 === 0 ? 'X: y' : BEARER);
    void connection.write(whole.slice(0, i % 5 === 0 ? i : undefined));
    if (i % 2 === 0) await new Promise(setImmediate);
    connection.close();
  }
  await until(() => server.front.sockets.size === 0);
  assert.equal((await ask(server, '/echo', BEARER)).status, 101);
});

test('a handshake behind a request that is not answered yet is a request like it, and each gets its answer', async (t) => {
  const server = await echoDuring(t);
  const health = requestHead('GET /health');
  for (const [before, last] of [
    [1, handshake('/echo', BEARER)],
    [1, handshake('/echo')],
    [5, handshake('/echo', BEARER).repeat(2)],
  ] as const) {
    const connection = await RawConnection.open(server.url);
    await connection.write(health.repeat(before) + last);
    for (let i = 0; i < before; i++) assert.equal((await connection.answer()).status, 200);
    assert.equal((await connection.answer()).status, last.includes(ECHO_KEY) ? 426 : 401);
    connection.close();
  }
  // Once everything before it is answered, it opens.
  const connection = await RawConnection.open(server.url);
  await connection.write(health);
  assert.equal((await connection.answer()).status, 200);
  await connection.write(handshake('/echo', BEARER));
  assert.equal((await connection.answerOrSwitch()).status, 101);
  connection.close();
});

test('where too many handshakes are being decided, the next is told to come back', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_MAX_PENDING_HANDSHAKES: '1' } });
  const { token } = await server.keys.create({ name: 'k', scopes: ['speech'] });
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => ask(server, '/echo', `Authorization: Bearer ${token}`)),
  );
  const statuses = new Set(answers.map(({ status }) => status));
  assert.ok(statuses.has(101));
  for (const answer of answers.filter(({ status }) => status !== 101)) {
    await assertError(answer, { status: 503, code: 'overloaded' });
  }
  assert.equal((await ask(server, '/echo', `Authorization: Bearer ${token}`)).status, 101);
});

test('OS_AUTH_DISABLED opens sockets to everyone on loopback, but to no foreign page', async (t) => {
  const server = await echoDuring(t, { env: { OS_AUTH_DISABLED: 'true', OS_API_KEY: '' } });
  assert.equal((await ask(server, '/echo')).status, 101);
  assert.equal((await ask(server, '/echo', 'Origin: https://evil.example')).status, 403);
});
