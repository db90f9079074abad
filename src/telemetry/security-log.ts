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
import { join } from 'node:path';
import { textRedactor } from '../security/redact.ts';

/** What the security log keeps. It alone may hold a client's address. */
export interface SecurityEvent {
  event:
    | 'authentication_failed'
    | 'address_blocked'
    | 'scope_refused'
    | 'origin_refused'
    | 'host_refused'
    | 'key_created'
    | 'key_revoked';
  address?: string;
  requestId?: string;
  /** Public part of a key, or its id; never the key. */
  keyId?: string;
  route?: string;
  reason?: string;
}

export interface SecurityLog {
  record(event: SecurityEvent): void;
  /** Writes what is waiting. */
  close(): Promise<void>;
}

export interface SecurityLogOptions {
  /** The data folder; the log lies in its `logs` folder. */
  dataDir: string;
  /** For all files of the log together. */
  maxBytes: number;
  /** Nothing stays longer than this. */
  maxAgeMs: number;
  now?: () => number;
  secrets?: readonly string[];
  /** Told when lines could not be written. */
  onError?: (error: unknown) => void;
}

/** The current file and the older ones share the bounds on bytes and age evenly. */
const FILES = 5;
const MAX_WAITING_BYTES = 1024 * 1024;
const SWEEP_MS = 3_600_000;

/**
 * Opens `<dataDir>/logs/security.log`, mode 0600 in a folder of mode 0700. When the current file has had its share of
 * bytes or time it becomes `security.log.1`, and so on up to 4; the oldest goes. Lines are written in the background;
 * a disk that cannot keep up loses lines and the loss is written down.
 */
export function openSecurityLog(options: SecurityLogOptions): SecurityLog {
  const { maxBytes, maxAgeMs, now = Date.now, onError = () => {} } = options;
  const folder = join(options.dataDir, 'logs');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const path = join(folder, 'security.log');
  const redact = textRedactor(options.secrets);
  let current = inspect(path, now());
  let waiting: string[] = [];
  let waitingBytes = 0;
  let lost = 0;
  let writing: Promise<void> | undefined;

  const rotateWhenDue = (coming: number): void => {
    const tooBig = current.bytes > 0 && current.bytes + coming > maxBytes / FILES;
    if (!tooBig && now() - current.since < maxAgeMs / FILES) return;
    for (let index = FILES - 1; index > 0; index--) {
      const from = index === 1 ? path : `${path}.${index - 1}`;
      rmSync(`${path}.${index}`, { force: true });
      try {
        renameSync(from, `${path}.${index}`);
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
      const lines = waiting.join('');
      waiting = [];
      waitingBytes = 0;
      try {
        const bytes = Buffer.byteLength(lines);
        rotateWhenDue(bytes);
        await appendFile(path, lines, { mode: 0o600 });
        current.bytes += bytes;
      } catch (error) {
        lost += lines.split('\n').length - 1;
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
    record(event) {
      const missing = lost > 0 ? { lost } : {};
      const line = `${redact(JSON.stringify({ time: new Date(now()).toISOString(), ...event, ...missing }))}\n`;
      if (waitingBytes + line.length > MAX_WAITING_BYTES) {
        lost++;
        return;
      }
      lost = 0;
      waiting.push(line);
      waitingBytes += line.length;
      writing ??= drain();
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
