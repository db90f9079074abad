import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { makeTar } from '../../../test/support/archives.ts';
import { sha256Of, testManifest } from '../../../test/support/hub.ts';
import { startBench, storeSettings } from '../../../test/support/model-store.ts';
import type { ModelManifest } from '../manifest.ts';
import { bundleHead, type Listing, signedBytes } from './bundle-format.ts';
import { openModelStore } from './index.ts';

const { signal } = new AbortController();
const log = { info: () => {}, warn: () => {} };

/** A server that exported a model, and one in another place that has never met it. */
async function twoServers(t: TestContext, catalogued?: (id: string) => ModelManifest | undefined) {
  const here = await startBench(t);
  const there = await startBench(t);
  const packed = makeTar([
    { name: 'p/data/x', content: randomBytes(500) },
    { name: 'p/tokens.txt', content: Buffer.from('t') },
  ]);
  const archive = { ...here.hub.asset('p.tar', packed), format: 'tar', stripComponents: 1 } as const;
  const manifest = testManifest({
    id: 'm',
    files: [here.hub.file('model.onnx', randomBytes(100_000)), { path: 'tokens.txt' }],
    archive: { ...archive, keep: ['data'] },
  });
  await here.install(manifest);
  const path = join(here.dataDir, 'm.bundle');
  await here.store.export('m', path, { signal });
  const store = await openModelStore({
    settings: there.settings,
    log,
    ...(catalogued === undefined ? {} : { catalogued }),
  });
  t.after(() => store.close());
  return { here, there, store, manifest, path };
}

test('a model travels whole to a server that reaches no hub, once its signer is accepted', async (t) => {
  const { here, there, store, path } = await twoServers(t);
  const fingerprint = here.store.signer;
  assert.match(fingerprint, /^SHA256:[\w-]{43}$/);
  await assert.rejects(store.import(path, { signal }), { code: 'unknown_signer', message: new RegExp(fingerprint) });
  await assert.rejects(store.import(path, { signal, acceptSigner: 'SHA256:other' }), { code: 'unknown_signer' });
  assert.deepEqual([there.content('m'), there.leftovers()], [undefined, []]);
  assert.deepEqual(await store.import(path, { signal, acceptSigner: fingerprint }), { id: 'm', signer: fingerprint });
  assert.deepEqual(there.content('m'), here.content('m'));
  assert.equal((await store.verify('all', { signal }))[0]?.ok, true);
  assert.equal(there.hub.requests.length, 0);

  await store.remove('m');
  await store.import(path, { signal });
  assert.equal(there.content('m')?.size, 3, 'the signer is remembered');
  await here.store.import(path, { signal });
  assert.equal(statSync(join(here.dataDir, 'model-signing.key')).mode & 0o777, 0o600);
});

test('what is exported is what was verified, and no file is written over', async (t) => {
  const { here, path } = await twoServers(t);
  await assert.rejects(here.store.export('m', path, { signal }), { code: 'conflict' });
  await assert.rejects(here.store.export('nothing', `${path}2`, { signal }), { code: 'model_not_found' });
  const model = join(here.settings.modelDir, 'm/model.onnx');
  const bytes = readFileSync(model);
  bytes[5]! ^= 1;
  writeFileSync(model, bytes);
  await assert.rejects(here.store.export('m', `${path}2`, { signal }), { code: 'integrity_failed' });
  assert.equal(statSync(`${path}2`, { throwIfNoEntry: false }), undefined);
  assert.equal(statSync(`${path}2.part`, { throwIfNoEntry: false }), undefined);
});

