import { chmodSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';

/** A held lock. The kernel takes it back when the process ends, however it ends. */
export interface FileLock {
  release(): void;
}

/** SQLite's code for a database that somebody else has locked. */
const SQLITE_BUSY = 5;

/**
 * Takes the lock of this name, a path, among all processes of this machine; undefined where another holds it. The lock
 * is SQLite's own on an empty file, so there is no stale lock to take over and no process number to mistake. The file
 * stays when the lock is released: deleting it would let two holders in.
 */
export function tryLock(path: string): FileLock | undefined {
  const lock = new DatabaseSync(path, { timeout: 0 });
  try {
    // Nothing is ever written, and no journal of it may ask for room on a full disk.
    lock.exec('pragma journal_mode = memory; begin exclusive');
    chmodSync(path, 0o600);
  } catch (error) {
    lock.close();
    if ((error as { errcode?: number }).errcode !== SQLITE_BUSY) throw error;
    return undefined;
  }
  return { release: () => lock.close() };
}
