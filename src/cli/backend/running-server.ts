import { readFileSync, rmSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { isUnspecifiedHost } from '../../security/addresses.ts';
import { writePrivateFile } from '../../storage/private-file.ts';

/** A server that runs on this machine. */
export interface RunningServer {
  /** Where this machine reaches it. */
  url: string;
  pid: number;
}

const fileIn = (dataDir: string): string => join(dataDir, 'server.json');

/**
 * Notes in the data folder where the server listens, so that other commands find it whatever its port. Nobody else can
 * write there, so whoever reads it can trust the address with a key. Returns how to remove the note.
 */
export function noteRunningServer(dataDir: string, url: string): () => void {
  const server: RunningServer = { url: reachable(url), pid: process.pid };
  writePrivateFile(fileIn(dataDir), `${JSON.stringify(server)}\n`, { replace: true });
  return () => rmSync(fileIn(dataDir), { force: true });
}

/** The server that uses the data folder, or undefined where there is none. It may be too busy, or just ending. */
export function runningServer(dataDir: string): RunningServer | undefined {
  try {
    const { url, pid } = JSON.parse(readFileSync(fileIn(dataDir), 'utf8')) as RunningServer;
    return URL.canParse(url) && isAlive(pid) ? { url, pid } : undefined;
  } catch {
    return undefined;
  }
}

/** A server that was killed left its note behind, and somebody else may listen at its address now. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** An address that means "every interface" is no address to call. */
function reachable(url: string): string {
  const target = new URL(url);
  const host = target.hostname.replace(/^\[(.*)\]$/, '$1');
  if (isUnspecifiedHost(host)) target.hostname = isIP(host) === 6 ? '[::1]' : '127.0.0.1';
  return target.origin;
}
