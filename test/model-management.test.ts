/** `/api/models` and `/api/ps`: models come from a hub, work at once, and go again, with nobody restarting anything. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openKeyStore } from '../src/accounts/keys.ts';
import { serverEvents } from '../src/cli/backend/server-events.ts';
import { openDatabase } from '../src/storage/database.ts';
import { assertError } from './support/answers.ts';
import { say } from './support/client.ts';
import { HOSTS, Hub, sha256Of, testWorld } from './support/hub.ts';
import { addToneModels, serveDuring, type TestServer } from './support/server.ts';
import { shipTones } from './support/shipped-tones.ts';
import { until } from './support/until.ts';

interface Managed {
  id: string;
  state: string;
  reason: string | null;
  remedy: string | null;
  present: boolean;
  packaged: boolean;
  consents: string[];
  sizeBytes: number;
  commercialUse: boolean | null;
  progress: { bytes: number } | null;
}

/** A server whose catalogue is the tone models, to be had from a hub on this machine. */
async function serveShop(
  t: TestContext,
  changes: { voice?: object; ballastBytes?: number; env?: Record<string, string> } = {},
): Promise<{ hub: Hub; server: TestServer }> {
  const hub = await Hub.start();
  t.after(() => hub.close());
  const [voice, ear] = await shipTones(hub);
  const { ballastBytes = 0 } = changes;
  const ballast =
    ballastBytes === 0 ? [] : [{ ...hub.file('ballast.bin', randomBytes(ballastBytes)), path: 'ballast.bin' }];
  const server = await serveDuring(t, {
    env: { OS_MODEL_HOSTS: HOSTS.join(','), ...changes.env },
    outside: {
      shipped: [{ ...voice!, ...changes.voice, files: [...voice!.files, ...ballast] }, ear!],
      world: testWorld(),
    },
  });
  return { hub, server };
}

const JSON_TYPE = { 'content-type': 'application/json' };
const post = (server: TestServer, path: string, body?: object): Promise<Response> =>
  server.fetch(path, {
    method: 'POST',
    ...(body === undefined ? {} : { headers: JSON_TYPE, body: JSON.stringify(body) }),
  });
const remove = (server: TestServer, path: string): Promise<Response> => server.fetch(path, { method: 'DELETE' });
const speak = (server: TestServer, model: string): Promise<Response> =>
  post(server, '/v1/audio/speech', { model, input: 'hello', response_format: 'wav' });

async function told<T>(answer: Response, status = 200): Promise<T> {
  const text = await answer.text();
  assert.equal(answer.status, status, text);
  return JSON.parse(text) as T;
}

/** What the store keeps of models that are not whole. */
const incoming = ({ dataDir }: TestServer): string[] => readdirSync(join(dataDir, 'models/.incoming'));

async function events(server: TestServer, id: string): Promise<Record<string, unknown>[]> {
  const answer = await server.fetch(`/api/models/${id}/progress`);
  assert.match(answer.headers.get('content-type')!, /^text\/event-stream/);
  return (await Array.fromAsync(serverEvents(answer.body!))) as Record<string, unknown>[];
}

test('a model is fetched while its progress is told, speaks at once, and is gone after it was removed', async (t) => {
  const { hub, server } = await serveShop(t);
  const { models } = await told<{ models: Managed[] }>(await server.fetch('/api/models'));
  const before = models.find(({ id }) => id === 'tone-voice')!;
  assert.deepEqual([before.state, before.present, before.consents], ['absent', false, []]);
  assert.ok(before.sizeBytes > 0 && models.some(({ packaged }) => packaged));
  await assertError(await speak(server, 'tone-voice'), { status: 404, code: 'model_not_found' });
  assert.deepEqual(await events(server, 'tone-voice'), [{ type: 'model.absent', model: 'tone-voice' }]);

  hub.pauseMs = 30;
  const begun = await told<Managed>(await post(server, '/api/models/tone-voice/download'), 202);
  assert.match(begun.state, /^(queued|downloading)$/);
  const seen = await events(server, 'tone-voice');
  assert.deepEqual(seen.at(-1), { type: 'model.ready', model: 'tone-voice' });
  assert.ok(seen.some(({ type, state }) => type === 'model.progress' && state === 'downloading'));
  const spoken = await speak(server, 'tone-voice');
  assert.equal(spoken.status, 200);
  assert.ok((await spoken.arrayBuffer()).byteLength > 1000);

  const { models: loaded } = await told<{ models: { model: string; processes: number }[] }>(
    await server.fetch('/api/ps'),
  );
  assert.deepEqual(
    loaded.map(({ model, processes }) => [model, processes > 0]),
    [['tone-voice', true]],
  );
  assert.deepEqual(await told(await remove(server, '/api/models/tone-voice')), {
    status: 'unloaded',
    model: 'tone-voice',
  });
  assert.deepEqual(await told(await server.fetch('/api/ps')), { models: [] });
  await assertError(await remove(server, '/api/models/tone-voice'), { status: 404, code: 'not_found' });
  const again = await told<Managed>(await post(server, '/api/models/tone-voice/load'));
  assert.equal(again.state, 'loaded');

  assert.deepEqual(await told(await remove(server, '/api/models/tone-voice/artifacts')), {
    status: 'deleted',
    model: 'tone-voice',
  });
  assert.equal(existsSync(join(server.dataDir, 'models', 'tone-voice')), false);
  assert.deepEqual(await told(await server.fetch('/api/ps')), { models: [] });
  await assertError(await speak(server, 'tone-voice'), { status: 404, code: 'model_not_found' });
  await assertError(await remove(server, '/api/models/tone-voice/artifacts'), { status: 404, code: 'model_not_found' });
  await assertError(await post(server, '/api/models/tone-voice/load'), { status: 404, code: 'model_not_found' });
});

