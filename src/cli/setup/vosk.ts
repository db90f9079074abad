import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { Settings } from '../../config/kinds.ts';
import { findLibrary, VOSK_PACKAGE, voskFolder } from '../../engines/vosk/places.ts';
import { SpeechError } from '../../errors.ts';
import { engineOptions } from '../../models/engine-options.ts';
import { unpackArchive } from '../../models/store/unpack.ts';
import { prepareDataDir } from '../../storage/data-dir.ts';
import { findProgram } from '../terminal/find-program.ts';
import { showProgress } from '../terminal/progress.ts';
import { runProgram } from './program.ts';
import type { HowToSetUp, Step } from './step.ts';

const FETCH_MS = 600_000;
const NAME = 'vosk';
const LINE = 'npm run setup -- --vosk';

/** What is fetched and what it has to be, with the folders in it by machine. */
export interface VoskSource {
  /** Of npm, name and exact version. */
  spec: string;
  /** As npm writes it: `sha512-` and base64. */
  integrity: string;
  folders: Readonly<Record<string, string>>;
}

/**
 * Gets libvosk where it is not there: npm fetches the package that carries it, from the registry and through the proxy
 * that npm is set up for; it is held against its pinned hash before a byte is unpacked, none of its code is run, and
 * only the libraries for this machine are kept.
 */
export async function ensureVosk(
  settings: Settings,
  { dryRun, signal }: HowToSetUp,
  source: VoskSource = VOSK_PACKAGE,
  systemFolders?: readonly string[],
): Promise<Step> {
  const step = (state: Step['state'], says: string, line?: string): Step => ({
    ...{ name: NAME, state, says },
    ...(line === undefined ? {} : { line }),
  });
  const there = findLibrary(engineOptions(settings).vosk!, systemFolders);
  if (there !== undefined) return step('present', `already there (${there})`);
  if (settings.voskLibrary !== '') return step('missing', 'the file that OS_VOSK_LIBRARY names is not there');
  const machine = `${process.platform}-${process.arch}`;
  const folder = source.folders[machine];
  if (folder === undefined) {
    const says = `the package ${source.spec} has no libvosk for ${machine}; that of Python's package is used where it is installed`;
    return step('skipped', says, 'python3 -m pip install --user vosk');
  }
  if (findProgram('npm') === undefined) return step('missing', 'fetching libvosk needs npm; install it and run', LINE);
  if (dryRun)
    return step('planned', 'libvosk would be taken from the package that this fetches', `npm pack ${source.spec}`);

  const target = voskFolder(settings.dataDir);
  // Beside the target, so that the finished folder can be renamed into place. What was cut short before lies there too.
  const workplace = join(dirname(target), '.fetching');
  const progress = showProgress(() => `fetching ${source.spec} …`);
  try {
    prepareDataDir(settings.dataDir);
    await rm(workplace, { recursive: true, force: true });
    const unpacked = join(workplace, 'unpacked');
    await mkdir(unpacked, { recursive: true });
    const archive = await fetchPackage(workplace, source, signal);
    const { limits } = settings;
    const how = { archive, target: unpacked, stripComponents: 1, limits, signal, onRead: () => {} };
    await unpackArchive({ ...how, format: 'tar.gz' });
    await rm(target, { recursive: true, force: true });
    await rename(join(unpacked, 'lib', folder), target);
    const library = findLibrary({ libraryFolder: target }, []);
    if (library === undefined) return step('missing', `the package ${source.spec} does not hold libvosk`);
    return step('done', `got libvosk from ${source.spec}; restart a server that runs`);
  } catch (error) {
    signal.throwIfAborted();
    return step('missing', `libvosk could not be had (${(error as Error).message}); try again with`, LINE);
  } finally {
    progress.end();
    await rm(workplace, { recursive: true, force: true });
  }
}

/** The package's archive in a folder, held against its hash. */
async function fetchPackage(folder: string, { spec, integrity }: VoskSource, signal: AbortSignal): Promise<string> {
  const fetch = ['npm', 'pack', spec, '--ignore-scripts', '--json', '--silent', '--pack-destination', folder];
  const { ok, stdout, reason } = await runProgram(fetch, { timeoutMs: FETCH_MS, signal });
  const name = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
  if (!ok || name === undefined) throw new Error(ok ? 'npm fetched nothing' : (npmError(stdout) ?? reason));
  const archive = join(folder, name);
  const hash = createHash('sha512');
  await pipeline(createReadStream(archive), hash, { signal });
  if (`sha512-${hash.digest('base64')}` !== integrity) {
    throw new SpeechError('integrity_failed', `${spec} is not what it was when it was pinned`);
  }
  return archive;
}

/** npm tells a failure as JSON: `{"error": {"summary": …}}`. */
function npmError(stdout: string): string | undefined {
  try {
    return (JSON.parse(stdout) as { error?: { summary?: string } }).error?.summary;
  } catch {
    return undefined;
  }
}
