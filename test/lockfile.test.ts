import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';

interface Locked {
  version?: string;
  link?: boolean;
  dev?: boolean;
  integrity?: string;
  hasInstallScript?: boolean;
  optionalDependencies?: Record<string, string>;
}

const read = (file: string) => JSON.parse(readFileSync(new URL(`../${file}`, import.meta.url), 'utf8'));
const { packages } = read('package-lock.json') as { packages: Record<string, Locked> };
const names = Object.keys(packages).filter((path) => path !== '');

/** Optional packages of a linter for other systems, which were not at hand when the lockfile was written. */
const ELSEWHERE = /^node_modules\/@biomejs\/cli-/;

test('every dependency is at one exact version', () => {
  const { dependencies, devDependencies, optionalDependencies } = read('package.json');
  for (const [name, range] of Object.entries({ ...dependencies, ...devDependencies, ...optionalDependencies })) {
    assert.match(range as string, /^(npm:[^@]+@)?\d+\.\d+\.\d+$/, name);
  }
});

test('every package that ships is locked with its integrity', () => {
  for (const path of names) {
    if (!ELSEWHERE.test(path)) assert.match(packages[path]!.integrity ?? '', /^sha512-/, path);
    else assert.ok(packages[path]!.dev, path);
  }
});

test('no optional package is missing from the lockfile, without which npm ci refuses to run', () => {
  for (const path of names) {
    for (const name of Object.keys(packages[path]!.optionalDependencies ?? {})) {
      const found = [`node_modules/${name}`, `${path}/node_modules/${name}`].some((place) => place in packages);
      assert.ok(found, `${path} wants ${name}`);
    }
  }
});

test('no package may run code when it is installed', () => {
  assert.match(readFileSync(new URL('../.npmrc', import.meta.url), 'utf8'), /^ignore-scripts=true$/m);
});
