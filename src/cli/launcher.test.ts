import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, test } from 'node:test';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-compiled-'));
after(() => rmSync(folder, { recursive: true }));

/** Where Node keeps compiled code once the command line has asked for it. */
function cacheWith(env: Record<string, string>): string {
  const module = resolve(import.meta.dirname, '../../bin/compiled-code.js');
  const script = `import { getCompileCacheDir } from 'node:module';
    import { keepCompiledCode } from ${JSON.stringify(module)};
    keepCompiledCode(); process.stdout.write(String(getCompileCacheDir()));`;
  const words = ['--input-type=module', '-e', script];
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

test('an old Node hands over to the one that came along, with all words, signals and the end', async (t) => {
  const launcher = join(folder, 'old');
  mkdirSync(join(launcher, 'bin'), { recursive: true });
  writeFileSync(join(launcher, 'package.json'), '{"type":"module"}');
  const ours = resolve(import.meta.dirname, '../../bin');
  for (const name of readdirSync(ours)) {
    const source = readFileSync(join(ours, name), 'utf8');
    writeFileSync(join(launcher, 'bin', name), source.replace('NEEDED = 24', 'NEEDED = 99'));
  }
  const start = () => spawn(process.execPath, [join(launcher, 'bin/open-speech.js'), 'speak', 'two words']);

  const without = start();
  let said = '';
  without.stderr.on('data', (data: Buffer) => {
    said += data.toString();
  });
  assert.deepEqual(await once(without, 'close'), [1, null]);
  assert.match(said, /Node 99 is needed: install that, or run `npm ci` again/);

  const bundled = join(launcher, `node_modules/node-${process.platform}-${process.arch}`);
  mkdirSync(join(bundled, 'bin'), { recursive: true });
  writeFileSync(join(bundled, 'package.json'), '{"bin":{"node":"bin/node"}}');
  const script = '#!/bin/sh\ntrap "echo told; exit 7" TERM\nshift; echo "$#:$*"\nread forever\n';
  writeFileSync(join(bundled, 'bin/node'), script, { mode: 0o755 });
  const running = start();
  // Its end closes the other one's input, which ends that too.
  t.after(() => running.kill('SIGKILL'));
  const ended = once(running, 'close');
  const lines = createInterface(running.stdout)[Symbol.asyncIterator]();
  assert.equal((await lines.next()).value, '2:speak two words');
  running.kill('SIGTERM');
  assert.equal((await lines.next()).value, 'told');
  assert.deepEqual(await ended, [7, null]);
});
