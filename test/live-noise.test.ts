/** Live sessions whose noise is taken out by the real GTCRN, in its engine process. */
import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import { toS16le } from '../src/audio/pcm.ts';
import { RateConverter } from '../src/audio/rate-converter.ts';
import { assertError, assertUnharmed } from './support/answers.ts';
import { transcribe } from './support/client.ts';
import { knock } from './support/frames.ts';
import { addFile } from './support/helper-models.ts';
import { LiveSocket } from './support/live.ts';
import { needsData, sharedData } from './support/needs.ts';
import { RealtimeClient } from './support/realtime.ts';
import { serveDuring, TEST_KEY, type TestServer } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';
import { street } from './support/street.ts';
import { until } from './support/until.ts';

const skip = needsData('gtcrn') || needsData('librivox');
const GTCRN = { id: 'gtcrn', kind: 'denoise', family: 'gtcrn' } as const;
// The packaged detector takes the street for somebody who speaks.
const ENV = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', STT_VAD: 'webrtc', OS_ENGINE_PROCESSES: '2' };
const PATH = '/v1/audio/stream?sample_rate=16000';

async function serve(t: TestContext, env: Record<string, string> = {}): Promise<TestServer> {
  const server = await serveDuring(t, { tones: true, env: { ...ENV, ...env } });
  await addFile(server, resolve(sharedData, 'gtcrn/gtcrn_simple.onnx'), GTCRN);
  return server;
}

const firstSentence = (): Float32Array => street().audio.subarray(0, 6 * 16_000);
const running = (server: TestServer): number =>
  server.server.service.router.status().models.find(({ id }) => id === 'gtcrn')?.running ?? 0;
const warnings = (server: TestServer): string[] =>
  server.log.filter((line) => line.includes('without noise reduction'));

/** Says it all, and tells when somebody was heard to begin and to end, in seconds. */
async function turns(server: TestServer, query: string, audio: Uint8Array, pieceMs = 20): Promise<string[]> {
  const live = await LiveSocket.open(server, PATH + query);
  const bytes = 32 * pieceMs;
  for (let at = 0; at < audio.length; at += bytes) live.send(audio.subarray(at, at + bytes));
  live.send({ type: 'stop' });
  assert.equal(await live.closed(), 1000);
  assert.equal(live.told.at(-1)!.audio_seconds, Math.round(audio.length / 32) / 1000);
  return live.told.flatMap(({ type, state, at }) => (type === 'vad' ? [`${state} ${at}`] : [])).sort();
}

test('a stream that asks for it is refused without the model, as a recording is', async (t) => {
  const server = await serveDuring(t, { tones: true, env: ENV });
  const ask = async (of: TestServer, query: string) => {
    const { connection, answer } = await knock(of.url, PATH + query, `Authorization: Bearer ${TEST_KEY}`);
    connection.close();
    return answer;
  };
  const expected = {
    ...({ status: 400, code: 'unsupported_by_model', param: 'denoise' } as const),
    says: /open-speech models pull gtcrn/,
  };
  const message = await assertError(await ask(server, '&denoise=true'), expected);
  assert.equal(await assertError(await transcribe(server, Buffer.from('x'), { denoise: 'true' }), expected), message);
  assert.equal((await ask(server, '&denoise=false')).status, 101);

  const strict = await serveDuring(t, { tones: true, env: { ...ENV, STT_NOISE_REDUCE: 'true' } });
  const says = /STT_NOISE_REDUCE.*open-speech models pull gtcrn/;
  await assertError(await ask(strict, ''), { status: 503, code: 'model_unavailable', param: null, says });
  assert.equal((await ask(strict, '&denoise=false')).status, 101);
});

test('streams are cleaned where they or the operator ask, each as if it were alone', { skip }, async (t) => {
  const server = await serve(t);
  const { fromMs } = street().sentences[0]!;
  const bytes = toS16le(firstSentence());
  assert.ok((await turns(server, '', bytes)).includes('speech_start 0'));
  assert.equal(running(server), 0);
  const [first, ...others] = await Promise.all(
    [20, 1, 1000].map((pieceMs) => turns(server, '&denoise=true', bytes, pieceMs)),
  );
  for (const other of others) assert.deepEqual(other, first);
  const begins = first!.flatMap((each) => (each.startsWith('speech_start ') ? [Number(each.slice(13)) * 1000] : []));
  // What precedes a voice belongs to it, 300 ms of it.
  assert.ok(
    begins.some((at) => at > fromMs - 450 && at < fromMs),
    first!.join(),
  );
  await until(() => running(server) === 0);
  assert.deepEqual(warnings(server), []);
  const { settings } = server.server.service;
  Object.assign(settings, { sttNoiseReduce: true });
  assert.deepEqual(await turns(server, '', bytes), first);
  assert.notDeepEqual(await turns(server, '&denoise=false', bytes), first);
  await assertUnharmed(server);
});