test('twenty callers who ask for a model at once share one download', async (t) => {
  const { hub, server } = await serveShop(t);
  hub.pauseMs = 30;
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => post(server, '/api/models/tone-ear/download', { allow_single_source: true })),
  );
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([202]));
  const followed = await Promise.all([events(server, 'tone-ear'), events(server, 'tone-ear')]);
  for (const seen of followed) assert.equal(seen.at(-1)!.type, 'model.ready');
  const files = server.server.library.find('tone-ear').manifest.files.length;
  const wholes = hub.requests.filter(({ host }) => host === 'hub.test').length;
  assert.equal(wholes, files, 'each file was asked for once');
  assert.equal((await told<Managed>(await post(server, '/api/models/tone-ear/download'), 202)).state, 'available');
  assert.equal(hub.requests.filter(({ host }) => host === 'hub.test').length, files, 'what is here is not fetched');
});

test('a model whose files were changed on the disk says how to mend that, and is whole after that', async (t) => {
  const { hub, server } = await serveShop(t, { env: { OS_DOWNLOAD_ATTEMPTS: '1' } });
  const fetched = async (): Promise<Record<string, unknown>> => {
    await told(await post(server, '/api/models/tone-voice/download'), 202);
    return (await events(server, 'tone-voice')).at(-1)!;
  };
  assert.equal((await fetched()).type, 'model.ready');
  writeFileSync(join(server.dataDir, 'models/tone-voice/tokens.txt'), 'something else');
  // As often as it takes until it is in quarantine.
  for (let i = 0; i < 4; i++) {
    const refused = await speak(server, 'tone-voice');
    assert.equal(refused.status, 503);
    assert.match(await refused.text(), /tokens\.txt.*open-speech models pull tone-voice/);
  }

  hub.misbehave = (_request, response) => Boolean(response.writeHead(404).end());
  assert.equal((await fetched()).type, 'model.failed', 'what is here and wrong is not called ready');
  hub.misbehave = () => false;
  const state = async (): Promise<string> =>
    (await told<Managed>(await server.fetch('/api/models/tone-voice/status'))).state;
  assert.equal(await state(), 'quarantined');
  hub.pauseMs = 50;
  await told(await post(server, '/api/models/tone-voice/download'), 202);
  await until(async () => (await state()) === 'downloading');
  assert.equal((await events(server, 'tone-voice')).at(-1)!.type, 'model.ready');
  assert.equal((await speak(server, 'tone-voice')).status, 200);
});

test('a model of an earlier catalogue is brought up to date by fetching it, one that somebody made is left alone', async (t) => {
  const { hub, server } = await serveShop(t, { voice: { description: 'better words' } });
  await told(await post(server, '/api/models/tone-voice/download'), 202);
  assert.equal((await events(server, 'tone-voice')).at(-1)!.type, 'model.ready');
  const folder = join(server.dataDir, 'models/tone-voice');
  const write = (changes: object): void => {
    const manifest = JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8'));
    writeFileSync(join(folder, 'manifest.json'), JSON.stringify({ ...manifest, ...changes }));
  };
  const description = async (): Promise<string> => {
    await told(await post(server, '/api/models/tone-voice/download'), 202);
    assert.equal((await events(server, 'tone-voice')).at(-1)!.type, 'model.ready');
    return (await told<{ description: string }>(await server.fetch('/api/models/tone-voice/status'))).description;
  };
  write({ description: 'earlier words' });
  await told(await post(server, '/api/models/refresh'));
  const asked = hub.requests.length;
  assert.equal(await description(), 'better words');

  rmSync(join(folder, 'installed.json'));
  writeFileSync(join(folder, 'own.txt'), 'x');
  write({ description: 'my own', files: [{ path: 'own.txt', bytes: 1, sha256: sha256Of(Buffer.from('x')) }] });
  await told(await post(server, '/api/models/refresh'));
  assert.equal(await description(), 'my own');
  assert.equal(hub.requests.length, asked);
});

