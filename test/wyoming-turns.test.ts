/** Whose turn it is on a Wyoming connection: what was asked in one go, clients that wait, and the end of the server. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { test } from 'node:test';
import { AudioIn } from '../src/engines/wyoming/audio-in.ts';
import { serveDuring, serveSlowly } from './support/server.ts';
import { soundOf, WyomingClient } from './support/wyoming.ts';

const ON = { OS_WYOMING_ENABLED: 'true', OS_WYOMING_PORT: '0' };
const MODELS = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', ...ON };
const FORMAT = { rate: 16_000, width: 2, channels: 1 };
const LONG = 'a very long sentence that takes its time! '.repeat(20);

test('audio behind a transcribe that was refused is not heard by something else', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  for (const wish of [{ language: 'xx' }, { name: 'no-such-model' }, { vad_sensitivity: 'none' }, { language: 7 }]) {
    client.send('transcribe', wish).speak(Buffer.alloc(32_000)).send('audio-stop').send('ping');
    const types = (await client.until('error')).concat(await client.until('pong')).map(({ type }) => type);
    assert.deepEqual(types, ['error', 'pong'], JSON.stringify(wish));
  }
  client.speak(Buffer.alloc(32_000)).send('audio-stop');
  assert.deepEqual(await client.answer('transcript'), { text: '' }, 'what comes later is its own');
});

test('text of which nothing can be heard is an empty sound', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  client.send('synthesize', { text: '😀' });
  assert.deepEqual(soundOf(await client.until('audio-stop')).types, ['audio-start', 'audio-stop']);
});

test('requests that wait are bounded: more are not read before one is done, and each is answered', async (t) => {
  const slow = await serveSlowly(t, 20, ON);
  const client = await WyomingClient.open(t, slow.server.wyomingUrl!);
  client.send('synthesize', { text: LONG });
  await client.until('audio-chunk');
  const many = 2000;
  const request = '{"type":"synthesize-stop"}\n{"type":"synthesize-start"}\n';
  client.socket.write(`${request.repeat(many)}{"type":"synthesize-stop"}\n{"type":"ping"}\n`);
  const seen = await client.until('pong');
  const sounds = seen.filter(({ type }) => type === 'audio-stop').length;
  assert.equal(sounds, 1, 'what was asked for before was done meanwhile');
  const stopped = seen.filter(({ type }) => type === 'synthesize-stopped').length;
  assert.ok(stopped > many - 100, `${stopped} were answered`);
});

test('a client that breaks off while it is told does not keep the server from ending', async (t) => {
  const slow = await serveSlowly(t, 20, { ...ON, OS_SHUTDOWN_TIMEOUT_S: '0' });
  const client = await WyomingClient.open(t, slow.server.wyomingUrl!);
  client.send('synthesize', { text: LONG });
  await client.until('audio-chunk');
  client.socket.on('end', () => client.socket.resetAndDestroy());
  client.socket.on('data', () => client.socket.resetAndDestroy());
  await slow.server.close();
});

test('a chunk as long as permitted is taken in pieces, so that others get their turn, and is heard whole', async (t) => {
  const { server } = await serveDuring(t, { tones: true, env: MODELS });
  const client = await WyomingClient.open(t, server.wyomingUrl!);
  const { bytes } = soundOf(await client.send('synthesize', { text: 'one two three.' }).until('audio-stop'));
  const { mock } = t.mock.method(AudioIn.prototype, 'read');
  const long = Buffer.concat([bytes, Buffer.alloc(1024 * 1024 - bytes.length)]);
  client.send('audio-chunk', { rate: 24_000, width: 2, channels: 1 }, long).send('audio-stop');
  assert.equal((await client.answer('transcript')).text, 'one two three.');
  const pieces = mock.calls.map((call) => call.arguments[1].length);
  assert.ok(Math.max(...pieces) <= 65_536, `${Math.max(...pieces)} bytes at once`);
  assert.equal(
    pieces.reduce((sum, length) => sum + length, 0),
    long.length,
  );
});

test('a client is not idle while this server keeps it waiting', async (t) => {
  const env = { OS_WYOMING_IDLE_TIMEOUT_S: '1', OS_LIVE_BACKLOG_S: '5', OS_LIVE_UTTERANCE_S: '5' };
  const slow = await serveSlowly(t, 60, { ...ON, ...env, STT_VAD_ENABLED: 'false' });
  const hearing = await WyomingClient.open(t, slow.server.wyomingUrl!);
  const tone = Buffer.alloc(32_000);
  for (let i = 0; i < 16_000; i++) tone.writeInt16LE(Math.round(8000 * Math.sin(i / 5)), i * 2);
  hearing.send('transcribe').send('audio-start', FORMAT);
  for (let second = 0; second < 20; second++) hearing.send('audio-chunk', FORMAT, tone);
  await hearing.send('audio-stop').answer('transcript');
});

test('a client is not idle while it listens, but when all was said', async (t) => {
  const slow = await serveSlowly(t, 5, { ...ON, OS_WYOMING_IDLE_TIMEOUT_S: '2' });
  const client = await WyomingClient.open(t, slow.server.wyomingUrl!);
  client.send('synthesize-start').send('synthesize-chunk', { text: LONG.repeat(2) });
  const seen = await client.until('nothing');
  assert.equal(seen.at(-1)?.data.code, 'request_timeout');
  // Of the last sentence nobody knows that it is over, and of the one before it that nothing follows.
  assert.equal(seen.filter(({ type }) => type === 'audio-stop').length, 38);
});

test('whoever is cut off at the end of the server is told', async (t) => {
  const slow = await serveSlowly(t, 20, { ...ON, OS_SHUTDOWN_TIMEOUT_S: '1' });
  const speaking = await WyomingClient.open(t, slow.server.wyomingUrl!);
  speaking.send('synthesize', { text: LONG });
  await speaking.until('audio-chunk');
  const hearing = await WyomingClient.open(t, slow.server.wyomingUrl!);
  hearing.send('transcribe').send('audio-start', FORMAT);
  await hearing.send('ping').answer('pong');
  const idle = await WyomingClient.open(t, slow.server.wyomingUrl!);
  await idle.send('ping').answer('pong');
  const closed = [speaking, hearing].map(({ socket }) => once(socket, 'close'));
  const closing = slow.server.close();
  assert.equal(await idle.next(), undefined, 'who is owed nothing is let go');
  for (const client of [speaking, hearing]) {
    assert.equal((await client.until('nothing')).at(-1)?.data.code, 'shutting_down');
  }
  await Promise.all(closed);
  await closing;
});
