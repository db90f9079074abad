import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { hashToken } from '../security/secrets.ts';
import { openDatabase } from '../storage/database.ts';
import type { Database } from '../storage/schema.ts';
import { type KeyStore, type NewKey, openKeyStore } from './keys.ts';
import { SCOPES, type Scope } from './scopes.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-keys-'));
const opened: Database[] = [];
after(async () => {
  for (const db of opened) await db.destroy();
  rmSync(folder, { recursive: true });
});

async function database(dir = mkdtempSync(join(folder, 'd-'))): Promise<{ db: Database; dir: string }> {
  const db = await openDatabase(dir);
  opened.push(db);
  return { db, dir };
}

const START = 1_800_000_000_000;

interface Bench {
  store: KeyStore;
  db: Database;
  dir: string;
  clock: { now: number };
}

async function bench(options: { envKey?: string; cap?: number; dir?: string } = {}): Promise<Bench> {
  const { db, dir } = await database(options.dir);
  const clock = { now: START };
  const limits = { apiKeys: options.cap ?? 100 };
  return { store: openKeyStore(db, { envKey: options.envKey ?? '', limits, now: () => clock.now }), db, dir, clock };
}

const key: NewKey = { name: 'phone', scopes: ['speech', 'models:read'] };

test('a key opens the door with its own name, scopes and rate', async () => {
  const { store } = await bench();
  const { token, key: info } = await store.create({ ...key, requestsPerMinute: 5 });
  assert.match(token, /^os_[0-9A-Za-z]{43}$/);
  assert.ok(token.startsWith(info.prefix));
  assert.deepEqual(await store.authenticate(token), {
    keyId: info.id,
    name: 'phone',
    scopes: new Set<Scope>(['speech', 'models:read']),
    requestsPerMinute: 5,
  });
});

test('nothing on disk and nothing in the list holds the key itself', async () => {
  const { store, dir } = await bench();
  const { token, key: info } = await store.create(key);
  const secret = token.slice(info.prefix.length);
  assert.ok(!JSON.stringify(await store.list()).includes(secret));
  assert.ok(!JSON.stringify(await store.list()).includes(hashToken(token)));
  for (const file of readdirSync(dir)) assert.ok(!readFileSync(join(dir, file)).includes(secret), file);
});

test('anything else is a stranger and never an error', async () => {
  const { store } = await bench({ envKey: 'Vw3k9Qz7Lr2Xy8Tn5Bp1' });
  const { token } = await store.create(key);
  const flipped = token.slice(0, -1) + (token.endsWith('a') ? 'b' : 'a');
  const samePrefix = token.slice(0, 11) + 'x'.repeat(35);
  const strangers = ['', 'os_', token.slice(0, -1), `${token}a`, flipped, samePrefix, token.toUpperCase(), ` ${token}`];
  const hostile = [
    'schlüssel',
    'os_ключ',
    '\u0000',
    '\ud800',
    `os_${'é'.repeat(43)}`,
    "' or 1=1 --",
    'x'.repeat(1_000_000),
  ];
  for (const stranger of [...strangers, ...hostile]) {
    assert.equal(await store.authenticate(stranger), undefined, stranger.slice(0, 60));
  }
  assert.ok(await store.authenticate(token));
});

test('the key from the environment has every scope, and an unset one opens nothing', async () => {
  const { store } = await bench({ envKey: 'Vw3k9Qz7Lr2Xy8Tn5Bp1' });
  assert.deepEqual((await store.authenticate('Vw3k9Qz7Lr2Xy8Tn5Bp1'))?.scopes, new Set(SCOPES));
  assert.equal(await (await bench()).store.authenticate(''), undefined);
});

test('a key stops at its expiry, also one that was just used', async () => {
  const { store, clock } = await bench();
  const { token } = await store.create({ ...key, expiresAt: START + 100 });
  clock.now = START + 99;
  assert.ok(await store.authenticate(token));
  clock.now = START + 100;
  assert.equal(await store.authenticate(token), undefined);
});

test('a revoked key is out at once, also for a request that was already looking it up', async () => {
  const { store } = await bench();
  const { token, key: info } = await store.create(key);
  assert.ok(await store.authenticate(token));
  const racing = [store.authenticate(token), store.revoke(info.id), store.authenticate(token)];
  await Promise.all(racing);
  assert.equal(await store.authenticate(token), undefined);
  assert.equal(await store.revoke(info.id), false);
  assert.equal(await store.count(), 0);
});

test('a look-up that began before a revocation is not trusted after it', async () => {
  const { store, db } = await bench();
  const { token, key: info } = await store.create(key);
  for (let round = 0; round < 20; round++) {
    const found = store.authenticate(token);
    await db.deleteFrom('api_keys').where('id', '=', 'none').execute();
    const revoked = store.revoke(round === 19 ? info.id : 'none');
    await Promise.all([found, revoked]);
  }
  assert.equal(await store.authenticate(token), undefined);
});

