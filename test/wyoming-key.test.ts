/** Wyoming behind an API key: the door from both sides, and the bridge for clients that know no keys. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { encodeEvent } from '../src/engines/wyoming/framing.ts';
import { runCommand, startCommand } from './support/cli.ts';
import { bytesOf, heard, say } from './support/client.ts';
import { makeKey, withKeys } from './support/keys.ts';
import { serveDuring, TEST_KEY, type TestServer, type TestServerOptions } from './support/server.ts';
import { until } from './support/until.ts';
import { samplesOf, wavFile } from './support/wav.ts';
import { soundOf, WyomingClient } from './support/wyoming.ts';
import { writeRemoteModels } from './support/wyoming-models.ts';

const ON = { OS_WYOMING_ENABLED: 'true', OS_WYOMING_PORT: '0', OS_WYOMING_KEY_REQUIRED: 'true' };
const TONES = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };

/** A server that asks for keys, and a way to connect to it. */
async function serve(t: TestContext, env: Record<string, string> = {}, options: TestServerOptions = {}) {
  const served = await serveDuring(t, { ...options, env: { ...ON, ...env } });
  return { ...served, open: () => WyomingClient.open(t, served.server.wyomingUrl!) };
}

const portOf = ({ server }: TestServer): number => Number(server.wyomingUrl!.split(':').at(-1));

/** The server tells why and hangs up. */
async function assertRefused(client: WyomingClient, code: string): Promise<void> {
  const event = await client.next();
  assert.deepEqual([event?.type, event?.data.code], ['error', code]);
  assert.equal(await client.next(), undefined);
}

test('whoever gives a key first is served, also with everything in one packet', async (t) => {
  const { open } = await serve(t, TONES, { tones: true });
  const patient = await open();
  assert.equal((await patient.send('authenticate', { token: TEST_KEY }).send('ping').next())?.type, 'pong');
  const hasty = await open();
  const payload = Buffer.alloc(20_000);
  const format = { rate: 16_000, width: 2, channels: 1 };
  hasty.socket.write(
    Buffer.concat([
      encodeEvent('authenticate', { token: TEST_KEY }),
      encodeEvent('synthesize', { text: 'open.' }),
      encodeEvent('audio-start', format),
      encodeEvent('audio-chunk', format, payload),
    ]),
  );
  assert.ok(soundOf(await hasty.until('audio-stop')).bytes.length > 0);
  hasty.socket.destroy();
});

test('without a key, with a wrong one or with one that may not speak, nothing is served', async (t) => {
  const served = await serve(t);
  const { token: reader } = await makeKey(served, ['models:read']);
  for (const [type, data, code] of [
    ['ping', {}, 'invalid_api_key'],
    ['describe', {}, 'invalid_api_key'],
    ['synthesize', { text: 'a' }, 'invalid_api_key'],
    ['authenticate', {}, 'invalid_api_key'],
    ['authenticate', { token: 7 }, 'invalid_api_key'],
    ['authenticate', { token: 'os_of-nobody-at-all' }, 'invalid_api_key'],
    ['authenticate', { token: reader }, 'insufficient_scope'],
  ] as const) {
    const client = await served.open();
    await assertRefused(client.send(type, data).send('describe'), code);
  }
  assert.equal(
    served.log.some((line) => line.includes(reader)),
    false,
  );
});

test('an address that guesses has to wait, whatever key it tries then', async (t) => {
  const { open } = await serve(t, { OS_MAX_AUTH_FAILURES: '2' });
  for (const code of ['invalid_api_key', 'invalid_api_key', 'rate_limit_exceeded'] as const) {
    await assertRefused((await open()).send('authenticate', { token: 'os_guess' }), code);
  }
  await assertRefused((await open()).send('authenticate', { token: TEST_KEY }), 'rate_limit_exceeded');
});

test('a stranger who says nothing, or much, is sent away soon', async (t) => {
  const { open } = await serve(t, { OS_HEADERS_TIMEOUT_S: '1' });
  await assertRefused(await open(), 'request_timeout');
  const whole = await open();
  const header = JSON.stringify({ type: 'authenticate', data: { token: TEST_KEY } });
  whole.socket.write(`${header.padEnd(4096)}\n`);
  assert.equal((await whole.send('ping').next())?.type, 'pong', 'as long as permitted');
  const long = await open();
  long.socket.write(Buffer.alloc(4097, 'a'));
  await assertRefused(long, 'too_large');
  const large = await open();
  large.socket.write('{"type":"authenticate","data_length":4097}\n');
  await assertRefused(large, 'too_large');
  const loud = await open();
  loud.socket.write('{"type":"authenticate","payload_length":1}\n');
  await assertRefused(loud, 'too_large');
});

test('a key that is revoked ends its connections, and no others', async (t) => {
  const served = await serve(t);
  const { token, key } = await makeKey(served, ['speech']);
  const [ended, other] = [await served.open(), await served.open()];
  assert.equal((await ended.send('authenticate', { token }).send('ping').next())?.type, 'pong');
  assert.equal((await other.send('authenticate', { token: TEST_KEY }).send('ping').next())?.type, 'pong');
  await withKeys(served, (keys) => keys.revoke(key.id));
  await assertRefused(ended, 'invalid_api_key');
  assert.equal((await other.send('ping').next())?.type, 'pong');
});

