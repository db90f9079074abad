/** What an operator relies on: readiness, shutdown, metrics, the API's description, one server per data folder. */
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { loadSettings } from '../src/config/load.ts';
import { startOpenSpeech } from '../src/open-speech.ts';
import { openLog } from '../src/telemetry/log.ts';
import { assertError, assertUnharmed } from './support/answers.ts';
import { FORM_TYPE, file, form } from './support/forms.ts';
import { RawConnection, requestHead } from './support/raw.ts';
import { serveDuring, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const env = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };
const JSON_TYPE = { 'content-type': 'application/json' };
/** Paragraphs, so that each is spoken by a call of its own. */
const PARAGRAPHS = Array.from({ length: 6 }, (_, i) => `paragraph number ${i}.`).join('\n\n');

function say(server: TestServer, body: object): Promise<Response> {
  return server.fetch('/v1/audio/speech', { method: 'POST', headers: JSON_TYPE, body: JSON.stringify(body) });
}

function startSlow(t: TestContext, more: Record<string, string> = {}): Promise<TestServer> {
  const one = { OS_ENGINE_PROCESSES: '1', OS_ENGINE_THREADS: '4' };
  return serveDuring(t, { tones: true, gigaflopPerSecond: 8, env: { ...env, ...one, ...more } });
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

/** Every process that the server has told of. */
function enginePids(server: TestServer): number[] {
  return server.log.map((line) => Number((JSON.parse(line) as { pid?: number }).pid)).filter((pid) => pid > 0);
}

describe('shutting down', () => {
  test('what runs is finished whole, new work is refused, and nothing is left', async (t) => {
    const server = await startSlow(t);
    const body = { input: PARAGRAPHS, response_format: 'wav' };
    const whole = Buffer.from(await (await say(server, body)).arrayBuffer());
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
    const server = await startSlow(t, { OS_SHUTDOWN_TIMEOUT_S: '1' });
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
    const audio = Buffer.from(
      await (await say(server, { input: 'count this.', response_format: 'wav' })).arrayBuffer(),
    );
    await server
      .fetch('/v1/audio/transcriptions', {
        method: 'POST',
        headers: { 'content-type': FORM_TYPE },
        body: form(file(audio)),
      })
      .then((answer) => answer.text());
    await say(server, { input: '' });
    await fetch(`${server.url}/v1/models`, { headers: { authorization: 'Bearer wrong' } });
    await fetch(`${server.url}/a-path-that-somebody-made-up`);
    const leaving = new AbortController();
    const cut = await server.fetch('/v1/audio/speech', {
      ...{ method: 'POST', headers: JSON_TYPE, signal: leaving.signal },
      body: JSON.stringify({ input: 'and on and on. '.repeat(200), response_format: 'pcm' }),
    });
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

describe('the description of the API', () => {
  type Json = { [key: string]: Json } & { $ref?: string };
  interface Operation {
    parameters?: { name: string; in: string; required?: boolean; schema?: object }[];
    requestBody?: { required?: boolean; content: Record<string, { schema?: Json }> };
    responses: Record<string, { description?: string; content?: Record<string, { schema?: Json }> }>;
    security?: object[];
    summary?: string;
    tags?: string[];
  }
  interface OpenApi {
    openapi: string;
    info: { title: string; version: string };
    paths: Record<string, Record<string, Operation>>;
    components: { schemas: Record<string, Json>; securitySchemes: Record<string, object> };
    security: object[];
  }

  async function described(t: TestContext): Promise<{ server: TestServer; api: OpenApi }> {
    const server = await serveDuring(t);
    const answer = await fetch(`${server.url}/openapi.json`);
    assert.match(answer.headers.get('content-type')!, /^application\/json/);
    return { server, api: (await answer.json()) as OpenApi };
  }

  test('is OpenAPI 3.1, every reference in it resolves, and every parameter of a path is described', async (t) => {
    const { api } = await described(t);
    assert.match(api.openapi, /^3\.1\.\d+$/);
    assert.ok(api.info.title && api.info.version);
    const references: string[] = [];
    JSON.stringify(api, (key, value: unknown) => {
      if (key === '$ref') references.push(value as string);
      return value;
    });
    assert.ok(references.length > 10);
    for (const reference of references) {
      const target = reference
        .replace(/^#\//, '')
        .split('/')
        .reduce<Json | undefined>((at, key) => at?.[key], api as unknown as Json);
      assert.equal(typeof target, 'object', reference);
    }
    for (const [path, operations] of Object.entries(api.paths)) {
      assert.match(path, /^\/[\w/.-]*(\{\w+\}[\w/.-]*)*$/);
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
      for (const [method, { parameters = [], responses }] of Object.entries(operations)) {
        assert.match(method, /^(get|post|put|delete|patch)$/);
        const inPath = parameters.filter((parameter) => parameter.in === 'path');
        assert.deepEqual(
          inPath.map(({ name }) => name),
          named,
          path,
        );
        assert.ok(inPath.every(({ required }) => required === true));
        for (const [status, { description }] of Object.entries(responses)) {
          assert.match(status, /^[1-5]\d\d$/);
          assert.ok(description, `${method} ${path} ${status}`);
        }
      }
    }
  });

  test('has every route of /v1 with what goes in, what comes out and how it fails', async (t) => {
    const { server, api } = await described(t);
    const routes = server.server.routes.filter(({ url, method }) => url.startsWith('/v1/') && method !== 'HEAD');
    const listed = Object.entries(api.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
    );
    for (const { method, url, policy } of routes) {
      const path = url.replace('*', '{id}');
      assert.ok(listed.includes(`${method} ${path}`), `${method} ${path}`);
      const operation = api.paths[path]![method.toLowerCase()]!;
      assert.ok(operation.summary && operation.tags?.length);
      assert.equal(policy.access, 'key');
      assert.ok((operation.security ?? api.security).length > 0, `${path} needs a key`);
      const contents = [Object.entries(operation.responses['200']!.content!)];
      if (method === 'POST') contents.push(Object.entries(operation.requestBody!.content));
      for (const [type, { schema }] of contents.flat()) {
        assert.match(type, /^[\w-]+\/[\w.+-]+$/);
        assert.ok(
          Object.keys(schema!).some((key) => key === 'type' || key === '$ref' || key === 'anyOf'),
          `${path}: ${type}`,
        );
      }
      for (const status of ['400', '401', '403', '404', '413', '429', '500', '503', '504']) {
        const { schema } = operation.responses[status]!.content!['application/json']!;
        assert.equal(schema!.$ref, '#/components/schemas/Error', `${path} ${status}`);
      }
    }
    assert.deepEqual(api.paths['/v1/audio/speech']!.post!.requestBody!.content['application/json']!.schema!.required, [
      'input',
    ]);
    assert.deepEqual(
      api.paths['/v1/audio/transcriptions']!.post!.requestBody!.content['multipart/form-data']!.schema!.required,
      ['file'],
    );
  });

  test('has no route that does not exist, and none that is private', async (t) => {
    const { server, api } = await described(t);
    const routes = new Set(server.server.routes.map(({ method, url }) => `${method} ${url.replace('*', '{id}')}`));
    for (const [path, operations] of Object.entries(api.paths)) {
      for (const method of Object.keys(operations)) assert.ok(routes.has(`${method.toUpperCase()} ${path}`), path);
    }
  });

  test('can be read at /docs, whose every file comes from this server and may load nothing else', async (t) => {
    const { server } = await described(t);
    const page = await fetch(`${server.url}/docs`);
    assert.equal(page.status, 200);
    const policy = page.headers.get('content-security-policy')!;
    assert.match(policy, /default-src 'none'/);
    assert.doesNotMatch(policy, /https?:|\*|\.io|unsafe/);
    const html = await page.text();
    const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
    assert.ok(files.length >= 5);
    for (const path of files) {
      assert.match(path, /^\/(?!\/)/);
      const answer = await fetch(server.url + path);
      assert.equal(answer.status, 200, path);
      const text = await answer.text();
      if (!path.endsWith('.css')) continue;
      for (const [, address] of text.matchAll(/url\(\s*["']?([^"')]+)/g))
        assert.match(address!, /^(data:|#|\/(?!\/))/, path);
      assert.doesNotMatch(text, /@import/);
    }
    assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)[^>]*>\s*\S/, 'no script in the page itself');
  });
});

describe('one server', () => {
  test('uses a data folder; a second one says so and does no harm, and after the first it starts', async (t) => {
    const first = await serveDuring(t);
    const { settings } = loadSettings({ env: { OS_DATA_DIR: first.dataDir, OS_PORT: '0', OS_API_KEY: TEST_KEY } });
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
    const server = await startSlow(t);
    const answers = await Promise.all(Array.from({ length: 200 }, () => fetch(`${server.url}/v1/models`)));
    const ids = answers.map(({ headers }) => headers.get('x-request-id'));
    assert.equal(new Set(ids).size, 200);
    const since = performance.now();
    const answer = await say(server, { input: 'how long does it take?' });
    const took = performance.now() - since;
    const told = Number(answer.headers.get('openai-processing-ms'));
    assert.ok(told > 10 && told <= took + 1, `${told} of ${took} ms`);
    await answer.body?.cancel();
  });
});
