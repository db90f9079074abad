/** A first start on a machine that reaches a hub, or does not: what is fetched unasked, and what is not. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { type TestContext, test } from 'node:test';
import type { ModelManifest } from '../src/models/manifest.ts';
import { STARTERS } from '../src/models/shipped.ts';
import type { Outside } from '../src/speech/library.ts';
import { HOSTS, HUB, Hub, testWorld } from './support/hub.ts';
import { startServer, type TestServer } from './support/server.ts';
import { shipTones } from './support/shipped-tones.ts';
import { until } from './support/until.ts';

const [EAR, VOICE] = STARTERS as [string, string];
const CHILD = resolve(import.meta.dirname, 'support/children/first-start.ts');
const FETCHING = 'Fetching small models in the background';
const FAILED = 'Small models could not be fetched';

interface Machine {
  hub: Hub;
  dataDir: string;
  shipped: ModelManifest[];
  /** Starts a server on this machine; it ends with the test. */
  start(env?: Record<string, string>, outside?: Outside): Promise<TestServer>;
}

/** A machine that has never had a server, and a hub that has the first models (and one more). */
async function freshMachine(t: TestContext): Promise<Machine> {
  const hub = await Hub.start();
  const dataDir = mkdtempSync(join(tmpdir(), 'open-speech-first-'));
  const first = await shipTones(hub, { voice: VOICE, ear: EAR });
  const shipped = [...first, ...(await shipTones(hub))];
  const servers: TestServer[] = [];
  t.after(async () => {
    for (const server of servers) await server.stop();
    await hub.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  const start: Machine['start'] = async (env = {}, outside = { shipped, world: testWorld() }) => {
    const server = await startServer({
      env: { OS_DATA_DIR: dataDir, OS_MODEL_HOSTS: HOSTS.join(','), OS_FETCH_FIRST_MODELS: 'true', ...env },
      outside,
    });
    servers.push(server);
    return server;
  };
  return { hub, dataDir, shipped, start };
}

interface Line extends Record<string, unknown> {
  level: string;
  msg: string;
}
const linesOf = ({ log }: TestServer, begin: string): Line[] =>
  log.map((line) => JSON.parse(line) as Line).filter(({ msg }) => msg.startsWith(begin));
const defaults = async ({ fetch }: TestServer): Promise<{ stt: string; tts: string }> =>
  ((await (await fetch('/v1/capabilities')).json()) as { defaults: { stt: string; tts: string } }).defaults;
const statusOf = async (server: TestServer, path: string): Promise<number> => {
  const response = await server.fetch(path);
  await response.arrayBuffer();
  return response.status;
};
const speak = async (server: TestServer): Promise<string | null> => {
  const response = await server.fetch('/v1/audio/speech', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'tts-1', voice: 'alloy', input: 'hello', response_format: 'wav' }),
  });
  assert.equal(response.status, 200);
  assert.ok((await response.arrayBuffer()).byteLength > 1000);
  return response.headers.get('x-model');
};
const came = (server: TestServer) =>
  until(async () => {
    const { stt, tts } = await defaults(server);
    return stt === EAR && tts === VOICE;
  });