/** What Realtime takes: 24 000 Hz. */
function wide(pcm: Float32Array): Uint8Array {
  const converter = new RateConverter(24_000);
  const [most, rest] = [converter.push({ pcm, sampleRate: 16_000 }).slice(), converter.flush()];
  return Buffer.concat([toS16le(most), toS16le(rest)]);
}

const quiet = { type: 'server_vad', threshold: 0.75, create_response: false };

test('Realtime cleans while noise_reduction is set, in both of its protocols', { skip }, async (t) => {
  const server = await serve(t);
  const audio = wide(firstSentence());
  const seconds = audio.length / 48_000;
  const begins = async (client: RealtimeClient) => {
    client.append(audio);
    return (await client.next('input_audio_buffer.speech_started')).audio_start_ms / 1000;
  };
  const client = await RealtimeClient.open(server, 'intent=transcription');
  const update = async (input: object) => {
    client.send({ type: 'session.update', session: { type: 'transcription', audio: { input } } });
    return (await client.next('session.updated')).session.audio.input.noise_reduction;
  };
  assert.equal(await update({ turn_detection: quiet }), null);
  assert.ok((await begins(client)) < 1);
  await client.next('input_audio_buffer.committed');
  const reduction = { type: 'far_field' };
  assert.deepEqual(await update({ noise_reduction: reduction }), reduction);
  const second = await begins(client);
  assert.ok(second > seconds + 1.5 && second < seconds + 2, `${second}`);
  await client.next('input_audio_buffer.committed');
  assert.equal(running(server), 1);
  assert.equal(await update({ noise_reduction: null }), null);
  await until(() => running(server) === 0);
  const third = await begins(client);
  assert.ok(third < 2 * seconds + 1, `${third}`);
  client.close();

  const beta = await RealtimeClient.open(server, 'model=gpt-realtime', { headers: { 'openai-beta': 'realtime=v1' } });
  const input_audio_noise_reduction = { type: 'near_field' };
  beta.send({ type: 'session.update', session: { input_audio_noise_reduction, turn_detection: quiet } });
  assert.deepEqual(
    (await beta.next('session.updated')).session.input_audio_noise_reduction,
    input_audio_noise_reduction,
  );
  const first = await begins(beta);
  assert.ok(first > 1.5 && first < 2, `${first}`);
  beta.close();
  await until(() => running(server) === 0);
  assert.deepEqual(warnings(server), []);
});

test('Realtime hears everything as it is where there is no model, and the log says how to get one', async (t) => {
  const server = await serveDuring(t, { tones: true, env: ENV });
  const client = await RealtimeClient.open(server, 'intent=transcription');
  const input = { noise_reduction: { type: 'near_field' } };
  client.send({ type: 'session.update', session: { type: 'transcription', audio: { input } } });
  client.append(await spokenPcm(server, 'good morning'));
  const heard = await client.next('conversation.item.input_audio_transcription.completed');
  assert.equal(heard.transcript, 'good morning');
  client.close();
  assert.equal(warnings(server).length, 1);
  assert.match(warnings(server)[0]!, /open-speech models pull gtcrn/);
});

test('a stream goes on, whole, when the process of the model is killed', { skip }, async (t) => {
  const server = await serve(t);
  const { audio } = street();
  const bytes = toS16le(audio);
  const live = await LiveSocket.open(server, `${PATH}&denoise=true`);
  live.send(bytes.subarray(0, 32 * 6000));
  await live.until('vad');
  const line = server.log.find((each) => each.includes('Engine process started') && each.includes('gtcrn'));
  process.kill(JSON.parse(line!).pid as number, 'SIGKILL');
  await until(() => warnings(server).length === 1);
  for (let at = 32 * 6000; at < bytes.length; at += 640) live.send(bytes.subarray(at, at + 640));
  live.send({ type: 'stop' });
  assert.equal(await live.closed(), 1000);
  const end = live.told.at(-1)!;
  assert.equal(end.errors, 0);
  assert.equal(end.audio_seconds, Math.round(bytes.length / 32) / 1000);
  assert.ok(live.told.filter(({ state }) => state === 'speech_end').length > 1);
  assert.equal(warnings(server).length, 1);
});

test('a session that is cleaned holds no shutdown up, and is told whole', { skip }, async (t) => {
  const server = await serve(t, { OS_SHUTDOWN_TIMEOUT_S: '600' });
  const live = await LiveSocket.open(server, `${PATH}&denoise=true`);
  const bytes = toS16le(firstSentence()).subarray(0, 32 * 4000);
  live.send(bytes);
  await until(() => live.types().includes('vad') && running(server) === 1);
  await server.server.close();
  assert.equal(await live.closed(), 1001);
  assert.equal(live.told.at(-1)!.audio_seconds, bytes.length / 32_000);
  assert.ok(live.told.some(({ state }) => state === 'speech_end'));
  assert.deepEqual(warnings(server), []);
});