test('a bundle that was changed anywhere is refused, and nothing of it stays', async (t) => {
  const { here, there, store, path } = await twoServers(t);
  const whole = readFileSync(path);
  const acceptSigner = here.store.signer;
  const changed = join(there.dataDir, 'changed');
  const attempt = (bytes: Buffer) => {
    writeFileSync(changed, bytes);
    return store.import(changed, { signal, acceptSigner });
  };
  const flip = (at: number): Buffer => {
    const bytes = Buffer.from(whole);
    bytes[at]! ^= 1;
    return bytes;
  };
  const places = [0, 10, 28, 31, 40, 200, 600, whole.length - 100_000, whole.length - 300, whole.length - 1];
  for (const at of places) {
    await assert.rejects(attempt(flip(at)), (error: { code: string }) =>
      /invalid_bundle|integrity_failed|unknown_signer/.test(error.code),
    );
  }
  for (const bytes of [
    whole.subarray(0, -1),
    whole.subarray(0, 20),
    Buffer.alloc(0),
    Buffer.concat([whole, Buffer.of(0)]),
  ]) {
    await assert.rejects(attempt(bytes), { code: 'invalid_bundle' });
  }
  assert.deepEqual([there.content('m'), there.leftovers()], [undefined, []]);
  await attempt(whole);
});

/** A bundle by somebody who signs properly and says what they like. */
function forged(listing: Listing, contents: readonly Buffer[]): { bytes: Buffer; fingerprint: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const raw = publicKey.export({ type: 'spki', format: 'der' }).subarray(12);
  const signature = sign(null, signedBytes(listing), privateKey).toString('base64url');
  const head = bundleHead(listing, { publicKey: raw.toString('base64url'), signature });
  const fingerprint = `SHA256:${Buffer.from(sha256Of(raw), 'hex').toString('base64url')}`;
  return { bytes: Buffer.concat([head, ...contents]), fingerprint };
}

test('an accepted signer still cannot say what its manifest or the catalogue does not', async (t) => {
  const content = Buffer.from('content');
  const known = { path: 'a.bin', bytes: content.length, sha256: sha256Of(content) };
  const manifest = testManifest({ id: 'm', files: [known] });
  const other = { path: 'b.bin', bytes: content.length, sha256: sha256Of(content) };
  const catalogue = testManifest({ id: 'listed', files: [{ ...known, sha256: '1'.repeat(64) }] });
  const { there } = await twoServers(t);
  const catalogued = (id: string) => (id === 'listed' ? catalogue : undefined);
  const store = await openModelStore({ settings: storeSettings(there.dataDir), log, catalogued });
  t.after(() => store.close());
  const rows: [string, Listing, Buffer[], string][] = [
    ['a file too many', { manifest, files: [known, other] }, [content, content], 'invalid_bundle'],
    ['a file too few', { manifest, files: [] }, [], 'invalid_bundle'],
    [
      'another hash than the manifest',
      { manifest, files: [{ ...known, sha256: sha256Of(Buffer.from('CONTENT')) }] },
      [Buffer.from('CONTENT')],
      'invalid_bundle',
    ],
    [
      'a path outside',
      { manifest, files: [known, { ...other, path: 'x/a.bin:b' }] },
      [content, content],
      'invalid_bundle',
    ],
    ['the same file twice', { manifest, files: [known, known] }, [content, content], 'invalid_bundle'],
    ['content unlike the listing', { manifest, files: [known] }, [Buffer.from('CONTENT')], 'integrity_failed'],
    [
      'a model unlike the catalogue',
      { manifest: { ...manifest, id: 'listed' }, files: [known] },
      [content],
      'integrity_failed',
    ],
    [
      'a licence without consent',
      { manifest: { ...manifest, commercialUse: false }, files: [known] },
      [content],
      'licence_not_accepted',
    ],
  ];
  for (const [what, listing, contents, code] of rows) {
    const { bytes, fingerprint } = forged(listing, contents);
    const path = join(there.dataDir, 'forged');
    writeFileSync(path, bytes);
    await assert.rejects(store.import(path, { signal, acceptSigner: fingerprint }), { code }, what);
    assert.deepEqual(
      [there.content('m'), there.content('listed'), there.leftovers()],
      [undefined, undefined, []],
      what,
    );
  }
  const { bytes, fingerprint } = forged({ manifest, files: [known] }, [content]);
  writeFileSync(join(there.dataDir, 'fine'), bytes);
  await store.import(join(there.dataDir, 'fine'), { signal, acceptSigner: fingerprint });
  assert.deepEqual(there.content('m'), new Map([['a.bin', content]]));
});
