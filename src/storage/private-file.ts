import { randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { sep } from 'node:path';

/** Windows has no mode bits; its profile folders are private by their access lists. */
const hasModes = process.platform !== 'win32';

/** Where container runtimes mount secrets. What lies there often has mode 0444 and is private by its mount. */
const SECRET_MOUNTS = ['/run/secrets', '/var/run/secrets'];

export interface ReadPrivateOptions {
  /** Larger files are refused. */
  maxBytes: number;
  /** systemd's folder of credentials, from `$CREDENTIALS_DIRECTORY`. */
  credentialsDirectory?: string | undefined;
}

/**
 * Reads a file that holds a secret and refuses one that others can read. The group may read it where root owns it and
 * the server is not root, because that is how root lends a secret to a service; secrets mounted by a container runtime
 * or by systemd are taken as they are. Throws an Error whose message names the file and never its content.
 */
export function readPrivateFile(path: string, options: ReadPrivateOptions): string {
  const handle = open(path);
  try {
    const stats = fstatSync(handle);
    if (!stats.isFile()) throw new Error(`${path} is not a file`);
    if (stats.size > options.maxBytes) throw new Error(`${path} is larger than ${options.maxBytes} bytes`);
    const mounts = options.credentialsDirectory ? [...SECRET_MOUNTS, options.credentialsDirectory] : SECRET_MOUNTS;
    if (hasModes && !mounts.some((mount) => path.startsWith(mount + sep)) && isLoose(stats)) {
      throw new Error(`${path} can be read by other users: chmod 600 ${path}`);
    }
    return readFileSync(handle, 'utf8');
  } finally {
    closeSync(handle);
  }
}

/** True when someone besides the owner, or the group that root lends it to, may read or change the file. */
export function isLoose(stats: { mode: number; uid: number }, user = process.getuid?.()): boolean {
  if (!hasModes) return false;
  const lentByRoot = stats.uid === 0 && user !== 0;
  return (stats.mode & (lentByRoot ? 0o027 : 0o077)) !== 0;
}

/**
 * Writes a file that only its owner may read, whole or not at all: a new file with mode 0600 is written, flushed and
 * renamed over `path`. With `replace: false` an existing file is left alone and EEXIST is thrown.
 */
export function writePrivateFile(path: string, data: string | Uint8Array, options: { replace: boolean }): void {
  if (!options.replace) {
    writeNew(path, data);
    return;
  }
  const temporary = `${path}.${randomBytes(6).toString('hex')}`;
  try {
    writeNew(temporary, data);
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}

function writeNew(path: string, data: string | Uint8Array): void {
  const handle = openSync(path, 'wx', 0o600);
  try {
    const bytes = typeof data === 'string' ? Buffer.from(data) : data;
    for (let written = 0; written < bytes.length; ) written += writeSync(handle, bytes, written);
    fsyncSync(handle);
  } finally {
    closeSync(handle);
  }
}

function open(path: string): number {
  try {
    // O_NONBLOCK: a named pipe in place of the file must not hold up the start.
    return openSync(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
  } catch (error) {
    throw new Error(`${path} cannot be read (${(error as NodeJS.ErrnoException).code ?? 'unknown reason'})`);
  }
}
