/** Engines that die while somebody speaks or is spoken to: the protocol says so, and the session goes on. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { assertUnharmed } from './support/answers.ts';
import { LiveSocket, metric, TONES, type Told } from './support/live.ts';
import { childrenOf } from './support/processes.ts';
import { serveDuring, type TestServer } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';
import { until } from './support/until.ts';

const skip = existsSync('/proc/self/stat') ? false : 'only Linux lets us look at processes';
const WORDS = 'good morning';

async function serve(t: TestContext) {
  // A model whose process dies while it loads is not given up here.
  const env = { ...TONES, OS_ENGINE_PROCESSES: '1', OS_ENGINE_RESTARTS: '100', STT_VAD: 'webrtc' };
  const server = await serveDuring(t, { tones: true, gigaflopPerSecond: 10, env });
  return { server, spoken: await spokenPcm(server, WORDS) };
}

const engines = () => childrenOf(process.pid).filter(({ command }) => command.includes('engine-host'));

/** Kills engines at work, again and again, until something has happened. */
async function killUntil(server: TestServer, happened: () => boolean): Promise<void> {
  const { router } = server.server.service;
  const busy = () => router.status().models.some(({ running, state }) => running > 0 && state === 'loaded');
  while (!happened()) {
    // One that loads is left alone: models that do not load are a matter of their own.
    if (busy()) for (const { pid } of engines()) process.kill(pid, 'SIGKILL');
    await sleep(2);
  }
}

const said = (live: LiveSocket): string[] =>
  live.told.flatMap((each: Told) => {
    if (each.speech_final && each.channel !== undefined) return [each.channel.alternatives[0].transcript];
    if (each.speech_final) return [each.text];
    return each.type === 'conversation.item.input_audio_transcription.completed' ? [each.transcript] : [];
  });

const count = (live: LiveSocket, type: string): number => live.types().filter((each) => each === type).length;

/** Speaks while engines die until an utterance is lost, and then once more in peace. */
async function losesOneUtterance(
  server: TestServer,
  live: LiveSocket,
  say: () => void,
  failure: string,
): Promise<void> {
  say();
  await killUntil(server, () => count(live, failure) > 0);
  const before = said(live).length;
  say();
  await until(() => said(live).length > before || live.code !== undefined);
  assert.equal(said(live).at(-1), WORDS);
}

test('our own stream tells of the utterance that was lost, and hears the next', { skip }, async (t) => {
  const { server, spoken } = await serve(t);
  const live = await LiveSocket.open(server, '/v1/audio/stream?sample_rate=24000');
  await losesOneUtterance(server, live, () => live.send(spoken), 'error');
  assert.match(live.told.find(({ type }) => type === 'error')!.code, /^(engine_failed|model_unavailable)$/);
  live.send({ type: 'stop' });
  assert.equal(await live.closed(), 1000);
  assert.ok((await metric(server, 'utterances_total{model="tone-ear",outcome="failed"}')) >= 1);
  await assertUnharmed(server);
});

test("Deepgram's stream tells of the utterance that was lost, and hears the next", { skip }, async (t) => {
  const { server, spoken } = await serve(t);
  const live = await LiveSocket.open(server, '/v1/listen?encoding=linear16&sample_rate=24000');
  await losesOneUtterance(server, live, () => live.send(spoken), 'Error');
  live.send({ type: 'CloseStream' });
  assert.equal(await live.closed(), 1000);
  assert.equal(live.told.at(-1)!.type, 'Metadata');
  await assertUnharmed(server);
});

test('a Realtime session tells of the utterance and of the answer that were lost, and goes on', { skip }, async (t) => {
  const { server, spoken } = await serve(t);
  const live = await LiveSocket.open(server, '/v1/realtime?model=gpt-realtime');
  const audio = { input: { transcription: {} }, output: { voice: 'tone-0' } };
  live.send({ type: 'session.update', session: { type: 'realtime', audio } });
  const say = () => live.send({ type: 'input_audio_buffer.append', audio: Buffer.from(spoken).toString('base64') });
  await losesOneUtterance(server, live, say, 'conversation.item.input_audio_transcription.failed');

  const speak = () =>
    live.send({ type: 'response.create', response: { instructions: 'one. two. three. four. five. six.' } });
  let answers = 0;
  let lost: Told;
  do {
    speak();
    answers++;
    await killUntil(server, () => count(live, 'response.done') === answers);
    lost = await live.until('response.done', answers);
    // A sentence of which nothing had come is spoken again, so that an answer may survive.
  } while (lost.response.status === 'completed');
  assert.equal(lost.response.status, 'failed');
  assert.match(lost.response.status_details.error.code, /^(engine_failed|model_unavailable)$/);
  speak();
  assert.equal((await live.until('response.done', answers + 1)).response.status, 'completed');
  assert.equal(await metric(server, 'responses_total{outcome="failed"}'), 1);
  live.socket.close();
  await live.closed();
  await assertUnharmed(server);
});

test("Deepgram's voice tells why it falls silent, and speaks again on a new socket", { skip }, async (t) => {
  const { server } = await serve(t);
  const speak = async (server_: TestServer) => {
    const live = await LiveSocket.open(server_, '/v1/speak');
    live.send({ type: 'Speak', text: 'one two three. four five six. seven eight nine. '.repeat(4) });
    live.send({ type: 'Flush' });
    await live.until('binary');
    return live;
  };
  const lost = await speak(server);
  await killUntil(server, () => lost.code !== undefined);
  assert.equal(lost.code, 1011);
  assert.equal(lost.told.at(-1)!.type, 'Error');
  const next = await speak(server);
  next.send({ type: 'Close' });
  assert.equal(await next.closed(), 1000);
  await assertUnharmed(server);
});