test('what something else puts into the folder counts after a look: no failure from before, no process of the former', async (t) => {
  const { hub, server } = await serveShop(t, { env: { OS_DOWNLOAD_ATTEMPTS: '1' } });
  hub.misbehave = (_request, response) => Boolean(response.writeHead(404).end());
  await told(await post(server, '/api/models/tone-voice/download'), 202);
  assert.equal((await events(server, 'tone-voice')).at(-1)!.type, 'model.failed');
  await addToneModels(join(server.dataDir, 'models'));
  await told(await post(server, '/api/models/refresh'));
  assert.deepEqual(await events(server, 'tone-voice'), [{ type: 'model.ready', model: 'tone-voice' }]);

  assert.equal((await speak(server, 'tone-voice')).status, 200);
  const loaded = async (): Promise<number> => (await told<{ models: [] }>(await server.fetch('/api/ps'))).models.length;
  assert.equal(await loaded(), 1);
  await told(await post(server, '/api/models/refresh'));
  assert.equal(await loaded(), 1, 'a look alone ends nothing');
  const place = join(server.dataDir, 'models/tone-voice/manifest.json');
  writeFileSync(place, JSON.stringify({ ...JSON.parse(readFileSync(place, 'utf8')), description: 'another' }));
  await told(await post(server, '/api/models/refresh'));
  await until(async () => (await loaded()) === 0);

  await told(await server.fetch('/api/models/tone-voice/pin', { method: 'PUT' }));
  await until(async () => (await loaded()) === 1);
  const since = async (): Promise<string | null> =>
    (await told<{ loadedAt: string | null }>(await server.fetch('/api/models/tone-voice/status'))).loadedAt;
  const former = await since();
  writeFileSync(place, JSON.stringify({ ...JSON.parse(readFileSync(place, 'utf8')), description: 'a third' }));
  await told(await post(server, '/api/models/refresh'));
  await until(async () => ![null, former].includes(await since()));
});

test('a model on its way is not removed', async (t) => {
  const { hub, server } = await serveShop(t);
  hub.misbehave = () => true;
  await told(await post(server, '/api/models/tone-voice/download'), 202);
  await until(() => hub.requests.length > 0);
  await assertError(await remove(server, '/api/models/tone-voice/artifacts'), { status: 409, code: 'conflict' });
});

test('a download is cancelled for all who follow it; what came is kept, for the next one or to be deleted', async (t) => {
  const { hub, server } = await serveShop(t, { ballastBytes: 500_000 });
  const path = '/api/models/tone-voice/download';
  await assertError(await remove(server, path), { status: 409, code: 'conflict', says: /not being fetched/ });
  hub.pauseMs = 60;
  hub.holdAt = 400_000;
  await told(await post(server, path), 202);
  const following = [events(server, 'tone-voice'), events(server, 'tone-voice')];
  await until(async () => {
    const { progress } = await told<Managed>(await server.fetch('/api/models/tone-voice/status'));
    return (progress?.bytes ?? 0) >= 100_000;
  });
  const cancelled = await told<Managed>(await remove(server, path));
  assert.deepEqual([cancelled.state, cancelled.reason, cancelled.present], ['absent', null, false]);
  for (const seen of await Promise.all(following)) {
    assert.deepEqual(seen.at(-1), { type: 'model.absent', model: 'tone-voice' });
  }
  await assertError(await remove(server, path), { status: 409, code: 'conflict' });

  hub.requests.length = 0;
  hub.pauseMs = 0;
  hub.holdAt = Number.POSITIVE_INFINITY;
  await told(await post(server, path), 202);
  assert.deepEqual((await events(server, 'tone-voice')).at(-1), { type: 'model.ready', model: 'tone-voice' });
  assert.ok(
    hub.requests.some(({ headers }) => headers.range !== undefined),
    'it began anew',
  );
  assert.equal((await speak(server, 'tone-voice')).status, 200);

  hub.misbehave = () => true;
  const ear = '/api/models/tone-ear';
  await told(await post(server, `${ear}/download`), 202);
  await until(() => existsSync(join(server.dataDir, 'models/.incoming')) && incoming(server).length > 0);
  await told(await remove(server, `${ear}/download`));
  assert.equal(incoming(server).length, 1);
  await told(await remove(server, `${ear}/artifacts`));
  assert.deepEqual(incoming(server), []);
});

