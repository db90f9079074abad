import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';
import { emptyTmpDir, lockDataDir, prepareDataDir } from './data-dir.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-data-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const mode = (name: string) => statSync(path(name)).mode & 0o777;

test('a new data folder is its owner’s alone', () => {
  assert.deepEqual(prepareDataDir(path('a/b')), []);
  assert.equal(mode('a/b'), 0o700);
});

test('a data folder that others could read is closed and the operator told', () => {
  mkdirSync(path('open'));
  chmodSync(path('open'), 0o755);
  assert.match(prepareDataDir(path('open'))[0]!, /its mode is now 0700/);
  assert.equal(mode('open'), 0o700);
  assert.deepEqual(prepareDataDir(path('open')), []);
});

test('a link of our own may lead to the data folder', () => {
  mkdirSync(path('real'), { mode: 0o700 });
  symlinkSync(path('real'), path('link'));
  assert.deepEqual(prepareDataDir(path('link')), []);
});

test('a data folder of somebody else is refused, also behind a link', () => {
  const stranger = process.getuid!() + 1;
  mkdirSync(path('theirs'), { mode: 0o700 });
  assert.throws(() => prepareDataDir(path('theirs'), stranger), /belongs to another user/);
  symlinkSync(path('theirs'), path('trap'));
  assert.throws(() => prepareDataDir(path('trap'), stranger), /belongs to another user/);
});

test('a file in place of the data folder is refused', () => {
  writeFileSync(path('file'), '');
  assert.throws(() => prepareDataDir(path('file')));
});

test('one server at a time uses a data folder', () => {
  mkdirSync(path('shared'));
  const first = lockDataDir(path('shared'));
  assert.throws(() => lockDataDir(path('shared')), /another Open Speech server uses the data folder/);
  first.release();
  lockDataDir(path('shared')).release();
  assert.equal(mode('shared/server.lock'), 0o600);
});

test('a server in another process keeps its lock until it is killed, and then leaves no stale one', async () => {
  mkdirSync(path('killed'));
  const module = resolve(import.meta.dirname, 'data-dir.ts');
  const script = `import { lockDataDir } from ${JSON.stringify(module)};
    globalThis.lock = lockDataDir(${JSON.stringify(path('killed'))});
    process.stdout.write('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module-typescript', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  assert.throws(() => lockDataDir(path('killed')), /another Open Speech server/);
  child.kill('SIGKILL');
  await once(child, 'exit');
  lockDataDir(path('killed')).release();
});

test('what a killed server left in the temporary folder is gone at the next start', () => {
  mkdirSync(path('data/tmp/deep'), { recursive: true });
  writeFileSync(path('data/tmp/deep/upload'), 'half');
  assert.equal(emptyTmpDir(path('data')), path('data/tmp'));
  assert.deepEqual(readdirSync(path('data/tmp')), []);
  assert.equal(mode('data/tmp'), 0o700);
});

test('emptying never follows a link out of the folder', () => {
  mkdirSync(path('outside'));
  writeFileSync(path('outside/keep'), '');
  mkdirSync(path('linked'));
  symlinkSync(path('outside'), path('linked/tmp'));
  emptyTmpDir(path('linked'));
  assert.ok(existsSync(path('outside/keep')));
});
