/** Which models are in memory, which are defaults, and which names they have: over HTTP, while the server runs. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openKeyStore } from '../src/accounts/keys.ts';
import { openDatabase } from '../src/storage/database.ts';
import { assertError } from './support/answers.ts';
import { childrenOf } from './support/processes.ts';
import { addToneModels, serveDuring, startServer, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

interface Managed {
  id: string;
  state: string;
  loadedAt: string | null;
  lastUsedAt: string | null;
  ttlRemainingMs: number | null;
  pinned: boolean;
  default: boolean;
  defaultFor: string[];
  aliases: string[];
}

const ask = (server: TestServer, method: string, path: string, body?: object): Promise<Response> =>
  server.fetch(path, {
    method,
    ...(body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) }),
  });
const speak = (server: TestServer, order: object): Promise<Response> =>
  ask(server, 'POST', '/v1/audio/speech', { input: 'hello', response_format: 'wav', voice: 'alloy', ...order });

async function told<T>(answer: Response | Promise<Response>, status = 200): Promise<T> {
  const text = await (await answer).text();
  assert.equal((await answer).status, status, text);
  return JSON.parse(text) as T;
}

const status = (server: TestServer, id: string): Promise<Managed> =>
  told(ask(server, 'GET', `/api/models/${id}/status`));
const serveTones = (t: TestContext, env: Record<string, string> = {}): Promise<TestServer> =>
  serveDuring(t, { tones: true, env });

async function spokenBy(server: TestServer, order: object): Promise<string | null> {
  const answer = await speak(server, order);
  const bytes = Buffer.from(await answer.arrayBuffer());
  assert.equal(answer.status, 200, bytes.toString('utf8', 0, 500));
  return answer.headers.get('x-model');
}

test('a model tells since when it is in memory, when it was used and when it goes, and goes when told to', async (t) => {
  const server = await serveTones(t);
  const before = await status(server, 'tone-voice');
  assert.deepEqual(
    [before.state, before.loadedAt, before.lastUsedAt, before.ttlRemainingMs, before.pinned],
    ['available', null, null, null, false],
  );
  const loaded = await told<Managed>(ask(server, 'POST', '/api/models/tone-voice/load'));
  assert.equal(loaded.state, 'loaded');
  assert.ok(Math.abs(Date.parse(loaded.loadedAt!) - Date.now()) < 60_000);
  assert.equal(loaded.lastUsedAt, null);
  assert.ok(loaded.ttlRemainingMs! > 0 && loaded.ttlRemainingMs! <= 300_000);
  await spokenBy(server, { model: 'tone-voice' });
  assert.notEqual((await status(server, 'tone-voice')).lastUsedAt, null);
  const { models } = await told<{ models: Record<string, unknown>[] }>(ask(server, 'GET', '/api/ps'));
  const [shown] = models;
  assert.deepEqual([models.length, shown!.model, shown!.pinned], [1, 'tone-voice', false]);
  assert.equal(shown!.loaded_at, loaded.loadedAt);
  assert.ok((shown!.ttl_remaining as number) <= 300 && typeof shown!.last_used_at === 'string');

  assert.equal(childrenOf(process.pid).filter(({ command }) => command.includes('engine-host')).length, 1);
  const gone = { status: 'unloaded', model: 'tone-voice' };
  assert.deepEqual(await told(ask(server, 'POST', '/api/models/tone-voice/unload')), gone);
  assert.equal(childrenOf(process.pid).filter(({ command }) => command.includes('engine-host')).length, 0);
  assert.equal((await status(server, 'tone-voice')).loadedAt, null);
  for (const path of ['/api/models/tone-voice/unload', '/api/models/nothing/unload']) {
    const code = path.includes('nothing') ? 'model_not_found' : 'not_found';
    await assertError(await ask(server, 'POST', path), { status: 404, code });
  }
});

test('the older names of these routes do the same', async (t) => {
  const server = await serveTones(t);
  const loaded = { status: 'loaded', model: 'tone-voice' };
  assert.deepEqual(await told(ask(server, 'POST', '/api/ps/tone-voice')), loaded);
  assert.deepEqual(await told(ask(server, 'POST', '/api/ps/tone-ear')), { ...loaded, model: 'tone-ear' });
  assert.equal((await told<{ models: [] }>(ask(server, 'GET', '/api/ps'))).models.length, 2, 'no other was unloaded');
  const gone = { status: 'unloaded', model: 'tone-voice' };
  assert.deepEqual(await told(ask(server, 'DELETE', '/api/ps/tone-voice')), gone);
  await assertError(await ask(server, 'DELETE', '/api/ps/tone-voice'), { status: 404, code: 'not_found' });
  assert.equal((await told<Managed>(ask(server, 'POST', '/api/models/tone-voice/prefetch'), 202)).state, 'available');
  assert.equal((await told<Managed>(ask(server, 'POST', '/api/pull', { model: 'tone-voice' }), 202)).id, 'tone-voice');
  assert.equal((await told<Managed>(ask(server, 'POST', '/api/pull/tone-voice'), 202)).id, 'tone-voice');
  const stranger = await ask(server, 'POST', '/api/pull/someone%2Fanything');
  await assertError(stranger, { status: 404, code: 'model_not_found', param: 'model' });
  const unknown = await ask(server, 'POST', '/api/pull', { model: 'someone/anything' });
  await assertError(unknown, { status: 404, code: 'model_not_found', param: 'model' });
  await assertError(await ask(server, 'POST', '/api/pull', {}), {
    status: 400,
    code: 'invalid_request',
    param: 'model',
  });
});

test('a pinned model is loaded, outlives its idle time, is not removed, and is loaded after a restart', async (t) => {
  const env = { OS_MODEL_TTL: '1' };
  const server = await serveTones(t, env);
  const pinned = await told<Managed>(ask(server, 'PUT', '/api/models/tone-voice/pin'));
  assert.equal(pinned.pinned, true);
  await until(async () => (await status(server, 'tone-voice')).state === 'loaded');
  await told(ask(server, 'POST', '/api/models/tone-ear/load'));
  await until(async () => (await status(server, 'tone-ear')).state === 'available');
  const { state, ttlRemainingMs } = await status(server, 'tone-voice');
  assert.deepEqual([state, ttlRemainingMs], ['loaded', null]);
  const refused = await ask(server, 'DELETE', '/api/models/tone-voice/artifacts');
  await assertError(refused, { status: 409, code: 'conflict', says: /unpin/ });
  assert.equal(statSync(join(server.dataDir, 'model-choices.json')).mode & 0o777, 0o600);

  // The same choices in another server.
  const next = await startServer({ env: { ...env, OS_MODEL_DIR: join(server.dataDir, 'models') } });
  t.after(() => next.stop());
  assert.equal((await status(next, 'tone-voice')).pinned, false);
  writeFileSync(join(next.dataDir, 'model-choices.json'), readFileSync(join(server.dataDir, 'model-choices.json')), {
    mode: 0o600,
  });
  await next.server.close();
  const again = await startServer({
    env: { ...env, OS_DATA_DIR: next.dataDir, OS_MODEL_DIR: join(server.dataDir, 'models') },
  });
  t.after(() => again.stop());
  await until(async () => (await status(again, 'tone-voice')).state === 'loaded');
  assert.equal((await told<Managed>(ask(again, 'DELETE', '/api/models/tone-voice/pin'))).pinned, false);
  await until(async () => (await status(again, 'tone-voice')).state === 'available');
  await assertError(await ask(again, 'PUT', '/api/models/nothing/pin'), { status: 404, code: 'model_not_found' });
});

test('a model that finds no room is told so in time, and loads once there is some', async (t) => {
  const server = await serveTones(t, { OS_MAX_LOADED_MODELS: '1', OS_MODEL_ROOM_TIMEOUT_S: '1' });
  await told(ask(server, 'PUT', '/api/models/tone-voice/pin'));
  await until(async () => (await status(server, 'tone-voice')).state === 'loaded');
  const answer = await ask(server, 'POST', '/api/models/tone-ear/load');
  await assertError(answer, { status: 503, code: 'overloaded', param: 'model', says: /no room in memory/ });
  assert.equal((await status(server, 'tone-ear')).state, 'available');
  await told(ask(server, 'DELETE', '/api/models/tone-voice/pin'));
  assert.equal((await told<Managed>(ask(server, 'POST', '/api/models/tone-ear/load'))).state, 'loaded');
  assert.equal((await status(server, 'tone-voice')).state, 'available');
});

test('a default for a language counts for callers who name none, its regions included, until it is taken back', async (t) => {
  const server = await serveTones(t, { OS_DEFAULT_MODELS: 'tts:en-GB=espeak' });
  type Defaults = { defaults: { task: string; language: string | null; model: string; source: string }[] };
  const choose = (language: string | null, model: string | null, task = 'tts'): Promise<Response> =>
    ask(server, 'PUT', '/api/defaults', { task, language, model });
  const setting = { task: 'tts', language: 'en-GB', model: 'espeak', source: 'setting' };
  assert.deepEqual(await told<Defaults>(ask(server, 'GET', '/api/defaults')), { defaults: [setting] });
  assert.equal(await spokenBy(server, { model: 'tts-1', language: 'en-gb' }), 'espeak');
  assert.equal(await spokenBy(server, { model: 'tts-1', language: 'de' }), 'espeak', 'the other knows no German');
  assert.equal(await spokenBy(server, { model: 'tts-1' }), 'tone-voice');
  assert.deepEqual((await status(server, 'tone-voice')).defaultFor, ['*']);

  assert.deepEqual(await told(choose('EN', 'espeak')), {
    defaults: [{ task: 'tts', language: 'en', model: 'espeak', source: 'operator' }, setting],
  });
  assert.equal(await spokenBy(server, { model: 'tts-1', language: 'en-US' }), 'espeak');
  assert.equal(await spokenBy(server, { model: 'tone-voice', language: 'en' }), 'tone-voice', 'a name is a name');
  await told(choose(null, 'espeak'));
  assert.deepEqual((await status(server, 'espeak')).defaultFor, ['*', 'en', 'en-GB']);
  assert.equal(await spokenBy(server, { model: 'tts-1' }), 'espeak');
  await told(choose(null, null));
  await told(choose('en', null));
  assert.deepEqual(await told<Defaults>(choose('en', null)), { defaults: [setting] }, 'twice is no harm');

  await assertError(await choose('en-GB', null), { status: 409, code: 'conflict', says: /OS_DEFAULT_MODELS/ });
  await assertError(await choose('de', 'tone-voice'), { status: 400, code: 'unsupported_by_model', param: 'language' });
  await assertError(await choose('de', 'tone-ear'), { status: 404, code: 'model_not_found', param: 'model' });
  await assertError(await choose('nonsense!', 'espeak'), { status: 400, code: 'invalid_request', param: 'language' });
  await assertError(await choose('de', 'espeak', 'vad'), { status: 400, code: 'invalid_request', param: 'task' });
  const partial = await ask(server, 'PUT', '/api/defaults', { task: 'tts', model: 'espeak' });
  await assertError(partial, { status: 400, code: 'invalid_request', param: 'language' });
});

test('an alias made at run time works at once, replaces no id, and goes with nothing else', async (t) => {
  const server = await serveTones(t, { OS_MODEL_ALIASES: 'mine=tone-voice' });
  type Aliases = { aliases: { alias: string; model: string; source: string }[] };
  const name = (alias: string, model: string | null): Promise<Response> =>
    ask(server, 'PUT', '/api/aliases', { alias, model });
  const { aliases } = await told<Aliases>(name('our/voice', 'mine'));
  assert.deepEqual(
    aliases.filter(({ source }) => source !== 'manifest'),
    [
      { alias: 'mine', model: 'tone-voice', source: 'setting' },
      { alias: 'our/voice', model: 'tone-voice', source: 'operator' },
    ],
  );
  assert.equal(await spokenBy(server, { model: 'our/voice' }), 'tone-voice');
  assert.ok((await status(server, encodeURIComponent('our/voice'))).aliases.includes('our/voice'));
  await told(name('mine', 'espeak'));
  assert.equal(await spokenBy(server, { model: 'mine' }), 'espeak', 'what is chosen at run time wins');
  await told(name('mine', null));
  assert.equal(await spokenBy(server, { model: 'mine' }), 'tone-voice');

  await assertError(await name('tone-ear', 'tone-voice'), { status: 409, code: 'conflict', param: 'alias' });
  await assertError(await name('whisper-tiny', 'tone-ear'), { status: 409, code: 'conflict', param: 'alias' });
  await assertError(await name('x', 'nothing'), { status: 404, code: 'model_not_found', param: 'model' });
  await assertError(await name('mine', null), { status: 409, code: 'conflict', says: /OS_MODEL_ALIASES/ });
  for (const bad of ['../x', ' x', 'x'.repeat(129), '-']) {
    await assertError(await name(bad, 'espeak'), { status: 400, code: 'invalid_request', param: 'alias' });
  }
  await told(name('x'.repeat(128), 'espeak'));
  const refused = await ask(server, 'DELETE', '/api/models/tone-voice/artifacts');
  await assertError(refused, { status: 409, code: 'conflict' });
});

test('what stands for a model that somebody deleted by hand says so, and how to get it', async (t) => {
  const server = await serveTones(t);
  await told(ask(server, 'PUT', '/api/aliases', { alias: 'mine', model: 'tone-voice' }));
  await told(ask(server, 'PUT', '/api/defaults', { task: 'tts', language: 'fr', model: 'espeak' }));
  rmSync(join(server.dataDir, 'models', 'tone-voice'), { recursive: true });
  const { models } = await told<{ models: Managed[] }>(ask(server, 'POST', '/api/models/refresh'));
  assert.equal(
    models.some(({ id }) => id === 'tone-voice'),
    false,
  );
  const lost = await speak(server, { model: 'mine' });
  await assertError(lost, { status: 404, code: 'model_not_found', says: /'mine' stands for .*'tone-voice'.*not here/ });
  const known = await speak(server, { model: 'kitten-nano' });
  await assertError(known, { status: 404, code: 'model_not_found', says: /open-speech models pull kitten-nano/ });
  await addToneModels(join(server.dataDir, 'models'));
  await told(ask(server, 'POST', '/api/models/refresh'));
  assert.equal(await spokenBy(server, { model: 'mine' }), 'tone-voice');
});

test('as many choices are kept as permitted, and one more is refused until one is taken back', async (t) => {
  const server = await serveTones(t, { OS_MAX_MODEL_CHOICES: '2' });
  const name = (alias: string, model: string | null): Promise<Response> =>
    ask(server, 'PUT', '/api/aliases', { alias, model });
  await told(name('one', 'espeak'));
  await told(ask(server, 'PUT', '/api/models/tone-voice/pin'));
  await assertError(await name('two', 'espeak'), { status: 409, code: 'conflict', says: /OS_MAX_MODEL_CHOICES/ });
  await assertError(await ask(server, 'PUT', '/api/models/tone-ear/pin'), { status: 409, code: 'conflict' });
  assert.equal((await status(server, 'tone-ear')).pinned, false);
  await told(name('one', 'tone-voice'));
  await told(name('one', null));
  await told(name('two', 'espeak'));
});

test('a hundred callers who load, unload, pin, unpin and use two models where one fits leave all consistent', async (t) => {
  const server = await serveTones(t, { OS_MAX_LOADED_MODELS: '1', OS_MODEL_ROOM_TIMEOUT_S: '2' });
  const ids = ['tone-voice', 'tone-ear'];
  const calls: ((id: string) => Promise<Response>)[] = [
    (id) => ask(server, 'POST', `/api/models/${id}/load`),
    (id) => ask(server, 'POST', `/api/models/${id}/unload`),
    (id) => ask(server, 'PUT', `/api/models/${id}/pin`),
    (id) => ask(server, 'DELETE', `/api/models/${id}/pin`),
    () => speak(server, { model: 'tone-voice' }),
    () => ask(server, 'POST', '/api/models/refresh'),
    (id) => ask(server, 'PUT', '/api/aliases', { alias: `my-${id}`, model: id }),
  ];
  let most = 0;
  const watch = setInterval(() => {
    const { worker } = server.server.service;
    most = Math.max(most, ids.filter((id) => worker.status(id)!.processes > 0).length);
  }, 5);
  const answers = await Promise.all(
    Array.from({ length: 100 }, (_, i) => calls[(i * 3) % calls.length]!(ids[Math.floor(i / 7) % 2]!)),
  );
  for (const answer of answers) {
    const text = await answer.text();
    assert.ok([200, 404, 409, 503].includes(answer.status), `${answer.status} ${text.slice(0, 300)}`);
  }
  clearInterval(watch);
  assert.equal(most, 1, 'never two in memory');
  for (const id of ids) await told(ask(server, 'DELETE', `/api/models/${id}/pin`));
  assert.equal(await spokenBy(server, { model: 'tone-voice' }), 'tone-voice');
  assert.equal((await told<Managed>(ask(server, 'POST', '/api/models/tone-ear/load'))).state, 'loaded');
  const { models } = await told<{ models: { model: string }[] }>(ask(server, 'GET', '/api/ps'));
  assert.deepEqual(
    models.map(({ model }) => model),
    ['tone-ear'],
  );
});

test('reading and changing what is in memory or chosen need scopes of their own', async (t) => {
  const server = await serveTones(t);
  const db = await openDatabase(server.dataDir);
  const keys = openKeyStore(db, { envKey: '', limits: server.server.service.settings.limits });
  t.after(async () => {
    keys.close();
    await db.destroy();
  });
  const [read, write] = await Promise.all(
    (['models:read', 'models:write'] as const).map(
      async (scope) => (await keys.create({ name: scope, scopes: [scope] })).token,
    ),
  );
  const changes = [
    ['POST', '/api/models/tone-voice/unload', undefined],
    ['PUT', '/api/models/tone-voice/pin', undefined],
    ['DELETE', '/api/models/tone-voice/pin', undefined],
    ['POST', '/api/models/tone-voice/prefetch', undefined],
    ['POST', '/api/models/refresh', undefined],
    ['POST', '/api/pull', { model: 'tone-voice' }],
    ['POST', '/api/pull/tone-voice', undefined],
    ['POST', '/api/ps/tone-voice', undefined],
    ['DELETE', '/api/ps/tone-voice', undefined],
    ['PUT', '/api/defaults', { task: 'tts', language: null, model: null }],
    ['PUT', '/api/aliases', { alias: 'x', model: null }],
  ] as const;
  const as = (token: string | undefined, method: string, path: string, body?: object): Promise<Response> =>
    fetch(server.url + path, {
      method,
      headers: {
        authorization: `Bearer ${token}`,
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  for (const [method, path, body] of changes) {
    await assertError(await as(read, method, path, body), { status: 403, code: 'insufficient_scope' });
    const allowed = await as(write, method, path, body);
    assert.notEqual(allowed.status, 403, `${method} ${path}`);
    await allowed.text();
  }
  for (const path of ['/api/defaults', '/api/aliases']) {
    assert.equal((await as(read, 'GET', path)).status, 200);
    await assertError(await as(write, 'GET', path), { status: 403, code: 'insufficient_scope' });
  }
});
