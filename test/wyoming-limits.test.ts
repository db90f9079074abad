/** Bad input, floods and every bound of the Wyoming server, from both sides. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { encodeEvent } from '../src/engines/wyoming/framing.ts';
import { FUZZ_RUNS, mutateText, randomOf } from './support/mutate.ts';
import { needs } from './support/needs.ts';
import { serveDuring, serveSlowly, type TestServerOptions } from './support/server.ts';
import { until } from './support/until.ts';
import { WyomingClient } from './support/wyoming.ts';

const ON = { OS_WYOMING_ENABLED: 'true', OS_WYOMING_PORT: '0' };
const FORMAT = { rate: 16_000, width: 2, channels: 1 };

/** A server of Wyoming with these settings, and a way to connect to it. */
async function serve(t: TestContext, env: Record<string, string> = {}, options: TestServerOptions = {}) {
  const served = await serveDuring(t, { ...options, env: { ...ON, ...env } });
  const url = served.server.wyomingUrl!;
  return { ...served, url, open: () => WyomingClient.open(t, url) };
}

async function assertServed(client: WyomingClient): Promise<void> {
  assert.equal((await client.send('ping').next())?.type, 'pong');
}

/** The server tells why and hangs up. */
async function assertRefused(client: WyomingClient, code: string): Promise<void> {
  const event = await client.next();
  assert.deepEqual([event?.type, event?.data.code], ['error', code]);
  assert.equal(await client.next(), undefined);
}

test('garbage is answered with an error and ends that connection alone', async (t) => {
  const { open, log } = await serve(t);
  const other = await open();
  await assertServed(other);
  for (const [garbage, code] of [
    ['GET / HTTP/1.1\r\nHost: a\r\n\r\n', 'invalid_json'],
    ['\n', 'invalid_json'],
    ['[]\n', 'invalid_request'],
    ['{"type":"ping","data_length":-1}\n', 'invalid_request'],
    ['{"type":"ping","data_length":2}\n[]', 'invalid_request'],
    ['{"type":"audio-chunk","payload_length":9007199254740991}\n', 'too_large'],
    ['{"type":"ping","data_length":99999999999}\n', 'too_large'],
    ['\u0016\u0003\u0001\n', 'invalid_json'],
  ] as const) {
    const client = await open();
    client.socket.write(garbage);
    await assertRefused(client, code);
    await assertServed(other);
  }
  assert.ok(log.some((line) => line.includes('A Wyoming client was refused')));
});

test('whatever fields an event has, it is answered or told what is wrong, and the connection goes on', async (t) => {
  const { open, log } = await serve(t);
  const client = await open();
  const random = randomOf(3);
  const data = JSON.stringify({
    ...{ text: 'a', name: 'b', language: 'en', text_format: 'text', vad_sensitivity: 'default', ...FORMAT },
    voice: { name: 'en', speaker: null, language: 'de' },
  });
  const types = ['transcribe', 'audio-start', 'audio-chunk', 'audio-stop', 'describe', 'ping', 'unknown'];
  types.push('synthesize-start', 'synthesize-chunk', 'synthesize-stop');
  for (let run = 0; run < FUZZ_RUNS / 40; run++) {
    let fields: object;
    try {
      fields = Object(JSON.parse(mutateText(data, random)));
    } catch {
      continue;
    }
    if (Array.isArray(fields)) continue;
    client.send(types[random(types.length)]!, fields, Buffer.alloc(random(3)));
  }
  client.send('ping', { text: 'still there' });
  let last = await client.next();
  while (last !== undefined && last.data.text !== 'still there') last = await client.next();
  assert.equal(last?.type, 'pong');
  assert.ok(!log.some((line) => line.includes('defect')));
});

