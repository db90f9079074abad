import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { isLoose, readPrivateFile, writePrivateFile } from './private-file.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-private-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);
const mode = (name: string) => statSync(path(name)).mode & 0o777;

test('a file is created for its owner only, whatever the umask', () => {
  const before = process.umask(0);
  try {
    writePrivateFile(path('new'), 'secret', { replace: false });
    writePrivateFile(path('replaced'), 'secret', { replace: true });
  } finally {
    process.umask(before);
  }
  assert.equal(mode('new'), 0o600);
  assert.equal(mode('replaced'), 0o600);
});

test('a replaced file is whole, private even where the old one was not, and leaves nothing behind', () => {
  writeFileSync(path('old'), 'before');
  chmodSync(path('old'), 0o666);
  writePrivateFile(path('old'), 'after', { replace: true });
  assert.equal(readFileSync(path('old'), 'utf8'), 'after');
  assert.equal(mode('old'), 0o600);
  assert.deepEqual(
    readdirSync(folder).filter((name) => name.startsWith('old.')),
    [],
  );
});

test('without replace an existing file, or a link put in its place, is left alone', () => {
  writeFileSync(path('victim'), 'mine');
  symlinkSync(path('victim'), path('link'));
  for (const name of ['victim', 'link']) {
    assert.throws(() => writePrivateFile(path(name), 'x', { replace: false }), { code: 'EEXIST' });
  }
  assert.equal(readFileSync(path('victim'), 'utf8'), 'mine');
});

test('a failed write removes what it began', () => {
  assert.throws(() => writePrivateFile(folder, 'x', { replace: true }));
  assert.deepEqual(
    readdirSync(join(folder, '..')).filter((name) => name.startsWith(`${folder.split('/').at(-1)}.`)),
    [],
  );
});

test('a secret that others can read is refused', () => {
  for (const loose of [0o604, 0o640, 0o620, 0o602, 0o777]) {
    writeFileSync(path('loose'), 'x');
    chmodSync(path('loose'), loose);
    assert.throws(() => readPrivateFile(path('loose'), { maxBytes: 10 }), /can be read by other users/);
  }
  chmodSync(path('loose'), 0o400);
  assert.equal(readPrivateFile(path('loose'), { maxBytes: 10 }), 'x');
});

test('the group may read a secret only where root lends it to a service', () => {
  assert.equal(isLoose({ mode: 0o640, uid: 0 }, 1000), false);
  assert.equal(isLoose({ mode: 0o640, uid: 1000 }, 1000), true);
  assert.equal(isLoose({ mode: 0o640, uid: 0 }, 0), true);
  assert.equal(isLoose({ mode: 0o660, uid: 0 }, 1000), true);
  assert.equal(isLoose({ mode: 0o644, uid: 0 }, 1000), true);
});

test('a secret file that is too large, a folder, a pipe or missing is refused and not waited for', () => {
  writeFileSync(path('large'), 'x'.repeat(11));
  chmodSync(path('large'), 0o600);
  assert.throws(() => readPrivateFile(path('large'), { maxBytes: 10 }), /larger than 10 bytes/);
  assert.throws(() => readPrivateFile(folder, { maxBytes: 10 }), /is not a file/);
  execFileSync('mkfifo', [path('pipe')]);
  assert.throws(() => readPrivateFile(path('pipe'), { maxBytes: 10 }), /is not a file/);
  assert.throws(() => readPrivateFile(path('none'), { maxBytes: 10 }), /ENOENT/);
});
