/** `semantic_vad` with a model that hears whether somebody has finished, and without one. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { buildTurnModel } from './models/turn-model.ts';
import { addBuilt } from './support/helper-models.ts';
import { RealtimeClient } from './support/realtime.ts';
import { serveDuring, type TestServer } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';
import { until } from './support/until.ts';

const TONES = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_MODEL_TTL: '0' };
const BYTES_PER_MS = 48;
const silence = (ms: number): Buffer => Buffer.alloc(ms * BYTES_PER_MS);
const COMPLETED = 'conversation.item.input_audio_transcription.completed';

/** A session in which the end of turns is heard, with `model` present. */
async function listener(t: TestContext, model: boolean): Promise<{ server: TestServer; client: RealtimeClient }> {
  const server = await serveDuring(t, { tones: true, env: TONES });
  if (model) await addBuilt(server, 'tone-turn', buildTurnModel);
  const client = await RealtimeClient.open(server, 'intent=transcription');
  t.after(() => client.close());
  const turn_detection = { type: 'semantic_vad', eagerness: 'low' };
  client.send({ type: 'session.update', session: { type: 'transcription', audio: { input: { turn_detection } } } });
  await client.next('session.updated');
  return { server, client };
}

/** What the voice says, without the silence behind it. */
async function words(server: TestServer, text: string): Promise<Buffer> {
  const pcm = Buffer.from(await spokenPcm(server, text));
  let end = pcm.length;
  while (end > 1 && Math.abs(pcm.readInt16LE(end - 2)) < 50) end -= 2;
  return pcm.subarray(0, end);
}

const turnModel = ({ server }: TestServer) =>
  server.service.router.status().models.find(({ id }) => id === 'tone-turn');

test('a sentence that is complete ends the turn soon, and one that is not may pause', async (t) => {
  const { server, client } = await listener(t, true);
  client.append(await words(server, 'i would like'));
  // Without the model this pause would be an end.
  client.append(silence(2000));
  client.append(await words(server, 'some tea.'));
  client.append(silence(1000));
  await client.next('input_audio_buffer.speech_started');
  const { audio_end_ms } = await client.next('input_audio_buffer.speech_stopped');
  assert.match((await client.next(COMPLETED)).transcript, /^i would like *some tea\.$/);
  assert.ok(audio_end_ms > 3500, `${audio_end_ms}`);
});

test('without the model a pause is an end after as long as eagerness says', async (t) => {
  const { server, client } = await listener(t, false);
  client.append(await words(server, 'i would like'));
  client.append(silence(2000));
  client.append(await words(server, 'some tea.'));
  client.append(silence(2000));
  assert.equal((await client.next(COMPLETED)).transcript, 'i would like');
  assert.equal((await client.next(COMPLETED)).transcript, 'some tea.');
});

test('a model that dies leaves the turns to silence, and hears them again when it is back', async (t) => {
  const { server, client } = await listener(t, true);
  await until(() => turnModel(server)?.state === 'loaded');
  const kill = (): void => {
    const line = server.log.findLast((each) => each.includes('tone-turn') && each.includes('"pid"'));
    process.kill(JSON.parse(line!).pid as number, 'SIGKILL');
  };
  kill();
  client.append(await words(server, 'i would like'));
  client.append(silence(2500));
  const first = await client.next(COMPLETED);
  assert.match(first.transcript, /^i would like/);
  await until(() => turnModel(server)?.state === 'loaded');
  client.append(await words(server, 'some tea.'));
  client.append(silence(600));
  assert.equal((await client.next(COMPLETED)).transcript, 'some tea.');
});
