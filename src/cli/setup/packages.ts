import { existsSync } from 'node:fs';
import { showProgress } from '../terminal/progress.ts';
import { type Ended, runProgram } from './program.ts';
import type { HowToSetUp, Step } from './step.ts';

/** What the engine `pocketsphinx` needs: the library and its English model. */
export const RECOGNISER: readonly string[] = ['libpocketsphinx3', 'pocketsphinx-en-us'];
/** Every Debian and Ubuntu has these. */
export const NEEDED_BY_TESTS: readonly string[] = ['chromium', 'curl'];
/** Used where the system's package sources have them. */
export const USED_BY_TESTS: readonly string[] = ['nats-server', 'postgresql', 'python3'];

const LOOK_MS = 20_000;
const UPDATE_MS = 180_000;
const INSTALL_MS = 900_000;
/** Another program may be installing; a server that does not answer must not hold us up. */
const APT = ['apt-get', '-qq', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::http::Timeout=20'];

/**
 * Installs Debian packages that are missing: all of `needed`, and of `useful` those that the package sources know.
 * Where that is not possible, the step says what to run.
 */
export async function ensurePackages(
  name: string,
  needed: readonly string[],
  useful: readonly string[],
  { dryRun, signal }: HowToSetUp,
): Promise<Step> {
  const all = [...needed, ...useful];
  if (!existsSync('/usr/bin/apt-get') || !existsSync('/usr/bin/dpkg-query')) {
    const says = `this is no Debian or Ubuntu, whose packages are ${all.join(', ')}; everything else works without`;
    return { name, state: 'missing', says };
  }
  const look = { timeoutMs: LOOK_MS, signal };
  const missingOf = async (packages: readonly string[]): Promise<string[]> => {
    const installed = installedPackages(await runProgram(['dpkg-query', '-W', `-f=${DPKG_FORMAT}`, ...packages], look));
    return packages.filter((wanted) => !installed.has(wanted));
  };
  const missing = await missingOf(all);
  if (missing.length === 0) return present(name, all);
  const root = process.getuid?.() === 0 ? [] : ['sudo', '-n'];
  const line = installLine(missing, root.length > 0);
  if (root.length > 0 && !(await runProgram([...root, 'true'], look)).ok) {
    return { name, state: 'missing', says: `installing ${missing.join(', ')} needs root; run`, line };
  }
  if (dryRun) return { name, state: 'planned', says: 'would be installed with', line };

  const progress = showProgress(() => `installing ${missing.join(', ')} …`);
  try {
    // Old lists may still do, so a failure here is not the end.
    const updated = await runProgram([...root, ...APT, 'update'], { timeoutMs: UPDATE_MS, signal });
    const known = knownPackages(await runProgram(['apt-cache', 'policy', ...missing], look));
    const wanted = missing.filter((candidate) => known.has(candidate));
    const unknown = missing.filter((candidate) => needed.includes(candidate) && !known.has(candidate));
    if (unknown.length > 0) {
      const why = updated.ok ? '' : ` (apt-get update: ${updated.reason})`;
      return {
        name,
        state: 'missing',
        says: `the package sources have no ${unknown.join(', ')}${why}; then run`,
        line,
      };
    }
    if (wanted.length === 0)
      return present(
        name,
        all.filter((candidate) => !missing.includes(candidate)),
      );
    const install = [...root, ...APT, 'install', '-y', '--no-install-recommends', ...wanted];
    const { ok, reason } = await runProgram(install, { timeoutMs: INSTALL_MS, signal });
    if (!ok || (await missingOf(wanted)).length > 0) {
      return { name, state: 'missing', says: `could not be installed (${reason}); run`, line };
    }
    return { name, state: 'done', says: `installed ${wanted.join(', ')}` };
  } finally {
    progress.end();
  }
}

function present(name: string, packages: readonly string[]): Step {
  return { name, state: 'present', says: `already there (${packages.join(', ')})` };
}

export function installLine(packages: readonly string[], sudo: boolean): string {
  return `${sudo ? 'sudo ' : ''}apt-get install -y --no-install-recommends ${packages.join(' ')}`;
}

/** What `dpkg-query` fills in. */
const DPKG_FORMAT = `\${Package} \${db:Status-Status}\\n`;

function installedPackages({ stdout }: Ended): Set<string> {
  const lines = stdout.split('\n').filter((line) => line.endsWith(' installed'));
  return new Set(lines.map((line) => line.split(' ', 1)[0]!));
}

/** Those for which `apt-cache policy` has a candidate: an unindented name, then `  Candidate: 1.2`. */
export function knownPackages({ stdout }: Pick<Ended, 'stdout'>): Set<string> {
  const known = new Set<string>();
  let current = '';
  for (const line of stdout.split('\n')) {
    if (/^\S+:$/.test(line)) current = line.slice(0, -1);
    const candidate = /^ +Candidate: (.+)$/.exec(line)?.[1];
    if (candidate !== undefined && candidate !== '(none)') known.add(current);
  }
  return known;
}
