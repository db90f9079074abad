/** Sockets over TLS are the same sockets. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { connect } from 'node:tls';
import { WebSocket } from 'ws';
import { serveDuring, TEST_KEY } from './support/server.ts';

test('a socket opens over TLS, its page’s origin counts with https, and silent connections give way there too', async (t) => {
  const env = { OS_SSL_ENABLED: 'true', OS_MAX_SILENT_CONNECTIONS: '8' };
  const server = await serveDuring(t, { tones: true, env: { ...env, STT_MODEL: 'tone-ear' } });
  const url = `${server.url.replace('https', 'wss')}/v1/audio/stream`;
  const { port, hostname, host } = new URL(server.url);
  const options = { headers: { authorization: `Bearer ${TEST_KEY}` }, rejectUnauthorized: false };
  const socket = new WebSocket(url, { ...options, origin: `https://${host}` });
  const [first] = await once(socket, 'message');
  assert.equal(JSON.parse(String(first)).type, 'session.begin');

  const silent = Array.from({ length: 30 }, () =>
    connect({ port: Number(port), host: hostname, rejectUnauthorized: false }),
  );
  for (const connection of silent) connection.on('error', () => {});
  await Promise.all(silent.slice(0, 22).map((connection) => once(connection, 'close')));
  assert.equal(silent.filter(({ destroyed }) => !destroyed).length, 8);
  assert.equal(socket.readyState, WebSocket.OPEN);
  for (const connection of silent) connection.destroy();

  const foreign = new WebSocket(url, { ...options, origin: `http://${host}` });
  const [error] = await once(foreign, 'error');
  assert.match(String(error), /403/);
  socket.terminate();
});
