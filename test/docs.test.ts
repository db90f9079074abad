import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, relative, resolve } from 'node:path';
import { test } from 'node:test';
import { ROOMS } from '../src/check/imports.ts';
import { loadSettings } from '../src/config/load.ts';
import { rows } from '../src/config/names.ts';

const root = resolve(import.meta.dirname, '..');
const read = (file: string): string => readFileSync(resolve(root, file), 'utf8');
const pages = [
  ...['README.md', 'SECURITY.md', 'CHANGELOG.md'],
  ...readdirSync(resolve(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((file) => `docs/${file}`),
].filter((file) => file.endsWith('.md'));
/** Text outside of code blocks. */
const prose = (text: string): string => text.replace(/^```[\s\S]*?^```$/gm, '');
/** The cells of every table row of a page. */
const tableRows = (text: string): string[][] =>
  [...text.matchAll(/^\| (.+) \|$/gm)].map((match) => match[1]!.split(/ (?<!\\)\| /).map((cell) => cell.trim()));

test('README.md begins with the two commands, each alone on its line', () => {
  const commands = [...read('README.md').matchAll(/^npm ci && .*$/gm)].map(([line]) => line);
  assert.deepEqual(commands, ['npm ci && npm run setup && npm start', 'npm ci && npm test']);
});

test('every link between the pages leads somewhere', () => {
  for (const page of pages) {
    for (const [, target] of prose(read(page)).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^https?:/.test(target!)) continue;
      const [file, anchor] = target!.split('#');
      const path = file === '' ? resolve(root, page) : resolve(root, dirname(page), file!);
      assert.ok(existsSync(path), `${page}: ${target}`);
      if (anchor !== undefined) assert.ok(anchorsOf(path).has(anchor), `${page}: ${target}`);
    }
  }
});

/** The anchors that headings get. */
function anchorsOf(path: string): Set<string> {
  const headings = readFileSync(path, 'utf8').matchAll(/^#+ (.+)$/gm);
  return new Set(
    [...headings].map(([, heading]) =>
      heading!
        .toLowerCase()
        .replace(/[^\w\- ]/g, '')
        .replaceAll(' ', '-'),
    ),
  );
}

test('every page of the manual can be found from its first page', () => {
  const index = read('docs/index.md');
  for (const page of pages) {
    if (page === 'docs/index.md') continue;
    assert.ok(index.includes(`](${relative('docs', page)})`), page);
  }
});

test('every setting that a page, the example or a deployment names exists', () => {
  const known = new Set(
    rows.flatMap(({ setting }) => [setting.env, ...(setting.kind === 'secret' ? [`${setting.env}_FILE`] : [])]),
  );
  const deployed = readdirSync(resolve(root, 'deploy')).map((file) => `deploy/${file}`);
  for (const file of [...pages, ...deployed, '.env.example']) {
    for (const [name] of read(file).matchAll(/\b(OS|STT|TTS)_[A-Z0-9_]*[A-Z0-9]\b/g)) {
      const old = file === 'docs/settings.md' || file === 'docs/limits.md';
      assert.ok(known.has(name) || old, `${file}: ${name}`);
    }
  }
});

test('the example of an environment is valid when its lines are taken, and holds no secret', () => {
  const lines = [...read('.env.example').matchAll(/^#([A-Z_]+)=(.+)$/gm)].map(([, name, value]) => [name!, value!]);
  assert.ok(lines.length > 10);
  const files = new Set(['OS_API_KEY_FILE']);
  const { warnings } = loadSettings({ env: Object.fromEntries(lines.filter(([name]) => !files.has(name!))) });
  assert.deepEqual(warnings, []);
  for (const [name] of lines) assert.doesNotMatch(name!, /KEY$|SECRET$|TOKEN$/);
});

test('docs/troubleshooting.md explains every error code, with its status', () => {
  const catalogue = [...read('src/errors.ts').matchAll(/^ {2}([a-z_]+): \{ status: (\d+),/gm)].map(
    ([, code, status]) => `${code} ${status}`,
  );
  assert.ok(catalogue.length > 25);
  const explained = tableRows(read('docs/troubleshooting.md'))
    .filter((row) => /^\d{3}$/.test(row[1] ?? ''))
    .map(([code, status]) => `${code!.replaceAll('`', '')} ${status}`);
  assert.deepEqual(explained.sort(), catalogue.sort());
});

test('docs/security.md names tests that exist', () => {
  let named = 0;
  for (const [, file, title] of read('docs/security.md').matchAll(/`([\w/.-]+\.test\.ts)`: “([^”]+)”/g)) {
    named++;
    assert.ok(existsSync(resolve(root, file!)), file);
    assert.ok(read(file!).includes(title!), `${file} has no test “${title}”`);
  }
  assert.ok(named > 20);
});

test('docs/security.md has a row for every finding that this version answers, each with a test', () => {
  const found = new Map(tableRows(read('docs/security.md')).map((row) => [row[0]!, row]));
  for (const id of [
    ...[
      'A1',
      'A2',
      'A3',
      'A4',
      'A5',
      'A6',
      'A7',
      'A8',
      'A9',
      'A11',
      'A12',
      'A13',
      'A15',
      'B1',
      'B2',
      'B5',
      'B8',
      'B9',
      'B10',
    ],
    ...['C1', 'C2', 'C3', 'C4', 'C5', 'C9', 'C10', 'C15', 'C16', 'C17', 'C18'],
  ]) {
    assert.match(found.get(id)?.[3] ?? '', /\.test\.ts`: “/, id);
  }
});

test('docs/architecture.md shows the arrows that the check enforces', () => {
  const shown = new Map(tableRows(read('docs/architecture.md')).map((row) => [row[0]!, row[2]!]));
  for (const { name, imports } of ROOMS) {
    const cell = shown.get(`\`${name}/\``);
    if (cell === undefined) continue;
    const named = cell === 'nothing' ? [] : cell.replace(/ \([^)]*\)/g, '').split(', ');
    assert.deepEqual(named.sort(), [...imports].sort(), name);
  }
});
