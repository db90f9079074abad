import { mkdirSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'vite';

const web = resolve(import.meta.dirname, '../../web');
const built = join(web, 'dist/index.html');
const lock = join(web, '../node_modules/.open-speech-page-build');
/** A build takes seconds: whoever holds the lock longer has died with it. */
const STALE_MS = 60_000;

/** Builds the page unless it is as new as its sources. Test files that run beside each other build it once. */
export async function buildPage(): Promise<void> {
  while (!taken()) await sleep(50);
  try {
    if (newest() > (changed(built) ?? 0)) {
      await build({ root: web, configFile: join(web, 'vite.config.ts'), logLevel: 'error' });
    }
  } finally {
    rmdirSync(lock);
  }
}

function taken(): boolean {
  try {
    mkdirSync(lock);
    return true;
  } catch {
    if (Date.now() - (changed(lock) ?? Date.now()) > STALE_MS) rmdirSync(lock);
    return false;
  }
}

function newest(): number {
  const sources = readdirSync(join(web, 'src'), { recursive: true, encoding: 'utf8' }).map((path) => join('src', path));
  return Math.max(...[...sources, 'index.html', 'vite.config.ts'].map((path) => changed(join(web, path)) ?? 0));
}

function changed(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs;
}
