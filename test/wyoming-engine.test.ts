/** Another Wyoming server as a model of this one: two of our own back to back, and servers that fail. */
import assert from 'node:assert/strict';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { encodeEvent, FrameReader } from '../src/engines/wyoming/framing.ts';
import { assertError } from './support/answers.ts';
import { bytesOf, heard, jsonOf, say, transcribe } from './support/client.ts';
import { serveDuring, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';
import { samplesOf, wavFile } from './support/wav.ts';
import { soundOf, WyomingClient } from './support/wyoming.ts';
import { writeRemoteModels } from './support/wyoming-models.ts';

const MODELS = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_WYOMING_ENABLED: 'true', OS_WYOMING_PORT: '0' };
const REMOTE = { TTS_MODEL: 'far-voice', STT_MODEL: 'far-ear', OS_WYOMING_ENABLED: 'true', OS_WYOMING_PORT: '0' };

/** A server whose voice and recogniser are those of the Wyoming server on this port. */
async function serveFrom(t: TestContext, port: number, options: object = {}): Promise<TestServer> {
  return await serveDuring(t, { env: { ...REMOTE, OS_MODEL_DIR: await writeRemoteModels(t, { port, ...options }) } });
}

test('what another server speaks and hears is spoken and heard here', async (t) => {
  const far = await serveDuring(t, {
    tones: true,
    env: { ...MODELS, OS_WYOMING_PARTIALS: 'true', STT_VAD_ENABLED: 'false' },
  });
  const near = await serveFrom(t, Number(new URL(far.server.wyomingUrl!.replace('tcp', 'http')).port));
  const pcm = async (voice: string) =>
    samplesOf(await bytesOf(await say(near, { input: 'hello from afar.', voice, response_format: 'pcm' })));
  const loud = await pcm('loud');
  const quiet = await pcm('tone-voice:tone-1');
  const peak = (samples: Float32Array) => samples.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);
  assert.ok(peak(loud) > 1.5 * peak(quiet), 'each voice is its own');
  assert.equal(await heard(near, wavFile(loud)), 'hello from afar.');

  const client = await WyomingClient.open(t, near.server.wyomingUrl!);
  const { bytes, formats } = soundOf(await client.send('synthesize', { text: 'live.' }).until('audio-stop'));
  assert.deepEqual(formats, ['24000/2/1']);
  client.send('transcribe', { name: 'far-listener' }).speak(bytes, 24_000).send('audio-stop');
  assert.equal((await client.answer('transcript')).text, 'live.');
});

/** A server that answers each event as the test says. */
async function serverOf(t: TestContext, answer: (type: string, socket: Socket) => void): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const reader = new FrameReader({ headerBytes: 65_536, dataBytes: 65_536, payloadBytes: 65_536 });
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    socket.on('data', (bytes) => {
      for (const { type } of reader.read(bytes)) answer(type, socket);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.close();
    for (const socket of sockets) socket.destroy();
  });
  return (server.address() as AddressInfo).port;
}

/** A second of what is not silence. */
const SOUND = wavFile(new Float32Array(24_000).fill(0.1));

const FAILING: Record<string, (socket: Socket) => void> = {
  'says that it failed': (socket) => socket.write(encodeEvent('error', { text: 'no secret of mine', code: 'x' })),
  'hangs up': (socket) => socket.end(),
  'resets the connection': (socket) => socket.resetAndDestroy(),
  'sends garbage': (socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'),
  'lies about lengths': (socket) => socket.write('{"type":"audio-chunk","payload_length":99999999999}\n'),
  'sends audio of no format': (socket) => socket.write(encodeEvent('audio-chunk', { rate: 1 }, Buffer.alloc(8))),
};

test('a server that fails is a failure with a code, and its words stay in the log', async (t) => {
  let how = '';
  const port = await serverOf(t, (type, socket) => {
    if (type === 'synthesize' || type === 'transcribe') FAILING[how]!(socket);
  });
  const near = await serveFrom(t, port);
  for (how of Object.keys(FAILING)) {
    const answer = await say(near, { input: 'a.', voice: 'loud', response_format: 'wav' });
    const { error } = (await answer.clone().json()) as { error: { message: string } };
    await assertError(answer, { status: 502, code: 'upstream_failed', param: null });
    assert.ok(!error.message.includes('secret'));
    if (how === 'sends audio of no format') continue;
    const noAnswer = await transcribe(near, SOUND);
    await assertError(noAnswer, { status: 502, code: 'upstream_failed', param: null });
  }
});

test('a server may name the language in its own way, and what is no language is none', async (t) => {
  let told: string | null = null;
  const port = await serverOf(t, (type, socket) => {
    if (type === 'audio-stop') socket.write(encodeEvent('transcript', { text: 'so', language: told }));
  });
  const near = await serveFrom(t, port);
  const languageOf = async (language: typeof told) => {
    told = language;
    const answer = await transcribe(near, SOUND, { response_format: 'verbose_json' });
    return (await jsonOf<{ language?: string }>(answer)).language;
  };
  const unknown = await languageOf(null);
  for (const german of ['de', 'de_AT', 'de-u-co-phonebk']) assert.equal(await languageOf(german), 'german');
  for (const none of ['<b>', 'de-a', '', 'de-'.repeat(500)]) assert.equal(await languageOf(none), unknown);
});

test('a server that tells more than anybody could say is a failure', async (t) => {
  const words = encodeEvent('transcript-chunk', { text: 'so '.repeat(1000) });
  const port = await serverOf(t, (type, socket) => {
    if (type !== 'audio-stop') return;
    for (let times = 0; times < 20; times++) socket.write(words);
    socket.write(encodeEvent('transcript', { text: 'so' }));
  });
  const near = await serveFrom(t, port);
  await assertError(await transcribe(near, SOUND), { status: 502, code: 'upstream_failed', param: null });
});

test('a server that is not there is a failure of each call and never of the model', async (t) => {
  const near = await serveFrom(t, 1);
  for (let times = 0; times < 5; times++) {
    const answer = await say(near, { input: 'a.', voice: 'loud' });
    await assertError(answer, { status: 502, code: 'upstream_failed', param: null });
  }
});

test('a call that is cancelled leaves the other server', async (t) => {
  let open = 0;
  const port = await serverOf(t, (type, socket) => {
    if (type !== 'synthesize') return;
    open++;
    socket.on('close', () => open--);
  });
  const near = await serveFrom(t, port);
  const leaving = new AbortController();
  const saying = near.fetch('/v1/audio/speech', {
    ...{ method: 'POST', headers: { 'content-type': 'application/json' }, signal: leaving.signal },
    body: JSON.stringify({ model: 'far-voice', voice: 'loud', input: 'a.' }),
  });
  await until(() => open === 1);
  leaving.abort();
  await assert.rejects(saying);
  await until(() => open === 0);
});
