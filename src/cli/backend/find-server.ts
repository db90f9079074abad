import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Settings } from '../../config/kinds.ts';
import { isLoopbackHost } from '../../security/addresses.ts';
import { readPrivateFile } from '../../storage/private-file.ts';
import { UsageError } from '../command.ts';
import { call, type ServerAddress } from './http.ts';
import { runningServer } from './running-server.ts';

/** The options of every command that can use a server. */
export const SERVER_OPTIONS = {
  url: { type: 'string' },
  local: { type: 'boolean' },
} as const;

export const SERVER_HELP = `  --url <address>       use this server (or OPEN_SPEECH_URL)
  --api-key-file <file> the key for it (or OS_API_KEY)
  --local               use no server

Without --url the server of the same data folder is used while it runs; with none, the command does the work itself.
`;

export interface ServerChoice {
  url?: string | undefined;
  local?: boolean | undefined;
}

/** A server on this machine that lives answers at once; one that computes may take a little. */
const PROBE_MS = 2000;
const MAX_KEY_BYTES = 1024;

/**
 * The server to use: the one that is named, else the one that runs with this data folder, else none. The key of the
 * data folder is sent to no other machine. Throws UsageError for an address that cannot be used, and an Error where a
 * named server does not answer.
 */
export async function findServer(choice: ServerChoice, settings: Settings): Promise<ServerAddress | undefined> {
  const named = choice.url ?? (process.env.OPEN_SPEECH_URL || undefined);
  if (choice.local) {
    if (choice.url !== undefined) throw new UsageError('--url and --local exclude each other');
    return undefined;
  }
  if (named !== undefined) {
    const server = namedServer(named, settings);
    await probe(server);
    return server;
  }
  return await ownServer(settings);
}

/** The server that runs with the data folder of these settings, if one does and answers. */
export async function ownServer(settings: Settings): Promise<ServerAddress | undefined> {
  const running = runningServer(settings.dataDir);
  if (running === undefined) return undefined;
  const server = { url: running.url, apiKey: keyOf(settings), ...certificateOf(settings) };
  return (await probe(server).catch(() => false)) === false ? undefined : server;
}

function namedServer(written: string, settings: Settings): ServerAddress {
  const url = URL.canParse(written) ? new URL(written) : undefined;
  if (url === undefined || !['http:', 'https:'].includes(url.protocol) || url.username !== '' || url.search !== '') {
    throw new UsageError(`'${written}' is not a server's address such as http://127.0.0.1:8100`);
  }
  const here = isLoopbackHost(url.hostname);
  if (url.protocol === 'http:' && !here) {
    throw new UsageError(`a key would cross the network in the clear to ${url.origin}: use https:`);
  }
  return {
    // Whoever copies the base URL of an OpenAI client has /v1 at its end.
    url: (url.origin + url.pathname).replace(/\/(v1\/?)?$/, ''),
    apiKey: here ? keyOf(settings) : settings.apiKey || undefined,
    ...(here ? certificateOf(settings) : {}),
  };
}

/** `OS_API_KEY`, else the key that the first start left in the data folder. */
function keyOf(settings: Settings): string | undefined {
  if (settings.apiKey !== '') return settings.apiKey;
  const path = join(settings.dataDir, 'api-key');
  return existsSync(path) ? readPrivateFile(path, { maxBytes: MAX_KEY_BYTES }).trim() : undefined;
}

/** The certificate that a server with these settings shows. */
function certificateOf({ sslCertfile, dataDir }: Settings): { certificate?: string } {
  const path = sslCertfile || join(dataDir, 'tls', 'certificate.pem');
  return existsSync(path) ? { certificate: path } : {};
}

async function probe(server: ServerAddress): Promise<void> {
  // Without the key: it is not yet known who answers.
  const response = await call(
    { ...server, apiKey: undefined },
    { method: 'GET', path: '/health', idleMs: PROBE_MS, signal: AbortSignal.timeout(PROBE_MS) },
  ).catch((error: Error) => {
    throw error.name === 'AbortError' ? new Error(`the server ${server.url} does not answer`) : error;
  });
  response.resume();
}