test('headers, data and payloads may be as long as permitted and no longer', async (t) => {
  const limits = { OS_WYOMING_MAX_HEADER_KB: '1', OS_WYOMING_MAX_DATA_KB: '1', OS_WYOMING_MAX_PAYLOAD_KB: '1' };
  const { open } = await serve(t, limits);
  const header = (bytes: number) => `${'{"type":"ping"}'.padEnd(bytes)}\n`;
  const data = (bytes: number) => encodeEvent('ping', { text: 'x'.repeat(bytes - '{"text":""}'.length) });
  const payload = (bytes: number) => encodeEvent('ping', {}, Buffer.alloc(bytes));
  for (const make of [header, data, payload]) {
    const client = await open();
    client.socket.write(make(1024));
    assert.equal((await client.next())?.type, 'pong');
    client.socket.write(make(1025));
    await assertRefused(client, 'too_large');
  }
});

test('a refused client that goes on sending can still read why', async (t) => {
  const { open } = await serve(t);
  const client = await open();
  client.socket.write('nonsense\n');
  client.socket.write(Buffer.alloc(4 * 1024 * 1024));
  await assertRefused(client, 'invalid_json');
});

test('as many connections as permitted are served, one more is told so, and one that leaves makes room', async (t) => {
  for (const limit of ['OS_WYOMING_MAX_CONNECTIONS', 'OS_WYOMING_MAX_PER_ADDRESS']) {
    const { open } = await serve(t, { [limit]: '3' });
    const clients = await Promise.all([open(), open(), open()]);
    for (const client of clients) await assertServed(client);
    await assertRefused(await open(), 'overloaded');
    clients[0]!.socket.destroy();
    await until(async () => {
      const client = await open();
      const answer = await client.send('ping').next();
      return answer?.type === 'pong';
    });
  }
});

test('a client that sends nothing whole is sent away, however it dribbles, and one that does is not', async (t) => {
  const { open } = await serve(t, { OS_WYOMING_IDLE_TIMEOUT_S: '1' });
  const silent = await open();
  const dribbling = await open();
  const lively = await open();
  const timers = [setInterval(() => dribbling.socket.write('{'), 50), setInterval(() => lively.send('ping'), 200)];
  t.after(() => timers.forEach(clearInterval));
  await assertRefused(silent, 'request_timeout');
  assert.equal((await dribbling.next())?.data.code, 'request_timeout');
  for (let times = 0; times < 8; times++) assert.equal((await lively.next())?.type, 'pong');
});

test('a connection lives as long as permitted', async (t) => {
  const { open } = await serve(t, { OS_WYOMING_MAX_SESSION_S: '1' });
  const client = await open();
  await assertServed(client);
  await assertRefused(client, 'request_timeout');
});

test('a client that reads nothing is not read either, and is cut off in time', async (t) => {
  const { open, log } = await serve(t, { OS_WYOMING_READ_TIMEOUT_S: '1' });
  const greedy = await open();
  greedy.socket.pause();
  const question = Buffer.concat(Array.from({ length: 2000 }, () => encodeEvent('describe')));
  greedy.socket.write(question);
  const other = await open();
  await assertServed(other);
  await until(() => log.some((line) => line.includes('does not read')));
  await assertServed(other);
});

test('describe is answered while every engine is busy', async (t) => {
  const slow = await serveSlowly(t, 8, ON);
  const busy = await WyomingClient.open(t, slow.server.wyomingUrl!);
  busy.send('synthesize', { text: 'a very long sentence that takes its time. '.repeat(20) });
  await busy.until('audio-chunk');
  const client = await WyomingClient.open(t, slow.server.wyomingUrl!);
  for (let times = 0; times < 3; times++) await client.send('describe').answer('info');
  const { router } = slow.server.service;
  assert.ok(
    router.status().models.some(({ running }) => running > 0),
    'it is still being spoken',
  );
  busy.socket.destroy();
  await until(() => router.status().models.every(({ running, waiting }) => running + waiting.interactive === 0));
});

