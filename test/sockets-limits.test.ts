/** What an open socket may do, each bound from both sides, and how it ends. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { type TestContext, test } from 'node:test';
import { type ClientOptions, WebSocket } from 'ws';
import { CLOSE } from '../src/api/sockets/close-codes.ts';
import { ECHO_KEY, type EchoServer, echoDuring } from './support/echo-sockets.ts';
import { frame, framesIn, handshake, knock, OPCODE } from './support/frames.ts';
import { RawConnection } from './support/raw.ts';
import { until } from './support/until.ts';

const BEARER = `Authorization: Bearer ${ECHO_KEY}`;

/** A real client; `closed` is the code it was told. */
async function connect(server: EchoServer, path = '/echo', key = ECHO_KEY, options: ClientOptions = {}) {
  const socket = new WebSocket(server.wsUrl + path, { headers: { authorization: `Bearer ${key}` }, ...options });
  const messages: (string | Buffer)[] = [];
  socket.on('message', (data: Buffer, isBinary) => messages.push(isBinary ? data : data.toString()));
  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.once('close', (code, reason) => resolve({ code, reason: String(reason) }));
  });
  await once(socket, 'open');
  return { socket, messages, closed };
}

/** A socket on which the test writes every byte; it answers nothing by itself. */
async function connectRaw(server: EchoServer, t: TestContext, path = '/echo') {
  const { connection, answer } = await knock(server.url, path, BEARER);
  assert.equal(answer.status, 101);
  t.after(() => connection.close());
  return connection;
}

test('text and binary come back as what they were', async (t) => {
  const server = await echoDuring(t);
  const { socket, messages, closed } = await connect(server);
  socket.send('grüße 🎙');
  socket.send(new Uint8Array([1, 2, 255]));
  socket.send('');
  await until(() => messages.length === 3);
  assert.deepEqual(messages, ['{"echo":"grüße 🎙"}', Buffer.from([1, 2, 255]), '{"echo":""}']);
  socket.close(1000, 'bye');
  assert.equal((await closed).code, 1000);
  await until(() => server.front.sockets.size === 0);
});

test('what a client sends right behind its handshake is not lost', async (t) => {
  const server = await echoDuring(t);
  const connection = await RawConnection.open(server.url);
  const early = frame({ opcode: OPCODE.binary, payload: 'early' });
  await connection.write(Buffer.concat([Buffer.from(handshake('/echo', BEARER)), early]));
  assert.equal((await connection.answerOrSwitch()).status, 101);
  await until(() => framesIn(connection.received).length === 1);
  assert.equal(framesIn(connection.received)[0]!.payload.toString(), 'early');
  connection.close();
});

test('a message of exactly the limit is read, one byte more closes the socket', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_MAX_MESSAGE_KB: '4' } });
  const { socket, messages, closed } = await connect(server);
  socket.send(Buffer.alloc(4096));
  await until(() => messages.length === 1);
  socket.send(Buffer.alloc(4097));
  assert.equal((await closed).code, CLOSE.tooBig);

  const pieces = await connect(server);
  for (let i = 0; i < 4; i++) pieces.socket.send(Buffer.alloc(1024), { fin: i === 3 });
  await until(() => pieces.messages.length === 1);
  for (let i = 0; i < 5; i++) pieces.socket.send(Buffer.alloc(1024), { fin: i === 4 });
  assert.equal((await pieces.closed).code, CLOSE.tooBig);

  const liar = await connectRaw(server, t);
  await liar.write(frame({ opcode: OPCODE.binary, length: 2n ** 53n - 1n }));
  await until(() => framesIn(liar.received).length === 1);
  assert.deepEqual(framesIn(liar.received)[0]!.payload.readUInt16BE(), CLOSE.tooBig);
});

test('a message of exactly as many frames as permitted is read, one more closes the socket', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_MAX_FRAGMENTS: '8' } });
  const { socket, messages, closed } = await connect(server);
  for (let i = 0; i < 8; i++) socket.send('x', { fin: i === 7 });
  await until(() => messages.length === 1);
  assert.equal(messages[0], '{"echo":"xxxxxxxx"}');
  for (let i = 0; i < 9; i++) socket.send('', { fin: i === 8 });
  assert.equal((await closed).code, CLOSE.policy);
});

