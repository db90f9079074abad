import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { openDatabase } from '../storage/database.ts';
import { ensureFirstKey } from './first-key.ts';
import { openKeyStore } from './keys.ts';
import { SCOPES } from './scopes.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-first-'));
after(() => rmSync(folder, { recursive: true }));

async function withStore(run: (store: ReturnType<typeof openKeyStore>, dir: string) => Promise<void>): Promise<void> {
  const dir = mkdtempSync(join(folder, 'd-'));
  const db = await openDatabase(dir);
  const store = openKeyStore(db, { envKey: '', limits: { apiKeys: 10 } });
  await run(store, dir);
  await store.close();
  await db.destroy();
}

test('the first start makes one key with every scope and keeps it 0600', () =>
  withStore(async (store, dir) => {
    const first = await ensureFirstKey(store, dir);
    assert.equal(first?.path, join(dir, 'api-key'));
    assert.equal(readFileSync(first.path, 'utf8'), `${first.token}\n`);
    assert.equal(statSync(first.path).mode & 0o777, 0o600);
    assert.deepEqual((await store.authenticate(first.token))?.scopes, new Set(SCOPES));
  }));

test('later starts make none', () =>
  withStore(async (store, dir) => {
    await ensureFirstKey(store, dir);
    assert.equal(await ensureFirstKey(store, dir), undefined);
    assert.equal(await store.count(), 1);
  }));

test('a start after every key was revoked makes a new one and never revives an old one', () =>
  withStore(async (store, dir) => {
    const old = await ensureFirstKey(store, dir);
    for (const { id } of await store.list()) await store.revoke(id);
    const fresh = await ensureFirstKey(store, dir);
    assert.notEqual(fresh?.token, old?.token);
    assert.equal(readFileSync(join(dir, 'api-key'), 'utf8'), `${fresh?.token}\n`);
    assert.equal(await store.authenticate(old!.token), undefined);
  }));

test('a key that could not be written down is not kept', () =>
  withStore(async (store, dir) => {
    mkdirSync(join(dir, 'api-key'));
    await assert.rejects(ensureFirstKey(store, dir));
    assert.equal(await store.count(), 0);
  }));
