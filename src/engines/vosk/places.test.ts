import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { findLibrary, voskFolder } from './places.ts';

const root = mkdtempSync(join(tmpdir(), 'open-speech-vosk-places-'));
after(() => rmSync(root, { recursive: true }));
const NAME = { darwin: 'libvosk.dylib', win32: 'libvosk.dll' }[process.platform as string] ?? 'libvosk.so';

function put(folder: string): string {
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(join(root, folder, NAME), '');
  return join(root, folder, NAME);
}

test('the one that setup got comes before those that are installed, and these in their order', () => {
  const folders = ['usr', 'python'].map((name) => join(root, name));
  const options = { library: '', libraryFolder: voskFolder(join(root, 'data')) };
  assert.equal(findLibrary(options, folders), undefined);
  const python = put('python');
  assert.equal(findLibrary(options, folders), python);
  const usr = put('usr');
  assert.equal(findLibrary(options, folders), usr);
  const own = put(join('data', 'libraries', 'vosk-0.3.39'));
  assert.equal(findLibrary(options, folders), own);
});

test('the file that a setting names is the only one that counts', () => {
  const other = put('other');
  assert.equal(findLibrary({ library: other, libraryFolder: join(root, 'usr') }, []), other);
  const gone = { library: join(root, 'gone.so'), libraryFolder: join(root, 'other') };
  assert.equal(findLibrary(gone, [join(root, 'other')]), undefined);
});

test('a process that may read only the folder of the library finds it there', () => {
  const library = put('allowed');
  const module = resolve(import.meta.dirname, 'places.ts');
  const folders = JSON.stringify([join(root, 'usr'), join(root, 'allowed')]);
  const script = `import { findLibrary } from ${JSON.stringify(module)};
    process.stdout.write(String(findLibrary({ library: '', libraryFolder: ${JSON.stringify(join(root, 'none'))} }, ${folders})));`;
  const readable = [resolve(import.meta.dirname, '../..'), join(root, 'allowed')];
  const allow = readable.map((folder) => `--allow-fs-read=${folder}`);
  const args = ['--permission', ...allow, '--input-type=module', '-e', script];
  assert.equal(execFileSync(process.execPath, args, { encoding: 'utf8', timeout: 30_000 }), library);
});
