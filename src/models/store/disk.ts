import { lstat, mkdir, open, readdir, rename, rm, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { SpeechError } from '../../errors.ts';

const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** Turns "no space left" into SpeechError `insufficient_storage`; anything else stays what it is. */
export function storageError(error: unknown): unknown {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof SpeechError || !NO_ROOM.has(code ?? '')) return error;
  return new SpeechError('insufficient_storage', 'There is no room on the disk for this model.', { cause: error });
}

/** Bytes that a folder's disk takes beside the reserve; undefined where the folder is not there yet. */
export async function roomIn(folder: string, reserveBytes: number): Promise<number | undefined> {
  const stats = await statfs(folder).catch(() => undefined);
  return stats === undefined ? undefined : Math.max(0, stats.bavail * stats.bsize - reserveBytes);
}

/** Throws SpeechError `insufficient_storage` unless `bytes` fit beside the reserve. */
export async function requireRoom(folder: string, bytes: number, reserveBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder);
  const free = bavail * bsize;
  if (free >= bytes + reserveBytes) return;
  const mb = (count: number): string => `${Math.ceil(count / 2 ** 20)} MB`;
  throw new SpeechError(
    'insufficient_storage',
    `This model needs ${mb(bytes)} and the server keeps ${mb(reserveBytes)} free, but only ${mb(free)} are left.`,
  );
}

/** Writes a file and flushes it. The folder has to be flushed for the name to stay: `flushFolder`. */
export async function writeDurably(path: string, content: string): Promise<void> {
  const file = await open(path, 'w', 0o644);
  try {
    await file.writeFile(content);
    await file.sync();
  } finally {
    await file.close();
  }
}

/** Replaces a file in one step. Where that fails, the former one stays. */
export async function replaceDurably(path: string, content: string): Promise<void> {
  const next = `${path}.new`;
  try {
    await writeDurably(next, content);
    await rename(next, path);
  } catch (error) {
    await rm(next, { force: true });
    throw error;
  }
  await flushFolder(dirname(path));
}

/** Makes the names in a folder survive a crash of the machine. Windows has no such call and needs none. */
export async function flushFolder(folder: string): Promise<void> {
  if (process.platform === 'win32') return;
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Flushes every file and folder below. */
export async function flushTree(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { withFileTypes: true })) {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) {
      await flushTree(path);
    } else {
      const file = await open(path, 'r');
      await file.sync().finally(() => file.close());
    }
  }
  await flushFolder(folder);
}

/** Takes a folder out of sight in one step, into the trash, which is to be deleted after it. False if it is not there. */
export async function putAside(folder: string, trash: string): Promise<boolean> {
  await mkdir(dirname(trash), { recursive: true, mode: 0o755 });
  try {
    await rename(folder, trash);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false;
    throw error;
  }
  await flushFolder(dirname(folder));
  return true;
}

/** Takes a folder out of sight and then deletes it, so that it is never seen half gone. False if it is not there. */
export async function removeFolder(folder: string, trash: string): Promise<boolean> {
  if (!(await putAside(folder, trash))) return false;
  await rm(trash, { recursive: true, force: true, maxRetries: 5 });
  return true;
}

export async function exists(path: string): Promise<boolean> {
  return await lstat(path).then(
    () => true,
    () => false,
  );
}
