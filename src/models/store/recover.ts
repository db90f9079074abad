import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { tryLock } from '../../storage/file-lock.ts';
import { idOfIncoming, type Layout } from './layout.ts';
import { finishPublishing } from './workplace.ts';

/** What was found after a start, by id. */
export interface Recovered {
  /** Interrupted installs that the next call goes on with. */
  resumable: string[];
  /** What was deleted: half-deleted models, and interrupted installs that are too old or make no sense. */
  deleted: string[];
  /** Models that were all there but for their name, and are in their place now. */
  finished: string[];
}

/**
 * Cleans up what killed processes left: finishes deletions and the last step of installs, and forgets interrupted installs older than `keepMs`.
 * Leaves alone what another living process holds.
 */
export async function recover(layout: Layout, keepMs: number, now: number): Promise<Recovered> {
  const found: Recovered = { resumable: [], deleted: [], finished: await finishInstalls(layout) };
  for (const folder of [layout.trash, layout.incoming]) {
    for (const name of await readdir(folder)) {
      const path = join(folder, name);
      const id = idOfIncoming(name);
      const lock = id === undefined ? undefined : tryLock(layout.lock(id));
      if (id !== undefined && lock === undefined) continue;
      try {
        const fresh = now - (await lastChange(path)) < keepMs;
        if (folder === layout.incoming && id !== undefined && fresh) {
          found.resumable.push(id);
        } else {
          await rm(path, { recursive: true, force: true, maxRetries: 5 });
          found.deleted.push(id ?? name);
        }
      } finally {
        lock?.release();
      }
    }
  }
  return found;
}

/**
 * Puts in place what killed processes had all but put there, and tells the ids. To be called before anybody asks which
 * models there are: one of them may be what a setting names. Throws where the
 * folder cannot be written.
 */
export async function finishInstalls(layout: Layout): Promise<string[]> {
  const finished: string[] = [];
  for (const name of await readdir(layout.incoming).catch(() => [])) {
    const id = idOfIncoming(name);
    const lock = id === undefined ? undefined : tryLock(layout.lock(id));
    if (id === undefined || lock === undefined) continue;
    try {
      if (await finishPublishing(layout, id, join(layout.incoming, name))) finished.push(id);
    } finally {
      lock.release();
    }
  }
  return finished;
}

/** When something in an incoming folder was last written, in Unix milliseconds. */
async function lastChange(folder: string): Promise<number> {
  const names = await readdir(join(folder, 'parts')).catch(() => []);
  const paths = [folder, ...names.map((name) => join(folder, 'parts', name))];
  const times = await Promise.all(
    paths.map((path) =>
      stat(path)
        .then(({ mtimeMs }) => mtimeMs)
        .catch(() => 0),
    ),
  );
  return Math.max(...times);
}