test('a socket that understands no binary says so and closes', async (t) => {
  const server = await echoDuring(t);
  const { socket, messages, closed } = await connect(server, '/text');
  socket.send('words');
  await until(() => messages.length === 1);
  socket.send(Buffer.from('bytes'));
  assert.deepEqual(await closed, { code: CLOSE.wrongKind, reason: 'Only text messages are understood here.' });
});

test('messages that come too fast are read later, all of them, and harm nobody else', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_MAX_EVENTS_PER_S: '200' } });
  const { socket, messages } = await connect(server);
  const startedAt = performance.now();
  for (let i = 0; i < 500; i++) socket.send(String(i));
  const beside = await connect(server);
  beside.socket.send('quick');
  await until(() => beside.messages.length === 1);
  await until(() => messages.length === 500);
  assert.deepEqual(messages.at(-1), '{"echo":"499"}');
  // Once more: what came is paid for before anything else is read.
  socket.send('late');
  await until(() => messages.length === 501);
  const permitted = 200 + ((performance.now() - startedAt) / 1000) * 200;
  assert.ok(messages.length <= permitted + 1, `${messages.length} of ${permitted}`);
  socket.terminate();
  beside.socket.terminate();
});

test('bytes that come too fast are read later', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_MAX_KB_PER_S: '100' } });
  const { socket, messages } = await connect(server);
  const startedAt = performance.now();
  socket.send(Buffer.alloc(200 * 1024));
  await until(() => messages.length === 1);
  socket.send('late');
  await until(() => messages.length === 2);
  const permitted = 100 + ((performance.now() - startedAt) / 1000) * 100;
  assert.ok(permitted >= 200, String(permitted));
  socket.terminate();
});

test('a short message that has a long answer counts as much as the answer', async (t) => {
  const server = await echoDuring(t, {
    env: { OS_WS_MAX_KB_PER_S: '100' },
    handlers: (session) => ({ text: () => session.send({ long: 'x'.repeat(100 * 1024) }) }),
  });
  const { socket, messages } = await connect(server);
  const startedAt = performance.now();
  for (let i = 0; i < 3; i++) {
    socket.send('?');
    await until(() => messages.length === i + 1);
  }
  const permitted = 100 + ((performance.now() - startedAt) / 1000) * 100;
  assert.ok(permitted >= 200, String(permitted));
  socket.terminate();
});

test('a session can charge its client for what a message costs', async (t) => {
  const server = await echoDuring(t, {
    env: { OS_WS_MAX_KB_PER_S: '100' },
    handlers: (session) => ({
      text: () => {
        session.charge(200 * 1024);
        session.send({});
      },
    }),
  });
  const { socket, messages } = await connect(server);
  const startedAt = performance.now();
  for (let i = 0; i < 2; i++) {
    socket.send('?');
    await until(() => messages.length === i + 1);
  }
  const permitted = 100 + ((performance.now() - startedAt) / 1000) * 100;
  assert.ok(permitted >= 200, String(permitted));
  socket.terminate();
});

test('a flood of pings is answered within bounds or ended, and harms nobody else', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_MAX_EVENTS_PER_S: '100' } });
  const flood = await connectRaw(server, t);
  const ping = frame({ opcode: OPCODE.ping, payload: Buffer.alloc(125) });
  flood.socket.write(Buffer.concat(Array.from({ length: 20_000 }, () => ping)));
  const { socket, messages } = await connect(server);
  socket.send('through');
  await until(() => messages.length === 1);
  await until(() => flood.ended || server.sessions[0]!.unreadBytes < 1024 * 1024);
  socket.terminate();
});

test('a socket on which nothing is said is closed, one that speaks is not', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_IDLE_TIMEOUT_S: '1' } });
  const silent = await connect(server);
  const speaking = await connect(server);
  const timer = setInterval(() => speaking.socket.send('x'), 100);
  assert.equal((await silent.closed).code, CLOSE.idle);
  assert.equal(speaking.socket.readyState, WebSocket.OPEN);
  clearInterval(timer);
  assert.equal((await speaking.closed).code, CLOSE.idle);
});

