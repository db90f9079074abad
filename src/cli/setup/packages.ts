import { findProgram } from '../terminal/find-program.ts';
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
  if (findProgram('apt-get') === undefined || findProgram('dpkg-query') === undefined) {
    const says = `this is no Debian or Ubuntu, whose packages are ${all.join(', ')}; everything else works without`;
    return { name, state: 'missing', says };
  }
  const look = { timeoutMs: LOOK_MS, signal };
  /** What can be had and is not there. */
  const findMissing = async (): Promise<{ missing: string[]; known: Set<string> }> => {
    const installed = installedPackages(await runProgram(['dpkg-query', '-W', `-f=${DPKG_FORMAT}`, ...all], look));
    const absent = all.filter((wanted) => !installed.has(wanted));
    const known = absent.length === 0 ? new Set<string>() : knownPackages(await runProgram(policyOf(absent), look));
    return { missing: absent.filter((wanted) => needed.includes(wanted) || known.has(wanted)), known };
  };

  const { missing } = await findMissing();
  if (missing.length === 0) return { name, state: 'present', says: `already there (${needed.join(', ')})` };
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
    const { missing: wanted, known } = await findMissing();
    const can = wanted.filter((candidate) => known.has(candidate));
    const install = [...root, ...APT, 'install', '-y', '--no-install-recommends', ...can];
    const installed = can.length === 0 ? undefined : await runProgram(install, { timeoutMs: INSTALL_MS, signal });
    const left = (await findMissing()).missing;
    if (left.length === 0) return { name, state: 'done', says: `installed ${wanted.join(', ')}` };
    const { reason } = [installed, updated].find((ended) => ended?.ok === false) ?? NOT_KNOWN;
    const says = `${left.join(', ')} could not be installed (${reason}); run`;
    return { name, state: 'missing', says, line: installLine(left, root.length > 0) };
  } finally {
    progress.end();
  }
}

const NOT_KNOWN = { reason: 'the package sources do not have it' };
const policyOf = (packages: readonly string[]): string[] => ['apt-cache', 'policy', ...packages];

function installLine(packages: readonly string[], sudo: boolean): string {
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
