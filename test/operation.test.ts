/** What an operator relies on: readiness, shutdown, metrics, one server per data folder. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { loadSettings } from '../src/config/load.ts';
import { startOpenSpeech } from '../src/open-speech.ts';
import { openLog } from '../src/telemetry/log.ts';
import { assertError, assertUnharmed } from './support/answers.ts';
import { bytesOf, heard, say } from './support/client.ts';
import { isAlive } from './support/fake-engine.ts';
import { FORM_TYPE, file, form } from './support/forms.ts';
import { RawConnection, requestHead } from './support/raw.ts';
import { serveDuring, serveSlowly, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const env = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };
/** Paragraphs, so that each is spoken by a call of its own. */
const PARAGRAPHS = Array.from({ length: 6 }, (_, i) => `paragraph number ${i}.`).join('\n\n');

/** Every process that the server has told of. */
function enginePids(server: TestServer): number[] {
  return server.log.map((line) => Number((JSON.parse(line) as { pid?: number }).pid)).filter((pid) => pid > 0);
}

describe('shutting down', () => {
  test('what runs is finished whole, new work is refused, and nothing is left', async (t) => {
    const server = await serveSlowly(t, 8);
    const body = { input: PARAGRAPHS, response_format: 'wav' };
    const whole = await bytesOf(await say(server, body));
    assert.equal((await fetch(`${server.url}/ready`)).status, 200);

    const speaking = await say(server, body);
    const reader = speaking.body!.getReader();
    const heard = [(await reader.read()).value!];
    const half = await RawConnection.open(server.url);
    const upload = form(file(whole));
    const head = [
      `Authorization: Bearer ${TEST_KEY}`,
      `Content-Type: ${FORM_TYPE}`,
      `Content-Length: ${upload.length}`,
    ];
    await half.write(requestHead('POST /v1/audio/transcriptions', ...head));
    await half.write(upload.subarray(0, 1000));
    await until(() => readdirSync(join(server.dataDir, 'tmp')).length === 1);

    const closed = server.server.close();
    await until(async () => (await fetch(`${server.url}/ready`)).status === 503);
    assert.equal((await fetch(`${server.url}/health`)).status, 200);
    const notReady = await fetch(`${server.url}/ready`);
    assert.equal(((await notReady.json()) as { status: string }).status, 'not_ready');
    for (const refused of [await say(server, body), await server.fetch('/v1/models')]) {
      await assertError(refused, { status: 503, code: 'shutting_down', param: null });
      assert.equal(refused.headers.get('x-should-retry'), 'true');
    }

    for (let next = await reader.read(); !next.done; next = await reader.read()) heard.push(next.value);
    assert.ok(Buffer.concat(heard).equals(whole), 'the speech that ran is whole');
    await half.write(upload.subarray(1000));
    const answer = await half.answer();
    assert.equal(answer.status, 200, 'the upload that ran is heard');
    assert.match(answer.body.toString(), /paragraph number 5/);
    await closed;
    await assert.rejects(fetch(`${server.url}/health`));
    assert.ok(enginePids(server).length > 0);
    await until(() => !enginePids(server).some(isAlive));
  });

  test('what does not end in time is ended, and a client that reads nothing holds nobody up', async (t) => {
    const server = await serveSlowly(t, 8, { OS_SHUTDOWN_TIMEOUT_S: '1' });
    const long = JSON.stringify({ input: `${PARAGRAPHS}\n\n`.repeat(20), response_format: 'pcm' });
    const head = [
      `Authorization: Bearer ${TEST_KEY}`,
      'Content-Type: application/json',
      `Content-Length: ${long.length}`,
    ];
    const deaf = await RawConnection.open(server.url);
    await deaf.write(requestHead('POST /v1/audio/speech', ...head) + long);
    await until(() => deaf.received.length > 0);
    deaf.socket.pause();
    const idle = await RawConnection.open(server.url);
    await idle.write(requestHead('GET /health'));
    assert.equal((await idle.answer()).status, 200);
    const stuck = await RawConnection.open(server.url);
    await stuck.write(requestHead('POST /v1/audio/speech', ...head));
    await server.server.close();
    await assert.rejects(fetch(`${server.url}/health`));
    await until(() => !enginePids(server).some(isAlive));
    deaf.socket.resume();
    await Promise.all([deaf.end(), idle.end(), stuck.end()]);
  });

  test('closing twice is closing once', async (t) => {
    const server = await serveDuring(t);
    await Promise.all([server.server.close(), server.server.close()]);
    await server.server.close();
  });
});

