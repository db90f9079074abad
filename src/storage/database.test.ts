import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { promisify } from 'node:util';
import { sql } from 'kysely';
import { openDatabase } from './database.ts';
import type { ApiKeyTable } from './schema.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-db-'));
after(() => rmSync(folder, { recursive: true }));
const fresh = () => mkdtempSync(join(folder, 'd-'));

const row: ApiKeyTable = {
  id: 'a',
  name: "Robert'); drop table api_keys; --",
  prefix: 'os_12345678',
  hash: 'h',
  scopes: 'speech',
  requests_per_minute: null,
  created_at: 1_795_294_677_539,
  expires_at: null,
  last_used_at: null,
};

test('what is written is there after closing and opening, times included', async () => {
  const dir = fresh();
  const db = await openDatabase(dir);
  await db.insertInto('api_keys').values(row).execute();
  await db.destroy();
  const again = await openDatabase(dir);
  assert.deepEqual({ ...(await again.selectFrom('api_keys').selectAll().executeTakeFirst()) }, row);
  await again.destroy();
});

test('the database and its side files are private, whatever the umask and whatever they were', async () => {
  const dir = fresh();
  writeFileSync(join(dir, 'open-speech.db'), '');
  chmodSync(join(dir, 'open-speech.db'), 0o666);
  const before = process.umask(0);
  const db = await openDatabase(dir);
  await db.insertInto('api_keys').values(row).execute();
  process.umask(before);
  const files = readdirSync(dir);
  assert.deepEqual(files.sort(), ['open-speech.db', 'open-speech.db-shm', 'open-speech.db-wal']);
  for (const file of files) assert.equal(statSync(join(dir, file)).mode & 0o777, 0o600, file);
  await db.destroy();
});

test('a link in place of the database is refused', async () => {
  const dir = fresh();
  symlinkSync('/etc/passwd', join(dir, 'open-speech.db'));
  await assert.rejects(openDatabase(dir), { code: 'ELOOP' });
});

test('a file that is no database is refused with its name', async () => {
  const dir = fresh();
  writeFileSync(join(dir, 'open-speech.db'), 'this is not a database, but it is long enough to look at'.repeat(20));
  await assert.rejects(openDatabase(dir), /open-speech\.db cannot be opened: file is not a database/);
});

test('a database of a newer version is refused', async () => {
  const dir = fresh();
  const db = await openDatabase(dir);
  await sql`insert into kysely_migration (name, timestamp) values ('9999-future', '')`.execute(db);
  await db.destroy();
  await assert.rejects(openDatabase(dir), /cannot be brought up to date/);
});

test('write-ahead mode and foreign keys are on', async () => {
  const db = await openDatabase(fresh());
  assert.deepEqual((await sql<{ journal_mode: string }>`pragma journal_mode`.execute(db)).rows[0]?.journal_mode, 'wal');
  assert.deepEqual((await sql<{ foreign_keys: number }>`pragma foreign_keys`.execute(db)).rows[0]?.foreign_keys, 1);
  await db.destroy();
});

test('a transaction that fails leaves nothing behind, and transactions do not mix', async () => {
  const db = await openDatabase(fresh());
  const insert = (id: string, fail: boolean) =>
    db.transaction().execute(async (transaction) => {
      await transaction
        .insertInto('api_keys')
        .values({ ...row, id })
        .execute();
      await new Promise((resolve) => setImmediate(resolve));
      if (fail) throw new Error('undo');
    });
  const results = await Promise.allSettled([insert('x', true), insert('y', false), insert('z', true)]);
  assert.deepEqual(
    results.map(({ status }) => status),
    ['rejected', 'fulfilled', 'rejected'],
  );
  const left = await db.selectFrom('api_keys').select('id').execute();
  assert.deepEqual(
    left.map(({ id }) => id),
    ['y'],
  );
  await db.destroy();
});

test('a select can be streamed', async () => {
  const db = await openDatabase(fresh());
  await db
    .insertInto('api_keys')
    .values([row, { ...row, id: 'b' }])
    .execute();
  const seen: string[] = [];
  for await (const { id } of db.selectFrom('api_keys').select('id').orderBy('id').stream()) seen.push(id);
  assert.deepEqual(seen, ['a', 'b']);
  await db.destroy();
});

test('several processes may open a new database at the same moment', async () => {
  const dir = fresh();
  const module = resolve(import.meta.dirname, 'database.ts');
  const script = `import { openDatabase } from ${JSON.stringify(module)};
    const db = await openDatabase(${JSON.stringify(dir)});
    const rows = await db.selectFrom('api_keys').selectAll().execute();
    await db.destroy(); console.log('rows', rows.length);`;
  const open = () => promisify(execFile)(process.execPath, ['--input-type=module-typescript', '-e', script]);
  for (const { stdout } of await Promise.all([open(), open(), open()])) assert.equal(stdout, 'rows 0\n');
});
