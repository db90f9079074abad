import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { ensurePackages, knownPackages } from './packages.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-packages-'));
const { PATH } = process.env;
after(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  process.env.PATH = PATH;
});

interface FakeSystem {
  installed?: string[];
  /** What the package sources have. */
  known?: string[];
  /** What `apt-get install` does. */
  install?: string;
}

/** A Debian whose programs are scripts: what is installed is a line in a file. Returns what was asked of apt-get. */
function debian({ installed = [], known = [], install }: FakeSystem): () => string[] {
  const bin = mkdtempSync(join(folder, 'bin-'));
  const state = join(bin, 'installed');
  const asked = join(bin, 'asked');
  writeFileSync(state, installed.map((name) => `${name} installed\n`).join(''));
  const script = (name: string, body: string): void => {
    writeFileSync(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${body}\n`);
    chmodSync(join(bin, name), 0o755);
  };
  script('dpkg-query', `cat ${state}`);
  script('apt-cache', known.map((name) => `echo "${name}:"; echo "  Candidate: 1.0"`).join('\n') || ':');
  const remember = `for word; do case $word in [a-z]*) echo "$word installed" >> ${state};; esac; done`;
  const act = `case "$*" in *install*) ${install ?? remember};; esac`;
  script('apt-get', `echo "$*" >> ${asked}\n${act}`);
  script('sudo', 'shift; exec "$@"');
  process.env.PATH = bin;
  return () => (existsSync(asked) ? readFileSync(asked, 'utf8').trim().split('\n') : []);
}

const now = { dryRun: false, signal: new AbortController().signal };

test('nothing is run where everything is there', async () => {
  const asked = debian({ installed: ['a', 'b'] });
  assert.equal((await ensurePackages('x', ['a', 'b'], [], now)).state, 'present');
  assert.deepEqual(asked(), []);
});

test('what is missing is installed, after one look for newer lists', async () => {
  const asked = debian({ installed: ['a'], known: ['b', 'c'] });
  const step = await ensurePackages('x', ['a', 'b'], ['c', 'd'], now);
  assert.deepEqual([step.state, step.says], ['done', 'installed b, c']);
  const [update, install, ...more] = asked();
  assert.match(update!, /DPkg::Lock::Timeout=120.* update$/);
  assert.match(install!, /install -y --no-install-recommends b c$/);
  assert.deepEqual(more, []);
  assert.equal((await ensurePackages('x', ['a', 'b'], ['c', 'd'], now)).state, 'present');
  assert.equal(asked().length, 2);
});

test('a package that cannot be had does not keep the others away, and the line for it is said', async () => {
  const asked = debian({ known: ['b'] });
  const step = await ensurePackages('x', ['a', 'b'], [], now);
  assert.equal(step.state, 'missing');
  assert.match(step.says, /a could not be installed \(the package sources do not have it\)/);
  assert.match(step.line!, /apt-get install -y --no-install-recommends a$/);
  assert.match(asked()[1]!, / b$/);
});

test('an installation that fails says why', async () => {
  debian({ known: ['a'], install: 'echo "E: disk full" >&2; exit 100' });
  assert.match((await ensurePackages('x', ['a'], [], now)).says, /a could not be installed \(E: disk full\)/);
});

test('a dry run changes nothing and says what it would run', async () => {
  const asked = debian({ known: ['a'] });
  const step = await ensurePackages('x', ['a'], [], { ...now, dryRun: true });
  assert.equal(step.state, 'planned');
  assert.match(step.line!, /apt-get install -y --no-install-recommends a$/);
  assert.deepEqual(asked(), []);
});

test('elsewhere than on Debian the packages are named', async () => {
  process.env.PATH = folder;
  const step = await ensurePackages('x', ['a'], ['b'], now);
  assert.deepEqual([step.state, /a, b/.test(step.says)], ['missing', true]);
});

test('a candidate is what apt could install', () => {
  const stdout =
    'a:\n  Installed: (none)\n  Candidate: 1.0\n  Version table:\nb:\n  Installed: (none)\n  Candidate: (none)\n';
  assert.deepEqual(knownPackages({ stdout }), new Set(['a']));
});
