import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { CDN, HUB, testManifest } from '../../../test/support/hub.ts';
import { startBench } from '../../../test/support/model-store.ts';
import type { StoreProgress } from './index.ts';

test('a model of several files comes whole, from the hub and from where it redirects to', async (t) => {
  const { hub, store, install, content, leftovers } = await startBench(t);
  const big = randomBytes(3_000_000);
  const manifest = testManifest({
    id: 'whole',
    files: [
      hub.file('model.onnx', big),
      hub.file('data/tokens.txt', Buffer.from('a\nb\n')),
      hub.file('empty', Buffer.alloc(0)),
    ],
  });
  await install(manifest);
  assert.deepEqual(
    content('whole'),
    new Map([
      ['data/tokens.txt', Buffer.from('a\nb\n')],
      ['empty', Buffer.alloc(0)],
      ['model.onnx', big],
    ]),
  );
  assert.deepEqual(store.states.get('whole'), { state: 'ready' });
  assert.deepEqual(leftovers(), []);
  assert.deepEqual(new Set(hub.requests.map(({ host }) => host)), new Set([HUB, CDN]));
});

test('100 callers at once get one download, and each hears of its progress', async (t) => {
  const { hub, store, leftovers } = await startBench(t);
  const file = hub.file('model.onnx', randomBytes(2_000_000));
  const manifest = testManifest({ id: 'popular', files: [file] });
  const heard: StoreProgress[][] = Array.from({ length: 100 }, () => []);
  await Promise.all(
    heard.map((list) =>
      store.install(manifest, { signal: new AbortController().signal, onProgress: (progress) => list.push(progress) }),
    ),
  );
  assert.equal(hub.bytesSent, file.bytes);
  for (const list of heard) assert.equal(list[0]?.total, file.bytes);
  assert.deepEqual(leftovers(), []);
});

test('a model that is there already is not asked for again, also by another process', async (t) => {
  const { hub, install, reopen, settings } = await startBench(t);
  const manifest = testManifest({ id: 'kept', files: [hub.file('a.bin', randomBytes(5000))] });
  await install(manifest);
  const asked = hub.requests.length;
  const again = await reopen();
  assert.deepEqual(again.states.get('kept'), { state: 'ready' });
  await again.install({ ...manifest, description: 'better words' }, { signal: new AbortController().signal });
  assert.equal(hub.requests.length, asked);
  const written = JSON.parse(readFileSync(join(settings.modelDir, 'kept/manifest.json'), 'utf8'));
  assert.equal(written.description, 'better words', 'the words of the manifest are brought up to date');
});

test('a model whose files were changed on the disk is fetched again whole, and stays as it is where that fails', async (t) => {
  const { hub, store, settings, install, content } = await startBench(t, { limits: { downloadAttempts: 1 } });
  const bytes = randomBytes(50_000);
  const tokens = Buffer.from('a\nb\n');
  const manifest = testManifest({ id: 'bent', files: [hub.file('a.bin', bytes), hub.file('tokens.txt', tokens)] });
  await install(manifest);
  const whole = content('bent');
  const place = join(settings.modelDir, 'bent/a.bin');

  writeFileSync(place, Buffer.concat([bytes.subarray(1), Buffer.of(bytes[0]! ^ 1)]));
  hub.misbehave = (_request, response) => Boolean(response.writeHead(404).end());
  await assert.rejects(install(manifest), { code: 'download_failed' });
  assert.equal(store.states.get('bent')?.state, 'failed');
  assert.equal(content('bent')?.size, 2);

  hub.misbehave = () => false;
  await install(manifest);
  assert.deepEqual(content('bent'), whole);
  assert.deepEqual(store.states.get('bent'), { state: 'ready' });
});

test('what somebody put together by hand with the right files is neither fetched nor changed', async (t) => {
  const { hub, install, settings } = await startBench(t);
  const manifest = testManifest({ id: 'by-hand', files: [hub.file('a.bin', randomBytes(500))] });
  await install(manifest);
  rmSync(join(settings.modelDir, 'by-hand/installed.json'));
  const own = JSON.stringify({ ...manifest, description: 'my own words' });
  writeFileSync(join(settings.modelDir, 'by-hand/manifest.json'), own);
  const asked = hub.requests.length;
  await install(manifest);
  assert.equal(hub.requests.length, asked);
  assert.equal(readFileSync(join(settings.modelDir, 'by-hand/manifest.json'), 'utf8'), own);
});

test('a new version takes the place of the old one whole', async (t) => {
  const { hub, install, content, leftovers } = await startBench(t);
  await install(testManifest({ id: 'm', files: [hub.file('old.bin', Buffer.from('old'))] }));
  await install(testManifest({ id: 'm', files: [hub.file('new.bin', Buffer.from('new'))] }));
  assert.deepEqual(content('m'), new Map([['new.bin', Buffer.from('new')]]));
  assert.deepEqual(leftovers(), []);
});

