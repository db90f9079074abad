import { existsSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import type { OpenModel } from '../contract.ts';

/** The package of npm that carries libvosk, of which `setup --vosk` takes the library and nothing else. */
export const VOSK_PACKAGE = {
  spec: 'vosk@0.3.39',
  /** Of the package's archive, as the registry states it and as it was measured (23 894 646 bytes). */
  integrity: 'sha512-/pWD6KLLxV/0Pu/ZfovNWadFC6q01hyvzY5DTEQY5r/6QlQMg60FaY1bjK0qcWN42roNOOnRrBxtAOqk7/OGkw==',
  /** Which folder of it is for which machine: `process.platform` and `process.arch`. */
  folders: {
    'linux-x64': 'linux-x86_64',
    'darwin-x64': 'osx-universal',
    'darwin-arm64': 'osx-universal',
    'win32-x64': 'win-x86_64',
  } as Readonly<Record<string, string>>,
};

const FILE_NAMES: Partial<Record<NodeJS.Platform, string>> = { darwin: 'libvosk.dylib', win32: 'libvosk.dll' };
const FILE_NAME = FILE_NAMES[process.platform] ?? 'libvosk.so';

/** Where an operator's own build is found, in this order. */
const SYSTEM_FOLDERS = [
  '/usr/local/lib',
  '/usr/lib/x86_64-linux-gnu',
  '/usr/lib/aarch64-linux-gnu',
  '/usr/lib64',
  '/usr/lib',
  '/opt/homebrew/lib',
];
/**
 * Where pip puts packages: its package of Vosk has the library inside. The versions are counted, not listed from the
 * disk, because an engine's process may read no more than the folder that the library is in.
 */
const PYTHON_FOLDERS = ['/usr/local/lib', '/usr/lib', join(homedir(), '.local/lib')].flatMap((root) =>
  ['python3', ...Array.from({ length: 20 }, (_, minor) => `python3.${minor + 6}`)].flatMap((python) =>
    ['dist-packages', 'site-packages'].map((packages) => join(root, python, packages, 'vosk')),
  ),
);

const INSTALLED_FOLDERS = [...SYSTEM_FOLDERS, ...PYTHON_FOLDERS];

/** Where `setup --vosk` puts the library. */
export function voskFolder(dataDir: string): string {
  return join(dataDir, 'libraries', VOSK_PACKAGE.spec.replace('@', '-'));
}

/**
 * The library to load: the file that OS_VOSK_LIBRARY names and no other where it names one, else the one that setup
 * got, else an installed one. Undefined where there is none. The options are this machine's: `library`,
 * `libraryFolder`.
 */
export function findLibrary(
  options: OpenModel['options'],
  folders: readonly string[] = INSTALLED_FOLDERS,
): string | undefined {
  if (typeof options.library === 'string' && options.library !== '') {
    return isThere(options.library) ? options.library : undefined;
  }
  const own = typeof options.libraryFolder === 'string' ? [options.libraryFolder] : [];
  return [...own, ...folders].map((folder) => join(folder, FILE_NAME)).find(isThere);
}

/** An engine's process may not even ask about files outside its folders: asking throws. */
function isThere(file: string): boolean {
  try {
    return existsSync(file);
  } catch {
    return false;
  }
}
