import { chmodSync, closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Kysely } from 'kysely';
import { Migrator } from 'kysely/migration';
import { migrations } from './migrations/index.ts';
import type { Database, Tables } from './schema.ts';
import { NodeSqliteDialect } from './sqlite-dialect.ts';

/**
 * How long a statement waits for another process that writes, such as `open-speech keys create`. The wait blocks this
 * process, and such writes take milliseconds.
 */
const BUSY_TIMEOUT_MS = 2000;

/**
 * Opens `<dataDir>/open-speech.db`, mode 0600, in write-ahead mode, and brings it up to date. Several processes may
 * have it open. Close it with `destroy()`. Throws an Error when the file is damaged or comes from a newer version.
 */
export async function openDatabase(dataDir: string): Promise<Database> {
  const path = join(dataDir, 'open-speech.db');
  createPrivately(path);
  const sqlite = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS, enableForeignKeyConstraints: true });
  try {
    // NORMAL loses at most the last commits on a power cut and never consistency (sqlite.org/wal.html).
    sqlite.exec('pragma journal_mode = wal; pragma synchronous = normal; pragma trusted_schema = off');
  } catch (error) {
    sqlite.close();
    throw new Error(`the database ${path} cannot be opened: ${(error as Error).message}`, { cause: error });
  }
  const db = new Kysely<Tables>({ dialect: new NodeSqliteDialect(sqlite) });
  const { error } = await new Migrator({
    db,
    provider: { getMigrations: async () => ({ ...migrations }) },
  }).migrateToLatest();
  if (error !== undefined) {
    await db.destroy();
    throw new Error(`the database ${path} cannot be brought up to date: ${(error as Error).message}`, { cause: error });
  }
  return db;
}

/** SQLite gives its side files the mode of the database, so the mode is right before SQLite first writes. */
function createPrivately(path: string): void {
  closeSync(openSync(path, constants.O_RDWR | constants.O_CREAT | (constants.O_NOFOLLOW ?? 0), 0o600));
  chmodSync(path, 0o600);
}