test('the packaged voice speaks while two small models are fetched; then they are the defaults, and never fetched again', async (t) => {
  const { hub, start } = await freshMachine(t);
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  hub.misbehave = (request, response) => {
    void held.then(() =>
      hub.send(request, response, hub.files.get(request.url!.replace(/^.*\/resolve\/[0-9a-f]+\//, ''))!),
    );
    return true;
  };
  hub.lfsFrom = Number.POSITIVE_INFINITY;
  const server = await start();
  await until(() => hub.requests.length > 0);
  assert.equal(await statusOf(server, '/ready'), 200);
  assert.equal(await speak(server), 'espeak');
  const [line, ...more] = linesOf(server, FETCHING);
  assert.deepEqual(more, []);
  assert.match(line!.msg, /OS_FETCH_FIRST_MODELS=false/);
  assert.deepEqual([...(line!.models as string[])].sort(), [...STARTERS].sort());
  assert.deepEqual([line!.from, typeof line!.megabytes], [[`${HUB}:${hub.port}`], 'number']);

  release();
  await came(server);
  assert.equal(await speak(server), VOICE);
  assert.deepEqual(
    linesOf(server, 'A model is ready')
      .map(({ model }) => model)
      .sort(),
    [...STARTERS].sort(),
  );
  await server.server.close();

  const seen = hub.requests.length;
  const second = await start();
  assert.equal((await second.fetch(`/api/models/${VOICE}/artifacts`, { method: 'DELETE' })).status, 200);
  await second.server.close();
  const third = await start();
  assert.deepEqual([linesOf(second, FETCHING), linesOf(third, FETCHING), hub.requests.length], [[], [], seen]);
  assert.equal((await defaults(third)).tts, 'espeak');
});

test('nothing is fetched where the operator declines', async (t) => {
  const { hub, start } = await freshMachine(t);
  const server = await start({ OS_FETCH_FIRST_MODELS: 'false' });
  assert.equal(await speak(server), 'espeak');
  await server.server.close();
  assert.deepEqual([hub.requests.length, linesOf(server, FETCHING)], [0, []]);
});

test('where no hub can be reached, one line says why and what to do, and the next start tries again', async (t) => {
  const { shipped, start } = await freshMachine(t);
  const world = testWorld({
    resolve: async (host) => {
      throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
    },
  });
  const closed = await start({ OS_DOWNLOAD_ATTEMPTS: '1' }, { shipped, world });
  await until(() => linesOf(closed, FAILED).length > 0);
  const trouble = closed.log
    .map((line) => JSON.parse(line) as Line)
    .filter(({ level }) => level !== 'info' && level !== 'debug');
  assert.equal(trouble.length, 1, closed.log.join(''));
  assert.match(String(trouble[0]!.reason), /hub\.test/);
  assert.match(String(trouble[0]!.remedy), /OS_HTTPS_PROXY.*OS_MODEL_MIRROR.*import.*OS_FETCH_FIRST_MODELS=false/);
  assert.deepEqual([await statusOf(closed, '/ready'), await speak(closed)], [200, 'espeak']);
  await closed.server.close();

  await came(await start());
});

test('a server that is stopped while it fetches stops cleanly', async (t) => {
  const { hub, start } = await freshMachine(t);
  hub.misbehave = () => true;
  const server = await start();
  await until(() => hub.requests.length > 2);
  await server.server.close();
  assert.deepEqual([linesOf(server, FAILED), linesOf(server, 'The first models')], [[], []]);
});

test('killed in the middle, the next start goes on with what is missing', async (t) => {
  const { hub, dataDir, shipped, start } = await freshMachine(t);
  const [voice, ear] = shipped as [ModelManifest, ModelManifest];
  // The recogniser never comes, so that one of the two is there when the server is killed.
  hub.misbehave = (request) => request.url!.includes(ear.id);
  const child = spawn(process.execPath, [CHILD, JSON.stringify({ dataDir, shipped })], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  t.after(() => child.kill('SIGKILL'));
  child.stdout.on('data', (data: Buffer) => data.toString().includes(`ready ${voice.id}`) && child.kill('SIGKILL'));
  await ended;
  hub.misbehave = () => false;
  hub.requests.length = 0;

  const server = await start();
  await came(server);
  assert.deepEqual(linesOf(server, FETCHING)[0]!.models, [ear.id]);
  assert.ok(!hub.requests.some(({ path }) => path.includes(voice.id)));
});

test('where somebody looks after the models, none is fetched unasked', async (t) => {
  for (const [what, manage] of [
    ['another model was fetched', (server: TestServer) => pull(server, 'tone-voice')],
    ['one of the first was fetched', (server: TestServer) => pull(server, VOICE)],
    [
      'one of the first was cancelled on its way',
      async (server: TestServer, hub: Hub) => {
        hub.misbehave = () => true;
        const download = (method: string) => server.fetch(`/api/models/${EAR}/download`, { method });
        assert.equal((await download('POST')).status, 202);
        assert.equal((await download('DELETE')).status, 200);
        hub.misbehave = () => false;
      },
    ],
    [
      'a model was fetched and removed',
      async (server: TestServer) => {
        await pull(server, 'tone-ear');
        await server.fetch('/api/models/tone-ear/artifacts', { method: 'DELETE' });
      },
    ],
  ] as const) {
    await t.test(what, async (t) => {
      const { hub, start } = await freshMachine(t);
      const server = await start({ OS_FETCH_FIRST_MODELS: 'false' });
      await manage(server, hub);
      await server.server.close();
      const seen = hub.requests.length;
      const second = await start();
      await second.server.close();
      assert.deepEqual([linesOf(second, FETCHING), hub.requests.length], [[], seen]);
    });
  }
});

test('the same models are had by one word', async (t) => {
  const { start } = await freshMachine(t);
  const server = await start({ OS_FETCH_FIRST_MODELS: 'false' });
  const answer = await server.fetch('/api/pull', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'first' }),
  });
  const { models } = (await answer.json()) as { models: { id: string; state: string }[] };
  assert.deepEqual([answer.status, models.map(({ id }) => id)], [202, STARTERS]);
  await came(server);
});

async function pull(server: TestServer, id: string): Promise<void> {
  assert.equal((await server.fetch(`/api/models/${id}/download`, { method: 'POST' })).status, 202);
  await until(() => server.server.library.arrival(id).state === 'ready');
}