test('a socket lives as long as permitted, however much is said', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_MAX_SESSION_S: '1' } });
  const { socket, messages, closed } = await connect(server);
  const timer = setInterval(() => socket.send('x'), 50);
  assert.equal((await closed).code, CLOSE.lifetime);
  clearInterval(timer);
  assert.ok(messages.length > 0);
});

test('a peer that answers no ping is cut, one that does stays', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_PING_S: '1' } });
  const dead = await connectRaw(server, t);
  const { socket } = await connect(server);
  await dead.end();
  const pings = framesIn(dead.received).filter(({ opcode }) => opcode === OPCODE.ping);
  assert.equal(pings.length, 1, 'it was asked once');
  await until(() => server.front.sockets.size === 1);
  assert.equal(socket.readyState, WebSocket.OPEN);
  socket.terminate();
});

test('a client that reads nothing is closed when as much as permitted waits for it', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_MAX_BUFFER_KB: '64', OS_WS_MAX_KB_PER_S: '1048576' } });
  const { connection } = await knock(server.url, '/echo', BEARER);
  t.after(() => connection.close());
  connection.socket.pause();
  const chunk = frame({ opcode: OPCODE.binary, payload: Buffer.alloc(60 * 1024) });
  await until(() => server.sessions.length === 1);
  const session = server.sessions[0]!;
  // Before its time the machine's own buffers take some megabytes.
  for (let i = 0; i < 2000 && session.open; i++) {
    connection.socket.write(chunk);
    assert.ok(session.unreadBytes <= 64 * 1024, `${session.unreadBytes} bytes wait`);
    await new Promise(setImmediate);
  }
  await until(() => !session.open);
  connection.socket.resume();
  await connection.end();
  assert.equal(framesIn(connection.received).at(-1)!.payload.readUInt16BE(), CLOSE.slowReader);
});

test('a client that stops reading is closed after as long as permitted, however little waits', async (t) => {
  const server = await echoDuring(t, { env: { OS_RESPONSE_IDLE_S: '1' }, handlers: () => ({}) });
  const { connection } = await knock(server.url, '/echo', BEARER);
  t.after(() => connection.close());
  connection.socket.pause();
  await until(() => server.sessions.length === 1);
  const session = server.sessions[0]!;
  while (session.unreadBytes === 0) {
    session.sendBinary(Buffer.alloc(1024 * 1024));
    await new Promise(setImmediate);
  }
  assert.ok(session.open);
  await until(() => !session.open);
  assert.match(server.log.join(''), /A socket was not read/);
});

test('whoever sends much can wait until it is read', async (t) => {
  const total = 32 * 1024 * 1024;
  const server = await echoDuring(t, {
    env: { OS_WS_MAX_BUFFER_KB: '256' },
    handlers: (session) => ({
      text: () => {
        void (async () => {
          for (let sent = 0; sent < total; sent += 65_536) {
            await session.ready();
            session.sendBinary(Buffer.alloc(65_536));
          }
          session.close();
        })();
      },
    }),
  });
  const { socket, closed } = await connect(server);
  let read = 0;
  socket.on('message', (data: Buffer) => {
    read += data.length;
  });
  socket.send('go');
  assert.equal((await closed).code, 1000);
  assert.equal(read, total);
});

test('revoking a key ends its open sockets and no others, from another process too', async (t) => {
  const server = await echoDuring(t);
  const mine = await server.keys.create({ name: 'mine', scopes: ['speech'] });
  const theirs = await server.keys.create({ name: 'theirs', scopes: ['speech'] });
  const ended = await connect(server, '/echo', mine.token);
  const other = await connect(server, '/other', mine.token);
  const stays = await connect(server, '/echo', theirs.token);
  const env = await connect(server);
  const at = performance.now();
  await server.keys.revoke(mine.key.id);
  assert.deepEqual(await ended.closed, { code: CLOSE.keyEnded, reason: 'The key was revoked or has expired.' });
  assert.equal((await other.closed).code, CLOSE.keyEnded);
  assert.ok(performance.now() - at < 1000, 'within a second');
  assert.equal(stays.socket.readyState, WebSocket.OPEN);
  assert.equal(env.socket.readyState, WebSocket.OPEN);
  stays.socket.terminate();
  env.socket.terminate();
});

