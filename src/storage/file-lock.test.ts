import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { tryLock } from './file-lock.ts';

test('one holder at a time, and the next one as soon as it lets go', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'os-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'a.lock');
  const first = tryLock(path);
  assert.ok(first);
  assert.equal(tryLock(path), undefined);
  const other = tryLock(join(folder, 'b.lock'));
  assert.ok(other, 'another name is another lock');
  other.release();
  first.release();
  tryLock(path)!.release();
});

test('a lock takes no room on the disk, so that it can be had on a full one', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'os-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const lock = tryLock(join(folder, 'a.lock'))!;
  assert.deepEqual(readdirSync(folder), ['a.lock']);
  assert.equal(statSync(join(folder, 'a.lock')).size, 0);
  lock.release();
  assert.deepEqual(readdirSync(folder), ['a.lock']);
});

test('a killed process holds nothing any more', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'os-lock-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const path = join(folder, 'a.lock');
  const module = new URL('./file-lock.ts', import.meta.url).href;
  const script = `const { tryLock } = await import(${JSON.stringify(module)}); globalThis.held = tryLock(${JSON.stringify(path)}); console.log('held'); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  await once(child.stdout, 'data');
  assert.equal(tryLock(path), undefined);
  child.kill('SIGKILL');
  await once(child, 'exit');
  tryLock(path)!.release();
});