describe('metrics', () => {
  async function metricsOf(server: TestServer): Promise<Map<string, number>> {
    const answer = await server.fetch('/metrics');
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type')!, /^text\/plain; version=/);
    const lines = (await answer.text()).split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    return new Map(
      lines.map((line) => {
        const [, name, value] = /^(\S+(?:\{.*\})?) (\S+)$/.exec(line)!;
        assert.ok(Number.isFinite(Number(value)), line);
        return [name!, Number(value)] as const;
      }),
    );
  }

  test('count what was asked, made, heard and refused, in seconds', async (t) => {
    const server = await serveDuring(t, { tones: true, env });
    const audio = await bytesOf(await say(server, { input: 'count this.', response_format: 'wav' }));
    assert.equal(await heard(server, audio), 'count this.');
    await say(server, { input: '' });
    await fetch(`${server.url}/v1/models`, { headers: { authorization: 'Bearer wrong' } });
    await fetch(`${server.url}/a-path-that-somebody-made-up`);
    const leaving = new AbortController();
    const endless = { input: 'and on and on. '.repeat(200), response_format: 'pcm' };
    const cut = await say(server, endless, { signal: leaving.signal });
    await cut.body!.getReader().read();
    leaving.abort();
    await assertUnharmed(server);

    const metrics = await metricsOf(server);
    const at = (name: string) => metrics.get(`open_speech_${name}`) ?? 0;
    const requests = (route: string, method: string, status: number) =>
      at(`requests_total{route="${route}",method="${method}",status="${status}"}`);
    assert.equal(requests('/v1/audio/speech', 'POST', 200), 1);
    assert.equal(requests('/v1/audio/speech', 'POST', 400), 1);
    assert.equal(requests('/v1/audio/speech', 'POST', 499), 1);
    assert.equal(requests('/v1/audio/transcriptions', 'POST', 200), 1);
    assert.equal(requests('/v1/models', 'GET', 401), 1);
    assert.equal(requests('unknown', 'GET', 404), 1);
    assert.equal(at('authentication_failures_total'), 1);
    assert.ok(at('request_seconds_sum{route="/v1/audio/speech"}') > 0.001);
    assert.equal(at('first_audio_seconds_count{model="tone-voice"}'), 2);
    assert.ok(at('first_audio_seconds_sum{model="tone-voice"}') > 0.001);
    const seconds = (audio.length - 44) / 48_000;
    assert.ok(at('audio_made_seconds_total{model="tone-voice"}') > seconds);
    assert.ok(Math.abs(at('audio_heard_seconds_total{model="tone-ear"}') - seconds) < 0.1);
    assert.ok(at('engine_processes{model="tone-voice"}') >= 1);
    assert.ok(at('engine_memory_bytes{model="tone-voice"}') > 1e6);
    assert.ok(at('process_resident_memory_bytes') > 1e7);
    assert.ok(![...metrics.keys()].some((name) => name.includes('made-up')), 'nothing that a caller wrote is a label');
  });

  test('are for administrators, and can be turned off', async (t) => {
    const quiet = await serveDuring(t, { env: { OS_METRICS_ENABLED: 'false' } });
    await assertError(await quiet.fetch('/metrics'), { status: 404, code: 'not_found', param: null });
    const server = await serveDuring(t);
    await assertError(await fetch(`${server.url}/metrics`), { status: 401, code: 'invalid_api_key' });
  });
});

describe('one server', () => {
  test('uses a data folder; a second one says so and does no harm, and after the first it starts', async (t) => {
    const first = await serveDuring(t);
    const { settings } = loadSettings({
      env: { OS_DATA_DIR: first.dataDir, OS_PORT: '0', OS_API_KEY: TEST_KEY, OS_FETCH_FIRST_MODELS: 'false' },
    });
    const log = openLog({ level: 'silent' });
    await assert.rejects(startOpenSpeech(settings, log), /another Open Speech server uses the data folder/);
    assert.equal((await first.fetch('/v1/models')).status, 200);
    await assertUnharmed(first);
    await first.server.close();
    const second = await startOpenSpeech(settings, log);
    assert.equal((await fetch(`${second.url}/health`)).status, 200);
    await second.close();
  });

  test('gives every request an id of its own and tells how long it worked', async (t) => {
    const server = await serveSlowly(t, 8);
    const answers = await Promise.all(Array.from({ length: 200 }, () => fetch(`${server.url}/v1/models`)));
    const ids = answers.map(({ headers }) => headers.get('x-request-id'));
    assert.equal(new Set(ids).size, 200);
    const since = performance.now();
    const answer = await say(server, { input: 'how long does it take?' });
    const took = performance.now() - since;
    const told = Number(answer.headers.get('openai-processing-ms'));
    assert.ok(told > 0 && told <= took + 1, `${told} of ${took} ms`);
    await answer.body?.cancel();
  });
});