test('whatever a hundred callers ask for at once, each gets a clear answer and the model still works', async (t) => {
  const { server } = await serveShop(t);
  const ask: (() => Promise<Response>)[] = [
    () => speak(server, 'tone-voice'),
    () => post(server, '/api/models/tone-voice/load'),
    () => remove(server, '/api/models/tone-voice'),
    () => remove(server, '/api/models/tone-voice/artifacts'),
    () => post(server, '/api/models/tone-voice/download'),
    () => server.fetch('/api/models/tone-voice/pin', { method: 'PUT' }),
    () => remove(server, '/api/models/tone-voice/pin'),
    () => post(server, '/api/models/tone-voice/unload'),
    () => post(server, '/api/models/refresh'),
    () => post(server, '/api/pull', { model: 'tone-voice' }),
  ];
  const bring = async (): Promise<void> =>
    until(async () => {
      await (await post(server, '/api/models/tone-voice/download')).text();
      return (await events(server, 'tone-voice')).at(-1)!.type === 'model.ready';
    });
  for (let round = 0; round < 5; round++) {
    await bring();
    // Each round begins with something else, four times over.
    const order = Array.from({ length: 100 }, (_, i) => ask[(round + Math.floor(i / 4)) % ask.length]!);
    const answers = await Promise.all(order.map((next) => next()));
    for (const answer of answers) {
      const text = await answer.text().catch(() => 'cut short');
      assert.ok([200, 202, 404, 409, 503].includes(answer.status), `${answer.status} ${text.slice(0, 300)}`);
    }
  }
  await bring();
  await (await remove(server, '/api/models/tone-voice/pin')).text();
  const rested = await told<Managed & { pinned: boolean }>(await server.fetch('/api/models/tone-voice/status'));
  assert.deepEqual([rested.present, rested.pinned], [true, false]);
  const spoken = await speak(server, 'tone-voice');
  assert.equal(spoken.status, 200);
  assert.ok((await spoken.arrayBuffer()).byteLength > 1000);
});

test('a hub that cannot be used leaves a state that says why, and the next attempt begins anew', async (t) => {
  const { hub, server } = await serveShop(t);
  hub.misbehave = (_request, response) => {
    response.writeHead(404).end();
    return true;
  };
  await told(await post(server, '/api/models/tone-voice/download'), 202);
  const last = (await events(server, 'tone-voice')).at(-1) as {
    type: string;
    error: { code: string; message: string };
  };
  assert.deepEqual([last.type, last.error.code], ['model.failed', 'download_failed']);
  assert.match(last.error.message, /hub\.test/);
  const failed = await told<Managed>(await server.fetch('/api/models/tone-voice/status'));
  assert.equal(failed.state, 'failed');
  assert.equal(failed.reason, last.error.message);
  assert.equal(failed.remedy, 'open-speech models pull tone-voice');

  hub.misbehave = () => false;
  await told(await post(server, '/api/models/tone-voice/download'), 202);
  assert.equal((await events(server, 'tone-voice')).at(-1)!.type, 'model.ready');
});

test('what needs a consent is refused without it, before anything is fetched', async (t) => {
  const { hub, server } = await serveShop(t, { voice: { confidence: 'single-source', commercialUse: false } });
  const path = '/api/models/tone-voice/download';
  const { consents, commercialUse } = await told<Managed>(await server.fetch('/api/models/tone-voice/status'));
  assert.deepEqual([consents, commercialUse], [['allow_single_source', 'accept_licence'], false]);
  await assertError(await post(server, path), { status: 403, code: 'single_source', param: 'allow_single_source' });
  const half = await post(server, path, { allow_single_source: true });
  await assertError(half, { status: 403, code: 'licence_not_accepted', param: 'accept_licence' });
  const wrong = await post(server, path, { allow_single_source: 'yes' });
  await assertError(wrong, { status: 400, code: 'invalid_request', param: 'allow_single_source' });
  assert.equal(hub.requests.length, 0);
  await told(await post(server, path, { allow_single_source: true, accept_licence: true }), 202);
  assert.equal((await events(server, 'tone-voice')).at(-1)!.type, 'model.ready');
});