test('a key revoked by another process is out within a second', async () => {
  const { store, dir, clock } = await bench();
  const other = await bench({ dir });
  const { token, key: info } = await store.create(key);
  assert.ok(await store.authenticate(token));
  assert.ok(await other.store.authenticate(token), 'both processes see it');
  await other.store.revoke(info.id);
  clock.now += 999;
  assert.equal(await store.authenticate(token), undefined);
});

test('the keys that still live are told apart from revoked and expired ones, whoever ended them', async () => {
  const { store, dir, clock } = await bench({ envKey: 'Xq72mV9kd-living-4fTz' });
  const other = await bench({ dir });
  const ids: string[] = [];
  for (let i = 0; i < 3; i++) {
    const expiry = i === 2 ? { expiresAt: START + 100 } : {};
    ids.push((await store.create({ ...key, ...expiry })).key.id);
  }
  const [stays, revoked, expires] = ids as [string, string, string];
  const asked = new Set([...ids, 'env', 'nobody', ...Array.from({ length: 600 }, (_, i) => `x${i}`)]);
  assert.deepEqual(await store.living(asked), new Set(['env', ...ids]));
  await other.store.revoke(revoked);
  assert.deepEqual(await store.living(asked), new Set(['env', stays, expires]));
  clock.now += 100;
  assert.deepEqual(await store.living(asked), new Set(['env', stays]));
  assert.deepEqual(await store.living(new Set([revoked])), new Set());
  assert.deepEqual(await other.store.living(new Set(['env'])), new Set(), 'there is no key in that environment');
});

test('two keys that share a prefix are told apart', async () => {
  const { store, db } = await bench();
  const { token, key: info } = await store.create(key);
  const twin = token.slice(0, 11) + 'y'.repeat(35);
  const row = await db.selectFrom('api_keys').selectAll().where('id', '=', info.id).executeTakeFirstOrThrow();
  await db
    .insertInto('api_keys')
    .values({ ...row, id: 'twin', name: 'twin', hash: hashToken(twin) })
    .execute();
  for (let round = 0; round < 2; round++) {
    assert.equal((await store.authenticate(token))?.name, 'phone');
    assert.equal((await store.authenticate(twin))?.name, 'twin');
  }
});

test('the last use is noted, and at most once a minute', async () => {
  const { store, clock } = await bench();
  const { token } = await store.create(key);
  const lastUse = async () => (await store.list())[0]?.lastUsedAt;
  assert.equal(await lastUse(), undefined);
  for (const [later, noted] of [
    [0, START],
    [59_999, START],
    [60_000, START + 60_000],
  ] as const) {
    clock.now = START + later;
    await store.authenticate(token);
    await store.close();
    assert.equal(await lastUse(), noted);
  }
});

test('there are never more keys than the cap, also when many are made at once', async () => {
  const { store } = await bench({ cap: 3 });
  const results = await Promise.allSettled(Array.from({ length: 10 }, () => store.create(key)));
  assert.equal(results.filter(({ status }) => status === 'fulfilled').length, 3);
  for (const result of results) {
    if (result.status === 'rejected') assert.equal(result.reason.code, 'conflict');
  }
  const [first] = await store.list();
  await store.revoke(first!.id);
  await store.create(key);
  assert.equal(await store.count(), 3);
});

test('a key needs a name, known scopes, a future expiry and a sensible rate', async () => {
  const { store } = await bench();
  const bad: [NewKey, string][] = [
    [{ ...key, name: ' ' }, 'name'],
    [{ ...key, name: 'x'.repeat(101) }, 'name'],
    [{ ...key, name: 'a\nb' }, 'name'],
    [{ ...key, scopes: [] }, 'scopes'],
    [{ ...key, scopes: ['root' as Scope] }, 'scopes'],
    [{ ...key, expiresAt: START }, 'expires_at'],
    [{ ...key, expiresAt: Number.NaN }, 'expires_at'],
    [{ ...key, requestsPerMinute: 0 }, 'requests_per_minute'],
    [{ ...key, requestsPerMinute: 1.5 }, 'requests_per_minute'],
  ];
  for (const [wanted, param] of bad) {
    await assert.rejects(store.create(wanted), { code: 'invalid_request', param });
  }
  assert.equal(await store.count(), 0);
});

test('a scope this version does not know gives nothing', async () => {
  const { store, db } = await bench();
  const { token } = await store.create(key);
  await db.updateTable('api_keys').set({ scopes: 'speech root' }).execute();
  assert.deepEqual((await store.authenticate(token))?.scopes, new Set(['speech']));
});

test('without its database the store lets nobody in', async () => {
  const { db } = await database();
  const store = openKeyStore(db, { envKey: '', limits: { apiKeys: 10 } });
  const { token } = await store.create(key);
  await db.destroy();
  await assert.rejects(store.authenticate(token));
});