test('a key that expires ends its open sockets', async (t) => {
  const server = await echoDuring(t);
  const { token } = await server.keys.create({ name: 'short', scopes: ['speech'], expiresAt: Date.now() + 600 });
  const { closed } = await connect(server, '/echo', token);
  assert.equal((await closed).code, CLOSE.keyEnded);
});

test('at shutdown every socket hears a goodbye, in the protocol first, and none stays', async (t) => {
  const server = await echoDuring(t, {
    handlers: (session) => ({
      text: () => {},
      async goodbye() {
        await new Promise(setImmediate);
        session.send({ type: 'bye' });
        if (session.path === '/other') session.close(1000, 'done');
      },
    }),
  });
  const first = await connect(server);
  const second = await connect(server, '/other');
  const mute = await connectRaw(server, t);
  await server.front.sockets.drain(5000);
  assert.deepEqual(first.messages, ['{"type":"bye"}']);
  assert.deepEqual(await first.closed, { code: CLOSE.goingAway, reason: 'The server is shutting down.' });
  assert.deepEqual(await second.closed, { code: 1000, reason: 'done' });
  assert.deepEqual(
    framesIn(mute.received).map(({ opcode }) => opcode),
    [OPCODE.text, OPCODE.close],
  );
  await mute.end();
  const late = await knock(server.url, '/echo', BEARER);
  assert.equal(late.answer.status, 503);
});

test('a goodbye that never ends is cut after the time for shutting down', async (t) => {
  const server = await echoDuring(t, { handlers: () => ({ goodbye: () => new Promise<void>(() => {}) }) });
  const { closed } = await connect(server);
  await server.front.sockets.drain(50);
  assert.equal((await closed).code, CLOSE.goingAway);
});

test('a protocol that throws closes its socket, tells the log alone, and harms no other', async (t) => {
  const server = await echoDuring(t, {
    handlers: (session) => ({
      text(text) {
        if (text === 'bad') throw new Error('a secret of the house');
        session.send({ echo: text });
      },
    }),
  });
  const bad = await connect(server);
  const good = await connect(server);
  bad.socket.send('bad');
  assert.deepEqual(await bad.closed, { code: CLOSE.failed, reason: 'The server failed.' });
  good.socket.send('x');
  await until(() => good.messages.length === 1);
  assert.match(server.log.join(''), /a secret of the house/);
  good.socket.terminate();
});

test('a socket is closed once, with a reason cut to what a frame holds', async (t) => {
  const server = await echoDuring(t, {
    handlers: (session) => ({
      text() {
        session.close(1000, `${'x'.repeat(122)}ü and more`);
        session.close(4008, 'again');
        session.send({ too: 'late' });
      },
    }),
  });
  const { socket, messages, closed } = await connect(server);
  socket.send('go');
  assert.deepEqual(await closed, { code: 1000, reason: 'x'.repeat(122) });
  assert.deepEqual(messages, []);
  await until(() => server.front.sockets.size === 0);
  assert.ok(server.sessions[0]!.signal.aborted);
});

test('a client that never answers a goodbye is cut', async (t) => {
  const server = await echoDuring(t, { env: { OS_WS_IDLE_TIMEOUT_S: '1' } });
  const mute = await connectRaw(server, t);
  await until(() => framesIn(mute.received).some(({ opcode }) => opcode === OPCODE.close));
  // It goes on talking instead.
  const timer = setInterval(() => mute.socket.write(frame({ opcode: OPCODE.text, payload: 'x' })), 200);
  await mute.end();
  clearInterval(timer);
  await until(() => server.front.sockets.size === 0);
  assert.ok(framesIn(mute.received).every(({ opcode }) => opcode === OPCODE.close));
});
