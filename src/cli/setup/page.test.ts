import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, test } from 'node:test';
import { ensurePage, pageState } from './page.ts';

const root = mkdtempSync(join(tmpdir(), 'open-speech-page-'));
after(() => rmSync(root, { recursive: true }));

function write(path: string, seconds: number, text = ''): void {
  mkdirSync(dirname(join(root, path)), { recursive: true });
  writeFileSync(join(root, path), text);
  utimesSync(join(root, path), seconds, seconds);
}
for (const path of ['web/src/deep/a.ts', 'web/index.html', 'web/vite.config.ts']) write(path, 1000);

const now = { dryRun: false, signal: new AbortController().signal };

test('a page that was never built is skipped without the tools, and planned in a dry run', async () => {
  assert.equal(pageState(root), 'none');
  const step = await ensurePage(now, root);
  assert.deepEqual([step.state, /the API works without it/.test(step.says)], ['skipped', true]);
  write('node_modules/vite/bin/vite.js', 1);
  assert.equal((await ensurePage({ ...now, dryRun: true }, root)).state, 'planned');
});

test('it is built once, and again when its sources are newer', async () => {
  const build = `import { mkdirSync, writeFileSync } from 'node:fs';
    mkdirSync('web/dist', { recursive: true }); writeFileSync('web/dist/index.html', process.argv.slice(2).join());`;
  write('package.json', 1, '{"type":"module"}');
  write('node_modules/vite/bin/vite.js', 1, build);
  write('node_modules/vite/package.json', 1, '{"type":"module"}');
  assert.equal((await ensurePage(now, root)).state, 'done');
  assert.equal((await ensurePage(now, root)).state, 'present');
  write('web/src/deep/a.ts', Date.now() / 1000 + 10);
  assert.equal(pageState(root), 'old');
});

test('a build that fails says why and what to try', async () => {
  write('node_modules/vite/bin/vite.js', 1, 'console.error("no memory"); process.exit(1);');
  const step = await ensurePage(now, root);
  assert.deepEqual([step.state, step.line], ['missing', 'npm run build:web']);
  assert.match(step.says, /no memory/);
});
