import { chmodSync, lstatSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { type FileLock, tryLock } from './file-lock.ts';

/**
 * Makes the data folder, mode 0700, or checks the one that is there. Returns sentences for the operator about what it
 * had to mend. Throws an Error where the folder, or a link to it, belongs to somebody other than `user`, who could then
 * read every key. Windows has no user numbers and keeps profile folders private by itself.
 */
export function prepareDataDir(dataDir: string, user = process.getuid?.()): string[] {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const stats = statSync(dataDir);
  if (!stats.isDirectory()) throw new Error(`the data folder ${dataDir} is not a folder`);
  if (user === undefined) return [];
  const link = lstatSync(dataDir);
  // A link may lead elsewhere only if it is ours or root's: in a shared folder anybody could have put it there.
  if (stats.uid !== user || (link.uid !== user && link.uid !== 0)) {
    throw new Error(
      `the data folder ${dataDir} belongs to another user: run \`chown ${user} ${dataDir}\`, or set OS_DATA_DIR to a folder inside it`,
    );
  }
  if ((stats.mode & 0o077) === 0) return [];
  chmodSync(dataDir, 0o700);
  return [`the data folder ${dataDir} could be read by other users; its mode is now 0700`];
}

/**
 * Makes sure that one server at a time uses a data folder, in containers too. Throws an Error where another server
 * holds it.
 */
export function lockDataDir(dataDir: string): FileLock {
  const lock = tryLock(join(dataDir, 'server.lock'));
  if (lock !== undefined) return lock;
  throw new Error(`another Open Speech server uses the data folder ${dataDir}: stop it or set OS_DATA_DIR`);
}

/** Empties `<dataDir>/tmp`, which may hold what a killed server left, and returns its path. Call it under the lock. */
export function emptyTmpDir(dataDir: string): string {
  const tmp = join(dataDir, 'tmp');
  rmSync(tmp, { recursive: true, force: true });
  mkdirSync(tmp, { mode: 0o700 });
  return tmp;
}