test('a client that leaves in the middle of anything leaves no work behind', async (t) => {
  const { open, server } = await serve(t, { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' }, { tones: true });
  const sound = Buffer.alloc(64_000, 7);
  const lives: ((client: WyomingClient) => unknown)[] = [
    (client) => client.send('synthesize', { text: 'hello there. '.repeat(50) }).until('audio-start'),
    (client) => client.send('synthesize-start').send('synthesize-chunk', { text: 'one! two! ' }).until('audio-start'),
    (client) => client.send('synthesize-start').send('synthesize-chunk', { text: 'one! two! ' }),
    (client) => client.send('transcribe'),
    (client) => client.speak(sound),
    (client) => client.speak(sound).send('audio-stop'),
    (client) => client.socket.write('{"type":"audio-chunk","payload_length":1000}\n1234'),
  ];
  for (const live of lives) {
    const client = await open();
    await live(client);
    client.socket.resetAndDestroy();
  }
  const { router } = server.service;
  await until(() => router.status().models.every(({ running, waiting }) => running + waiting.interactive === 0));
  const { text } = await (await open()).send('audio-stop').answer('transcript');
  assert.equal(text, '');
});

test('audio that is sent faster than it can be heard, and far beyond what is kept, is heard to its end', async (t) => {
  const { open } = await serve(
    t,
    { STT_MODEL: 'tone-ear', OS_LIVE_UTTERANCE_S: '5', OS_LIVE_BACKLOG_S: '5' },
    { tones: true },
  );
  const client = await open();
  client.send('transcribe').send('audio-start', FORMAT);
  // Three minutes of it, as fast as it is taken.
  for (let second = 0; second < 180; second++) {
    if (!client.socket.write(encodeEvent('audio-chunk', FORMAT, Buffer.alloc(32_000))))
      await once(client.socket, 'drain');
  }
  assert.equal((await client.send('audio-stop').answer('transcript')).text, '');
});

test('text that waits to be spoken is bounded', async (t) => {
  const env = { TTS_MODEL: 'tone-voice', OS_LIVE_TEXT_LENGTH: '256', TTS_MAX_INPUT_LENGTH: '256' };
  const { open } = await serve(t, env, { tones: true });
  const client = await open();
  for (const extra of [{}, { text_format: 'ssml' }]) {
    client.send('synthesize-start', extra).send('synthesize-chunk', { text: 'x'.repeat(257) });
    assert.equal((await client.next())?.data.code, 'text_too_long');
    client.send('synthesize-chunk', { text: 'a' }).send('synthesize-stop');
    assert.equal((await client.next())?.type, 'synthesize-stopped');
  }
  client.send('synthesize', { text: 'x'.repeat(257) });
  assert.equal((await client.next())?.data.code, 'text_too_long');
  client.send('synthesize', { text: 'x'.repeat(256) });
  assert.equal((await client.until('audio-stop')).at(-1)?.type, 'audio-stop');
});

test('beyond loopback it is not served without a list of networks, nor with a list that says nothing', async (t) => {
  const refusal = (env: Record<string, string>) => assert.rejects(serve(t, env), /OS_WYOMING_ALLOWED_NETWORKS/);
  await refusal({ OS_WYOMING_HOST: '0.0.0.0' });
  await refusal({ OS_WYOMING_HOST: '0.0.0.0', OS_WYOMING_ALLOWED_NETWORKS: 'everyone' });
  await assert.rejects(serve(t, { OS_WYOMING_CLIENT_CA: '/x' }), /OS_WYOMING_TLS/);
});

test('an authority that cannot be read, and a name that cannot be announced, stop the start in words', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'open-speech-authority-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const noCertificate = join(folder, 'ca.pem');
  writeFileSync(noCertificate, 'no certificate');
  for (const file of [noCertificate, join(folder, 'nothing.pem')]) {
    const starting = serve(t, { OS_WYOMING_TLS: 'true', OS_WYOMING_CLIENT_CA: file });
    await assert.rejects(starting, /OS_WYOMING_CLIENT_CA=.+pem holds no certificate/);
  }
  await assert.rejects(serve(t, { OS_WYOMING_ZEROCONF_NAME: 'ü'.repeat(32) }), /OS_WYOMING_ZEROCONF_NAME/);
  await serve(t, { OS_WYOMING_ZEROCONF_NAME: 'ü'.repeat(31) });
});

const own = Object.values(networkInterfaces())
  .flat()
  .find((address) => address?.family === 'IPv4' && !address.internal)?.address;

test('only the listed networks and this machine are let in', {
  skip: own === undefined && 'there is no network',
}, async (t) => {
  for (const [networks, expected] of [
    ['203.0.113.0/24', undefined],
    [`203.0.113.0/24,${own}/32`, 'pong'],
  ] as const) {
    const { url } = await serve(t, { OS_WYOMING_HOST: '0.0.0.0', OS_WYOMING_ALLOWED_NETWORKS: networks });
    const port = Number(url.split(':').at(-1));
    const stranger = await WyomingClient.open(t, { host: own!, port });
    assert.equal((await stranger.send('ping').next())?.type, expected);
    await assertServed(await WyomingClient.open(t, { host: '127.0.0.1', port }));
  }
});

test('a Unix socket serves the programs of this user, and takes the place of one that was left behind', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'open-speech-socket-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'wyoming.sock');
  const served = await serve(t, { OS_WYOMING_SOCKET: path });
  assert.equal(statSync(path).mode & 0o777, 0o600);
  const client = await WyomingClient.open(t, { path });
  await assertServed(client);
  await assert.rejects(serve(t, { OS_WYOMING_SOCKET: path }), /EADDRINUSE/, 'one that is in use is left alone');
  await served.stop();
  assert.equal(existsSync(path), false);
});

