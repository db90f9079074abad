import { existsSync, readdirSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { duration } from '../terminal/output.ts';
import { showProgress } from '../terminal/progress.ts';
import { runProgram } from './program.ts';
import type { HowToSetUp, Step } from './step.ts';

const ROOT = resolve(import.meta.dirname, '../../..');
const BUILD_MS = 300_000;

/** Builds the page where it has not been built, or was built from older sources. */
export async function ensurePage({ dryRun, signal }: HowToSetUp, root: string = ROOT): Promise<Step> {
  const name = 'page';
  const line = 'npm run build:web';
  const state = pageState(root);
  if (state === 'built') return { name, state: 'present', says: 'already built' };
  const vite = join(root, 'node_modules/vite/bin/vite.js');
  if (!existsSync(vite)) {
    const instead = state === 'old' ? 'the older one is kept' : 'the API works without it';
    return { name, state: 'skipped', says: `not built, because its tools were not installed; ${instead}` };
  }
  if (dryRun) return { name, state: 'planned', says: 'would be built with', line };
  const startedAt = performance.now();
  const progress = showProgress(() => 'building the page …');
  const build = [process.execPath, vite, 'build', 'web'];
  const { ok, reason } = await runProgram(build, { timeoutMs: BUILD_MS, signal, cwd: root });
  progress.end();
  if (!ok) return { name, state: 'missing', says: `could not be built (${reason}); try`, line };
  return { name, state: 'done', says: `built in ${duration(performance.now() - startedAt)}` };
}

/** Whether the page is there and as new as its sources. */
export function pageState(root: string = ROOT): 'built' | 'old' | 'none' {
  const page = statSync(join(root, 'web/dist/index.html'), { throwIfNoEntry: false });
  if (page === undefined) return 'none';
  const sources = readdirSync(join(root, 'web/src'), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
  const newest = Math.max(
    ...[...sources, join(root, 'web/index.html'), join(root, 'web/vite.config.ts')].map(
      (path) => statSync(path).mtimeMs,
    ),
  );
  return newest > page.mtimeMs ? 'old' : 'built';
}