test('a Unix socket asks for no key: only programs of the same user can open it', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'open-speech-socket-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'wyoming.sock');
  await serve(t, { OS_WYOMING_SOCKET: path });
  assert.equal((await (await WyomingClient.open(t, { path })).send('ping').next())?.type, 'pong');
});

test('keys cannot be asked for where there are none', async (t) => {
  await assert.rejects(serve(t, { OS_AUTH_DISABLED: 'true' }), /OS_WYOMING_KEY_REQUIRED/);
});

/** The bridge as a process of its own; returns the port for clients. */
async function bridge(t: TestContext, args: readonly string[], env: Record<string, string> = {}): Promise<number> {
  const started = startCommand(['bridge', '--listen', '127.0.0.1:0', ...args], {
    env: { OS_API_KEY: TEST_KEY, ...env },
  });
  t.after(() => started.child.kill());
  await until(() => /"port":\d+/.test(started.stdout()));
  return Number(/"port":(\d+)/.exec(started.stdout())![1]);
}

test('the bridge brings clients without keys to a server with TLS that asks for one', async (t) => {
  const served = await serve(t, { ...TONES, OS_WYOMING_TLS: 'true' }, { tones: true });
  const ca = join(served.dataDir, 'tls', 'certificate.pem');
  const port = await bridge(t, ['--to', `localhost:${portOf(served)}`, '--tls', '--ca', ca]);
  const client = await WyomingClient.open(t, { host: '127.0.0.1', port });
  assert.equal((await client.send('describe').next())?.type, 'info');
  const { bytes } = soundOf(await client.send('synthesize', { text: 'over the bridge.' }).until('audio-stop'));
  client.send('transcribe').speak(bytes, 24_000).send('audio-stop');
  assert.equal((await client.answer('transcript')).text, 'over the bridge.');
});

test('a client learns that the server behind the bridge is away, or wants another key', async (t) => {
  const away = await bridge(t, ['--to', '127.0.0.1:1']);
  await assertRefused(await WyomingClient.open(t, { host: '127.0.0.1', port: away }), 'upstream_failed');
  const served = await serve(t);
  const wrong = await bridge(t, ['--to', `127.0.0.1:${portOf(served)}`], { OS_API_KEY: 'not-the-key-4fTz-Xq72m' });
  await assertRefused(await WyomingClient.open(t, { host: '127.0.0.1', port: wrong }), 'invalid_api_key');
});

test('as many clients as permitted cross the bridge, and one that leaves makes room', async (t) => {
  const served = await serve(t);
  const port = await bridge(t, ['--to', `127.0.0.1:${portOf(served)}`], { OS_WYOMING_MAX_CONNECTIONS: '1' });
  const first = await WyomingClient.open(t, { host: '127.0.0.1', port });
  assert.equal((await first.send('ping').next())?.type, 'pong');
  await assertRefused(await WyomingClient.open(t, { host: '127.0.0.1', port }), 'overloaded');
  first.socket.destroy();
  await until(async () => {
    const next = await WyomingClient.open(t, { host: '127.0.0.1', port });
    return (await next.send('ping').next())?.type === 'pong';
  });
});

test('a bridge that would show the key, or let others use it, is not built', async () => {
  for (const [args, hint] of [
    [['--to', 'speech.example.org:10400'], /--tls/],
    [['--to', '127.0.0.1:10400', '--listen', '0.0.0.0:0'], /this machine only/],
    [['--to', 'nowhere'], /<host>:<port>/],
    [['--to', '127.0.0.1:10400', '--ca', '/no/such/file'], /--ca/],
    [[], /--to/],
  ] as const) {
    const { status, stderr } = await runCommand(['bridge', ...args], { env: { OS_API_KEY: TEST_KEY } });
    assert.equal(status, 2);
    assert.match(stderr, hint);
  }
});

test('a server that asks for a key can be the engine of a model that has one', async (t) => {
  const far = await serve(t, TONES, { tones: true });
  const near = async (key?: string): Promise<TestServer> => {
    const modelDir = await writeRemoteModels(t, { port: portOf(far), ...(key === undefined ? {} : { key }) });
    return await serveDuring(t, { env: { TTS_MODEL: 'far-voice', STT_MODEL: 'far-ear', OS_MODEL_DIR: modelDir } });
  };
  const known = await near(TEST_KEY);
  const wav = await bytesOf(await say(known, { input: 'with a key.', voice: 'loud', response_format: 'pcm' }));
  assert.equal(await heard(known, wavFile(samplesOf(wav))), 'with a key.');
  const answer = await say(await near(), { input: 'no key.', voice: 'loud' });
  assert.equal(((await answer.json()) as { error: { code: string } }).error.code, 'upstream_failed');
});