test('what comes with the server can be neither fetched nor removed, and an unknown name is refused', async (t) => {
  const { server } = await serveShop(t);
  await assertError(await remove(server, '/api/models/espeak/artifacts'), { status: 409, code: 'conflict' });
  await assertError(await post(server, '/api/models/espeak/download'), { status: 409, code: 'conflict' });
  for (const [method, path] of [
    ['GET', '/api/models/nothing/status'],
    ['GET', '/api/models/nothing/progress'],
    ['POST', '/api/models/nothing/download'],
    ['POST', '/api/models/..%2f..%2fetc/load'],
    ['DELETE', '/api/models/nothing'],
    ['DELETE', '/api/models/..%2fkeys/artifacts'],
  ] as const) {
    await assertError(await server.fetch(path, { method }), { status: 404, code: 'model_not_found', param: 'model' });
  }
});

test('a server starts with a model that a killed process had all but put in place, also where a setting names it', async (t) => {
  const modelDir = mkdtempSync(join(tmpdir(), 'open-speech-half-'));
  t.after(() => rmSync(modelDir, { recursive: true }));
  await addToneModels(modelDir);
  const half = join(modelDir, '.incoming/tone-voice-0123456789ab');
  mkdirSync(half, { recursive: true });
  mkdirSync(join(modelDir, '.locks'));
  renameSync(join(modelDir, 'tone-voice'), join(half, 'model'));
  const server = await serveDuring(t, { env: { OS_MODEL_DIR: modelDir, TTS_MODEL: 'tone-voice' } });
  assert.equal((await say(server, { input: 'there again.', voice: 'tone-0' })).status, 200);
  assert.ok(server.log.some((line) => line.includes('all but put in place') && line.includes('tone-voice')));
});

test('a model that a setting names is not removed', async (t) => {
  const server = await serveDuring(t, { tones: true, env: { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' } });
  const answer = await remove(server, '/api/models/tone-voice/artifacts');
  await assertError(answer, { status: 409, code: 'conflict', says: /TTS_MODEL names/ });
  assert.equal((await speak(server, 'tone-voice')).status, 200);
});

test('a download under way ends with the server, and whoever follows it is told', async (t) => {
  const { hub, server } = await serveShop(t, { env: { OS_SHUTDOWN_TIMEOUT_S: '60' } });
  hub.misbehave = () => true;
  await told(await post(server, '/api/models/tone-voice/download'), 202);
  const following = events(server, 'tone-voice');
  await until(() => hub.requests.length > 0);
  const closed = server.server.close();
  const last = (await following).at(-1) as { type: string; error: { code: string } };
  assert.deepEqual([last.type, last.error.code], ['model.failed', 'shutting_down']);
  await closed;
});

test('reading and changing models need scopes of their own', async (t) => {
  const { server } = await serveShop(t);
  const db = await openDatabase(server.dataDir);
  const keys = openKeyStore(db, { envKey: '', limits: server.server.service.settings.limits });
  t.after(async () => {
    keys.close();
    await db.destroy();
  });
  const token = async (scope: 'speech' | 'models:read' | 'models:write'): Promise<string> =>
    (await keys.create({ name: scope, scopes: [scope] })).token;
  const tokens = {
    speech: await token('speech'),
    read: await token('models:read'),
    write: await token('models:write'),
  };
  const ask = (key: string, method: string, path: string): Promise<Response> =>
    fetch(server.url + path, { method, headers: { authorization: `Bearer ${key}` } });
  for (const path of ['/api/models', '/api/models/tone-voice/status', '/api/models/tone-voice/progress', '/api/ps']) {
    assert.equal((await ask(tokens.read, 'GET', path)).status, 200, path);
    for (const key of [tokens.speech, tokens.write]) {
      await assertError(await ask(key, 'GET', path), { status: 403, code: 'insufficient_scope' });
    }
  }
  for (const [method, path] of [
    ['POST', '/api/models/tone-voice/download'],
    ['DELETE', '/api/models/tone-voice/download'],
    ['POST', '/api/models/tone-voice/load'],
    ['DELETE', '/api/models/tone-voice'],
    ['DELETE', '/api/models/tone-voice/artifacts'],
  ] as const) {
    for (const key of [tokens.speech, tokens.read]) {
      await assertError(await ask(key, method, path), { status: 403, code: 'insufficient_scope' });
    }
  }
  assert.equal((await ask(tokens.write, 'POST', '/api/models/tone-voice/download')).status, 202);
});