test('one caller who gives up does not end the download of the other; the last one does, and the next goes on', async (t) => {
  const { hub, store, install, content } = await startBench(t);
  const bytes = randomBytes(4_000_000);
  const manifest = testManifest({ id: 'shared', files: [hub.file('a.bin', bytes)] });
  const half = Promise.withResolvers<void>();
  let interrupt = true;
  hub.misbehave = (request, response) => {
    if (!interrupt || request.headers.host?.startsWith(HUB)) return false;
    response.writeHead(200, { 'content-length': bytes.length, etag: '"x"' });
    response.write(bytes.subarray(0, 2_000_000), () => half.resolve());
    return true;
  };
  const [first, second] = [new AbortController(), new AbortController()];
  const one = install(manifest, first.signal);
  const two = install(manifest, second.signal);
  await half.promise;
  first.abort();
  await assert.rejects(one, { code: 'cancelled' });
  assert.equal(store.states.get('shared')?.state, 'downloading');
  second.abort();
  await assert.rejects(two, { code: 'cancelled' });
  assert.equal(store.states.get('shared'), undefined);
  assert.equal(content('shared'), undefined);
  interrupt = false;
  await install(manifest);
  assert.deepEqual(content('shared')?.get('a.bin'), bytes);
});

test('consent is asked for where one source vouches, or the licence forbids commercial use', async (t) => {
  const { hub, store } = await startBench(t);
  const files = [hub.file('a.bin', Buffer.from('a'))];
  const { signal } = new AbortController();
  const unsure = testManifest({ id: 'unsure', files, confidence: 'single-source' });
  await assert.rejects(store.install(unsure, { signal }), { code: 'single_source', message: /--allow-single-source/ });
  const closed = testManifest({ id: 'closed', files, commercialUse: false, licence: 'CC-BY-NC-4.0' });
  await assert.rejects(store.install(closed, { signal, allowSingleSource: true }), {
    code: 'licence_not_accepted',
    message: /CC-BY-NC-4\.0\) does not allow commercial use/,
  });
  const silent = { ...testManifest({ id: 'silent', files }), confidence: undefined, commercialUse: undefined };
  await assert.rejects(store.install(silent, { signal }), {
    code: 'single_source',
    message: /--allow-single-source.*--accept-licence/,
  });
  await assert.rejects(store.install(silent, { signal, allowSingleSource: true }), {
    code: 'licence_not_accepted',
    message: /terms of its own/,
  });
  assert.equal(hub.requests.length, 0);
  await store.install(silent, { signal, allowSingleSource: true, acceptLicence: true });
  await store.install(closed, { signal, acceptLicence: true });
});

test('a removed model is gone whole, and nothing is removed while it comes', async (t) => {
  const { hub, store, install, content, leftovers } = await startBench(t);
  const manifest = testManifest({ id: 'gone', files: [hub.file('a.bin', randomBytes(10))] });
  await install(manifest);
  assert.equal(await store.remove('gone'), true);
  assert.equal(await store.remove('gone'), false);
  assert.deepEqual([content('gone'), store.states.get('gone'), leftovers()], [undefined, undefined, []]);

  const asked = Promise.withResolvers<void>();
  hub.misbehave = () => {
    asked.resolve();
    return true;
  };
  const controller = new AbortController();
  const coming = install(manifest, controller.signal);
  await asked.promise;
  await assert.rejects(store.remove('gone'), { code: 'conflict' });
  controller.abort();
  await assert.rejects(coming, { code: 'cancelled' });
  assert.equal(await store.remove('gone'), true, 'what the interrupted install left');
  assert.deepEqual(leftovers(), []);
  for (const id of ['..', 'a/b', '.incoming', '']) await assert.rejects(store.remove(id), { code: 'model_not_found' });
});

test('verifying names every file that is wrong', async (t) => {
  const { hub, store, install, settings } = await startBench(t);
  await install(testManifest({ id: 'good', files: [hub.file('a.bin', randomBytes(10))] }));
  const files = ['flipped', 'short', 'fine'].map((name) => hub.file(name, randomBytes(2000)));
  await install(testManifest({ id: 'bad', files }));
  const flipped = readFileSync(join(settings.modelDir, 'bad/flipped'));
  flipped[1000]! ^= 1;
  writeFileSync(join(settings.modelDir, 'bad/flipped'), flipped);
  writeFileSync(join(settings.modelDir, 'bad/short'), 'x');
  const results = await store.verify('all', { signal: new AbortController().signal });
  assert.deepEqual(
    results.map(({ id, ok, problems }) => ({ id, ok, paths: problems.map(({ path }) => path) })),
    [
      { id: 'bad', ok: false, paths: ['flipped', 'short'] },
      { id: 'good', ok: true, paths: [] },
    ],
  );
  await assert.rejects(store.verify(['missing'], { signal: new AbortController().signal }), {
    code: 'model_not_found',
  });
});

test('a folder that cannot be written still has its models, and says why none comes or goes', async (t) => {
  const { hub, install, reopen, settings, logged } = await startBench(t);
  const manifest = testManifest({ id: 'there', files: [hub.file('a.bin', randomBytes(500))] });
  await install(manifest);
  // Root may write everywhere: what stands in the way of the store's own folder does the same to everybody.
  rmSync(join(settings.modelDir, '.locks'), { recursive: true });
  writeFileSync(join(settings.modelDir, '.locks'), '');
  const store = await reopen();
  assert.match(logged.at(-1)!, /cannot be written/);
  assert.deepEqual(await store.recover(), { resumable: [], deleted: [], finished: [] });
  assert.deepEqual(store.states.get('there'), { state: 'ready' });
  const { signal } = new AbortController();
  const refused = { code: 'conflict', message: /OS_MODEL_DIR/ };
  await assert.rejects(store.install({ ...manifest, id: 'other' }, { signal }), refused);
  await assert.rejects(store.remove('there'), refused);
  assert.equal((await store.verify('all', { signal }))[0]?.ok, true);
  await store.export('there', join(settings.dataDir, 'there.bundle'), { signal });
});
