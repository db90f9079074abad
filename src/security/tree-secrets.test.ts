import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { basename, resolve } from 'node:path';
import { test } from 'node:test';

const root = resolve(import.meta.dirname, '../..');
const SKIPPED = new Set(['node_modules', '.git', 'dist', 'coverage']);

/** Shapes of real credentials; the made-up ones in tests are shorter or repeat themselves. */
const CREDENTIALS = [
  /\bos_[0-9A-Za-z]{43}\b/,
  /\bsk-[A-Za-z0-9_-]{32,}/,
  /\bhf_[A-Za-z0-9]{30,}/,
  /\bgh[opsu]_[A-Za-z0-9]{36}/,
  /\bxox[abp]-[A-Za-z0-9-]{20,}/,
  /\b(AKIA|ASIA)[0-9A-Z]{16}\b/,
  /-----BEGIN [A-Z ]{0,20}PRIVATE KEY-----\s+[A-Za-z0-9+/=\s]{80,}/,
  /\beyJ[A-Za-z0-9_-]{20,}\.eyJ[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{40,}/,
];

test('no file of the tree holds a credential, and no environment file lies in it', async () => {
  const found: string[] = [];
  for await (const entry of glob('**/*', {
    cwd: root,
    withFileTypes: true,
    exclude: ({ name }) => SKIPPED.has(name),
  })) {
    if (!entry.isFile()) continue;
    const path = resolve(entry.parentPath, entry.name);
    if (/^\.env(\.|$)/.test(basename(path)) && entry.name !== '.env.example') found.push(path);
    const content = await readFile(path, 'latin1');
    if (CREDENTIALS.some((shape) => shape.test(content))) found.push(path);
  }
  assert.deepEqual(found, []);
});
