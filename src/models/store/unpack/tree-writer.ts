import { closeSync, constants, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Entry, EntryGuard } from './entry-guard.ts';

const { O_WRONLY, O_CREAT, O_EXCL, O_NOFOLLOW = 0 } = constants;
const NOWHERE = -1;

/** Writes what the guard lets through below a folder, with the same plain modes for all. One file at a time. */
export class TreeWriter {
  #target: string;
  #guard: EntryGuard;
  #made = new Set<string>();
  #file: number | undefined;

  constructor(target: string, guard: EntryGuard) {
    this.#target = target;
    this.#guard = guard;
  }

  /** Begins an entry; for a file, `write` and `end` follow. Throws BadArchive before anything is made. */
  begin(entry: Entry): void {
    const parts = this.#guard.accept(entry);
    if (entry.type === 'folder') {
      if (parts !== undefined) this.#makeFolder(parts);
      return;
    }
    this.#file = NOWHERE;
    if (parts === undefined) return;
    this.#makeFolder(parts.slice(0, -1));
    // Only a new file, never through a link: nothing that is there already can be changed.
    this.#file = openSync(join(this.#target, ...parts), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o644);
  }

  write(bytes: Uint8Array): void {
    if (this.#file === undefined) throw new Error('no file is open');
    if (this.#file === NOWHERE) return;
    for (let done = 0; done < bytes.length; ) done += writeSync(this.#file, bytes, done);
  }

  end(): void {
    if (this.#file !== undefined && this.#file !== NOWHERE) closeSync(this.#file);
    this.#file = undefined;
  }

  #makeFolder(parts: readonly string[]): void {
    for (let depth = 1; depth <= parts.length; depth++) {
      const folder = join(this.#target, ...parts.slice(0, depth));
      if (this.#made.has(folder)) continue;
      mkdirSync(folder, 0o755);
      this.#made.add(folder);
    }
  }
}