/** A client over TLS that trusts the certificate of a server with this data folder. */
function secure(t: TestContext, { url, dataDir }: { url: string; dataDir: string }, own: object = {}): WyomingClient {
  const ca = readFileSync(join(dataDir, 'tls', 'certificate.pem'));
  const socket = connectTls({ host: 'localhost', port: Number(url.split(':').at(-1)), ca, ...own });
  t.after(() => socket.destroy());
  return new WyomingClient(socket);
}

test('with TLS nothing is served in the clear, and handshakes count as connections', async (t) => {
  const server = await serve(t, { OS_WYOMING_TLS: 'true', OS_WYOMING_MAX_CONNECTIONS: '2' });
  assert.match(server.url, /^tls:/);
  const plain = await server.open();
  plain.socket.write(encodeEvent('ping'));
  await once(plain.socket, 'close');
  const client = secure(t, server);
  await assertServed(client);
  const silent = await server.open();
  assert.equal(await secure(t, server).next(), undefined, 'one too many');
  await assertServed(client);
  silent.socket.destroy();
  client.socket.destroy();
  await until(async () => (await secure(t, server).send('ping').next())?.type === 'pong');
});

const OPENSSL = '/usr/bin/openssl';

test('with an authority for clients nobody is served without its certificate', {
  skip: needs({ openssl: OPENSSL }),
}, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'open-speech-authority-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const key = join(folder, 'key.pem');
  const cert = join(folder, 'cert.pem');
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-subj', '/CN=home', '-days', '2'];
  execFileSync(OPENSSL, ['req', '-x509', ...kind, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const server = await serve(t, { OS_WYOMING_TLS: 'true', OS_WYOMING_CLIENT_CA: cert });
  assert.equal(await secure(t, server).send('ping').next(), undefined);
  await assertServed(secure(t, server, { cert: readFileSync(cert), key: readFileSync(key) }));
});

test('at the end what has begun is finished, nothing new begins, and idle clients are let go', async (t) => {
  const { open, server } = await serve(t, { TTS_MODEL: 'tone-voice' }, { tones: true });
  const idle = await open();
  await assertServed(idle);
  const busy = await open();
  busy.send('synthesize-start').send('synthesize-chunk', { text: 'one! two! ' });
  await busy.until('audio-start');
  const closing = server.close();
  assert.equal(await idle.next(), undefined);
  busy.send('synthesize-stop').send('synthesize', { text: 'more.' });
  const rest = await busy.until('synthesize-stopped');
  assert.ok(['synthesize-stopped', 'error'].includes(rest.at(-1)!.type));
  await closing;
});

test('without being asked for, it is not served', async (t) => {
  const { server } = await serveDuring(t, { env: { OS_WYOMING_PORT: '0' } });
  assert.equal(server.wyomingUrl, undefined);
});

test('a port that only this machine can reach is not announced, and the operator is told', async (t) => {
  const { log } = await serve(t, { OS_WYOMING_ZEROCONF: 'true' });
  assert.ok(log.some((line) => line.includes('Wyoming is not announced') && line.includes('only this machine')));
});
