import {
  chmodSync,
  closeSync,
  fchmodSync,
  fstatSync,
  mkdirSync,
  openSync,
  readSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { appendFile } from 'node:fs/promises';
import { dirname } from 'node:path';

export interface RotatingFileOptions {
  path: string;
  /** For the file and its older ones together. */
  maxBytes: number;
  /** Nothing stays longer than this. */
  maxAgeMs: number;
  now: () => number;
  /** Told when lines could not be written. */
  onError: (error: unknown) => void;
}

export interface RotatingFile {
  /** Takes a line that begins with `{"time":"<ISO time>"`. False when it had to be dropped. */
  write(line: string): boolean;
  /** Lines that were taken and then could not be written, since the last call. */
  takeLost(): number;
  /** Writes what is waiting. */
  close(): Promise<void>;
}

/** The current file and the older ones share the bounds on bytes and age evenly. */
const FILES = 5;
const MAX_WAITING_BYTES = 1024 * 1024;
const SWEEP_MS = 3_600_000;

/**
 * Opens a file of lines, mode 0600 in a folder of mode 0700. When the current file has had its share of bytes or time
 * it is renamed to `<path>.1`, and so on up to 4; the oldest goes. Lines are written in the background; those that a
 * slow disk cannot follow are dropped, so that memory stays bounded.
 */
export function openRotatingFile({ path, maxBytes, maxAgeMs, now, onError }: RotatingFileOptions): RotatingFile {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  chmodSync(dirname(path), 0o700);
  const share = maxBytes / FILES;
  let current = inspect(path, now());
  let waiting: string[] = [];
  let waitingBytes = 0;
  let lost = 0;
  let writing: Promise<void> | undefined;

  const rotateWhenDue = (coming: number): void => {
    const tooBig = current.bytes > 0 && current.bytes + coming > share;
    if (!tooBig && now() - current.since < maxAgeMs / FILES) return;
    for (let index = FILES - 1; index > 0; index--) {
      rmSync(`${path}.${index}`, { force: true });
      try {
        renameSync(index === 1 ? path : `${path}.${index - 1}`, `${path}.${index}`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
      }
    }
    current = { bytes: 0, since: now() };
  };

  /** Also removes what an earlier run left behind and nobody rotated since. */
  const sweep = (): void => {
    rotateWhenDue(0);
    for (let index = 1; index < FILES; index++) {
      const older = statSync(`${path}.${index}`, { throwIfNoEntry: false });
      if (older !== undefined && now() - older.mtimeMs >= maxAgeMs) rmSync(`${path}.${index}`, { force: true });
    }
  };

  const drain = async (): Promise<void> => {
    while (waiting.length > 0) {
      const lines = waiting;
      const bytes = waitingBytes;
      waiting = [];
      waitingBytes = 0;
      try {
        rotateWhenDue(bytes);
        await appendFile(path, lines.join(''), { mode: 0o600 });
        current.bytes += bytes;
      } catch (error) {
        lost += lines.length;
        onError(error);
      }
    }
    writing = undefined;
  };

  sweep();
  const timer = setInterval(() => {
    if (writing !== undefined) return;
    try {
      sweep();
    } catch (error) {
      onError(error);
    }
  }, SWEEP_MS);
  timer.unref();

  return {
    write(line) {
      const bytes = Buffer.byteLength(line) + 1;
      if (waitingBytes + bytes > Math.min(MAX_WAITING_BYTES, share)) return false;
      waiting.push(`${line}\n`);
      waitingBytes += bytes;
      writing ??= drain();
      return true;
    },
    takeLost() {
      const count = lost;
      lost = 0;
      return count;
    },
    async close() {
      clearInterval(timer);
      await writing;
    },
  };
}

/** Size of the file as an earlier run left it, and when its first line was written. */
function inspect(path: string, now: number): { bytes: number; since: number } {
  let handle: number;
  try {
    handle = openSync(path, 'r');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return { bytes: 0, since: now };
  }
  try {
    fchmodSync(handle, 0o600);
    const start = Buffer.alloc(64);
    readSync(handle, start);
    const first = Date.parse(/"time":"([^"]+)"/.exec(start.toString('latin1'))?.[1] ?? '');
    const { size, mtimeMs } = fstatSync(handle);
    return { bytes: size, since: Number.isNaN(first) ? mtimeMs : first };
  } finally {
    closeSync(handle);
  }
}
