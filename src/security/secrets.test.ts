import assert from 'node:assert/strict';
import { glob, readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { equalSecrets, hashToken, randomToken, TOKEN_PATTERN } from './secrets.ts';

test('equal secrets are equal and others are not, whatever they are made of', () => {
  for (const secret of ['', 'a', 'ключ', '\u0000', 'x'.repeat(10_000)]) {
    assert.ok(equalSecrets(secret, secret));
    assert.ok(!equalSecrets(`${secret}a`, secret));
    assert.ok(!equalSecrets(secret, `${secret}\u0000`));
  }
});

test('tokens are 43 letters and digits, and every digit is used at every place', () => {
  const tokens = Array.from({ length: 4000 }, randomToken);
  assert.equal(new Set(tokens).size, tokens.length);
  for (const token of tokens) assert.match(token, TOKEN_PATTERN);
  for (let place = 1; place < 43; place++) assert.equal(new Set(tokens.map((token) => token[place])).size, 62);
});

test('a token is stored as its SHA-256', () => {
  assert.equal(hashToken('abc'), 'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
});

test('secrets are compared in one place only', async () => {
  const source = resolve(import.meta.dirname, '..');
  const users: string[] = [];
  for await (const file of glob('**/*.ts', { cwd: source })) {
    if (file.endsWith('.test.ts')) continue;
    if ((await readFile(resolve(source, file), 'utf8')).includes('timingSafeEqual')) users.push(file);
  }
  assert.deepEqual(users, ['security/secrets.ts']);
});

test('no key, password or hash of one is compared with an operator', async () => {
  const source = resolve(import.meta.dirname, '..');
  const name = String.raw`\w*([aA]piKey|[tT]oken|[sS]ecret|[pP]assword|[tT]icket)`;
  const harmless = String.raw`\s*(undefined|null|''|typeof)`;
  const secretName = new RegExp(String.raw`\b${name}\s*[!=]==(?!${harmless})|[!=]==\s*${name}\b(?![.([])`);
  for await (const file of glob('{accounts,api,security}/**/*.ts', { cwd: source })) {
    if (file.endsWith('.test.ts')) continue;
    const lines = (await readFile(resolve(source, file), 'utf8')).split('\n');
    for (const [index, line] of lines.entries()) {
      if (!/^\s*(\*|\/\/)/.test(line)) assert.doesNotMatch(line, secretName, `${file}:${index + 1}`);
    }
  }
});
