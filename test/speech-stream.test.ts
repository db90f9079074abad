/** When speech comes: the first sound before the rest is made, and an end to whatever nobody hears or takes too long. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUDIO_FORMATS } from '../src/audio/contract.ts';
import { assertError, assertUnharmed } from './support/answers.ts';
import { bytesOf, eventsOf, heard, modelAt, say as sayTo } from './support/client.ts';
import { RawConnection, requestHead } from './support/raw.ts';
import { serveDuring, serveSlowly, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const env = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };

const say = (body: object, to: TestServer, init?: RequestInit) => sayTo(to, body, init);

interface SpeechEvent {
  type: string;
  error?: { code: string };
}

/** Paragraphs, so that each is spoken by itself. */
const SENTENCES = Array.from({ length: 8 }, (_, i) => `this is number ${i}.`).join('\n\n');

test('the first bytes leave while the rest is still to be spoken, in every format and as events', async (t) => {
  const slow = await serveSlowly(t, 8);
  for (const more of [...AUDIO_FORMATS.map((format) => ({ response_format: format })), { stream_format: 'sse' }]) {
    const answer = await say({ input: SENTENCES, ...more }, slow);
    const reader = answer.body!.getReader();
    const first = await reader.read();
    assert.ok(first.value!.length > 0);
    assert.equal(modelAt(slow).running, 1, `${JSON.stringify(more)}: it is still speaking`);
    await reader.cancel();
    await until(() => modelAt(slow).running === 0);
  }
});

test('a client that leaves stops the voice, whether it has heard something or not', async (t) => {
  const slow = await serveSlowly(t, 10);
  for (const hear of [false, true]) {
    for (const more of [{ response_format: 'pcm' }, { response_format: 'mp3' }, { stream_format: 'sse' }]) {
      const leaving = new AbortController();
      const asked = say({ input: SENTENCES, ...more }, slow, { signal: leaving.signal });
      asked.catch(() => {});
      if (hear) await (await asked).body!.getReader().read();
      else await until(() => modelAt(slow).running > 0);
      leaving.abort();
      await assertUnharmed(slow);
    }
  }
  assert.ok(!slow.log.some((line) => line.includes('"level":"error"')), slow.log.join(''));
  assert.equal((await say({ input: 'hi.' }, slow)).status, 200);
});

test('a client that stops reading is cut off and its work ends', async (t) => {
  const patient = await serveDuring(t, { tones: true, env: { ...env, OS_RESPONSE_IDLE_S: '1' } });
  const body = JSON.stringify({ input: 'on and on. '.repeat(370), response_format: 'pcm' });
  const connection = await RawConnection.open(patient.url);
  const headers = [
    `Authorization: Bearer ${TEST_KEY}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ];
  await connection.write(requestHead('POST /v1/audio/speech', ...headers) + body);
  await until(() => connection.received.length > 0);
  connection.socket.pause();
  await until(() => modelAt(patient).running > 0);
  await until(() => patient.log.some((line) => line.includes('cut short')));
  await assertUnharmed(patient);
  connection.close();
});

test('work that takes too long is answered with 504', async (t) => {
  const hasty = await serveSlowly(t, 100, { OS_REQUEST_TIMEOUT_S: '1' });
  const input = 'far too long for a voice as slow as this one to be spoken in a single second of time';
  await assertError(await say({ input }, hasty), { status: 504, code: 'deadline_exceeded', param: null });
  await assertUnharmed(hasty);
});

test('work that takes too long, but has been heard already, ends in the middle, and events say why', async (t) => {
  const hasty = await serveSlowly(t, 10, { OS_REQUEST_TIMEOUT_S: '2' });
  const input = `a.\n\n${'and then there is a lot more of it. '.repeat(100)}`;
  await assert.rejects(async () => bytesOf(await say({ input, response_format: 'pcm' }, hasty)), /terminated/);
  await assertUnharmed(hasty);
  // The process that did not stop in time was ended; the next one has to be there before the clock runs.
  await hasty.server.service.worker.load('tone-voice');
  const events = await eventsOf<SpeechEvent>(await say({ input, response_format: 'pcm', stream_format: 'sse' }, hasty));
  assert.ok(events.length > 1);
  assert.deepEqual(Object.keys(events.at(-1)!.error!), ['message', 'type', 'param', 'code']);
  assert.equal(events.at(-1)!.error!.code, 'deadline_exceeded');
  await assertUnharmed(hasty);
});

test('speech that grows beyond its bound is ended', async (t) => {
  const short = await serveDuring(t, { tones: true, env: { ...env, TTS_MAX_AUDIO_S: '3' } });
  const fits = await bytesOf(await say({ input: 'x'.repeat(20), response_format: 'pcm' }, short));
  assert.ok(fits.length > 1.9 * 48_000);
  const events = await eventsOf<SpeechEvent>(await say({ input: 'one two. '.repeat(10), stream_format: 'sse' }, short));
  assert.equal(events.at(-1)!.error?.code, 'audio_too_long');
  await assertUnharmed(short);
});

test('more calls than may wait are refused with the time to come back; all others are served whole', async (t) => {
  const narrow = await serveSlowly(t, 12, { OS_MAX_QUEUE: '2', OS_MAX_QUEUE_PER_KEY: '2' });
  const answers = await Promise.all(Array.from({ length: 8 }, () => say({ input: 'just one sentence.' }, narrow)));
  const statuses = answers.map(({ status }) => status).sort();
  assert.deepEqual(statuses, [200, 200, 200, 429, 429, 429, 429, 429]);
  for (const answer of answers) {
    if (answer.status === 429) await assertError(answer, { status: 429, code: 'queue_full', param: null });
    else assert.equal(await heard(narrow, await bytesOf(answer)), 'just one sentence.');
  }
  await assertUnharmed(narrow);
});
