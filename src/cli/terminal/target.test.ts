import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { FileTarget } from './target.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-target-'));
after(() => rmSync(folder, { recursive: true }));
const path = (name: string) => join(folder, name);

test('a file holds all that was written, as bytes or as text', async () => {
  const target = new FileTarget(path('whole'));
  await target.write(Buffer.from('one '));
  await target.write('two');
  await target.finish();
  assert.equal(readFileSync(path('whole'), 'utf8'), 'one two');
});

test('work that fails before its first byte leaves the older file as it was', async () => {
  writeFileSync(path('older'), 'precious');
  await new FileTarget(path('older')).abandon();
  assert.equal(readFileSync(path('older'), 'utf8'), 'precious');
});

test('work that fails halfway leaves no half file', async () => {
  const target = new FileTarget(path('half'));
  await target.write('ha');
  await target.abandon();
  assert.equal(existsSync(path('half')), false);
});

test('work without any output leaves an empty file', async () => {
  await new FileTarget(path('empty')).finish();
  assert.equal(readFileSync(path('empty'), 'utf8'), '');
});

test('an exclusive file is never written over', async () => {
  writeFileSync(path('taken'), 'mine');
  const target = new FileTarget(path('taken'), { exclusive: true });
  await assert.rejects(target.write('x'), { code: 'EEXIST' });
  await target.abandon();
  assert.equal(readFileSync(path('taken'), 'utf8'), 'mine');
});

test('what only the end knows can be put right, in plain files only', async () => {
  const atEnd: ConstructorParameters<typeof FileTarget>[1] = {
    atEnd: async (handle, bytes) => {
      await handle.write(String(bytes), 0);
    },
  };
  const target = new FileTarget(path('sized'), atEnd);
  await target.write('?bytes');
  await target.finish();
  assert.equal(readFileSync(path('sized'), 'utf8'), '6bytes');
  const nowhere = new FileTarget('/dev/null', atEnd);
  await nowhere.write('x');
  await nowhere.finish();
  await nowhere.abandon().catch(() => {});
  assert.ok(existsSync('/dev/null'));
});
