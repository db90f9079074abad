import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-compiled-'));
after(() => rmSync(folder, { recursive: true }));

/** Where Node keeps compiled code once the command line has asked for it. */
function cacheWith(env: Record<string, string>): string {
  const module = resolve(import.meta.dirname, 'compiled-code.ts');
  const script = `import { getCompileCacheDir } from 'node:module';
    import { keepCompiledCode } from ${JSON.stringify(module)};
    keepCompiledCode(); process.stdout.write(String(getCompileCacheDir()));`;
  const words = ['--input-type=module-typescript', '-e', script];
  return spawnSync(process.execPath, words, { env, encoding: 'utf8' }).stdout;
}

test('compiled code lies in the user’s cache folder, private', () => {
  const cache = cacheWith({ HOME: folder });
  assert.ok(cache.startsWith(join(folder, '.cache/open-speech/compiled/')), cache);
  assert.equal(statSync(join(folder, '.cache/open-speech')).mode & 0o777, 0o700);
  assert.ok(cacheWith({ HOME: '/nowhere', XDG_CACHE_HOME: join(folder, 'xdg') }).startsWith(join(folder, 'xdg')));
});

test('a folder that others could write to is not used', () => {
  mkdirSync(join(folder, 'open/open-speech'), { recursive: true });
  spawnSync('chmod', ['777', join(folder, 'open/open-speech')]);
  assert.equal(cacheWith({ XDG_CACHE_HOME: join(folder, 'open') }), 'undefined');
  assert.equal(existsSync(join(folder, 'open/open-speech/compiled')), false);
});

test('a machine without a home works without', () => {
  assert.equal(cacheWith({ HOME: '/dev/null' }), 'undefined');
});
