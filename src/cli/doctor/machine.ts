import { statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { availableParallelism, totalmem } from 'node:os';
import type { LoadedSettings } from '../../config/load.ts';
import { findServer } from '../backend/find-server.ts';
import { pageState } from '../setup/page.ts';
import { size } from '../terminal/output.ts';
import type { Finding } from './report.ts';

const NEEDED_NODE = 24;
/** Below this, models and uploads will not fit. */
const LITTLE_SPACE_BYTES = 500_000_000;

export function* checkMachine(): Generator<Finding> {
  const good = Number.parseInt(process.versions.node, 10) >= NEEDED_NODE;
  yield {
    ...{ area: 'machine', name: 'node', state: good ? 'ok' : 'failed' },
    says: good ? process.version : `${process.version}, and ${NEEDED_NODE} is needed`,
    ...(good ? {} : { remedy: 'npm ci' }),
  };
  const processors = availableParallelism();
  yield {
    ...{ area: 'machine', name: 'system', state: 'ok' },
    says: `${process.platform}-${process.arch}, ${processors} processors, ${size(totalmem())} of memory`,
  };
  const page = pageState();
  const says = { built: 'built', old: 'older than its sources', none: 'not built: the API works without it' }[page];
  const remedy = page === 'built' ? {} : { remedy: 'npm run setup' };
  yield { area: 'machine', name: 'page', state: page === 'built' ? 'ok' : 'note', says, ...remedy };
}

/** Looks at the settings, the data folder and the server that uses it. Changes nothing. */
export async function* checkSettingsOf({ settings, warnings, sources }: LoadedSettings): AsyncGenerator<Finding> {
  const set = [...sources.keys()];
  const says = set.length === 0 ? 'all at their defaults' : `${set.length} set: ${set.join(', ')}`;
  yield { area: 'settings', name: 'settings', state: 'ok', says };
  for (const warning of warnings) yield { area: 'settings', name: 'warning', state: 'note', says: warning };
  yield await checkDataFolder(settings.dataDir);
  const server = await findServer({}, settings).catch((error: Error) => error);
  yield server instanceof Error
    ? { area: 'settings', name: 'server', state: 'note', says: server.message }
    : { area: 'settings', name: 'server', state: 'ok', says: server?.url ?? 'none runs with this data folder' };
}

async function checkDataFolder(dataDir: string): Promise<Finding> {
  const common = { area: 'settings', name: 'data folder' } as const;
  const stats = statSync(dataDir, { throwIfNoEntry: false });
  if (stats === undefined) return { ...common, state: 'ok', says: `${dataDir}, which the first start will make` };
  if (!stats.isDirectory()) return { ...common, state: 'failed', says: `${dataDir} is not a folder` };
  const user = process.getuid?.();
  if (user !== undefined && stats.uid !== user) {
    const remedy = `chown ${user} ${dataDir}`;
    return { ...common, state: 'failed', says: `${dataDir} belongs to another user`, remedy };
  }
  if (user !== undefined && (stats.mode & 0o077) !== 0) {
    const says = `${dataDir} can be read by other users; the next start closes it`;
    return { ...common, state: 'note', says, remedy: `chmod 700 ${dataDir}` };
  }
  const { bavail, bsize } = await statfs(dataDir);
  const free = bavail * bsize;
  const says = `${dataDir}, private, ${size(free)} free`;
  return { ...common, state: free < LITTLE_SPACE_BYTES ? 'note' : 'ok', says };
}
