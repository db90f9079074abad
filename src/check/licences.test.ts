import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { getFFmpegInfo } from 'node-av/lib';
import { judge, licences } from './licences.ts';

const root = resolve(import.meta.dirname, '../..');

test('every package of an installation is under a licence that allows it', () => {
  const all = licences(root);
  assert.deepEqual(
    all.filter(({ allowed }) => !allowed),
    [],
  );
  const { dependencies } = JSON.parse(readFileSync(resolve(root, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const name of Object.keys(dependencies))
    assert.ok(
      all.some((licence) => licence.name === name),
      name,
    );
  assert.ok(!all.some(({ name }) => name === 'typescript' || name === 'vite'), 'tools are not part of an installation');
});

test('the GPL is refused but where it runs in a process of its own', () => {
  assert.equal(judge('some-package', '1.0.0', 'GPL-3.0').allowed, false);
  assert.equal(judge('@echogarden/espeak-ng-emscripten', '1.0.0', 'GPL-3.0').allowed, true);
  assert.equal(judge('@echogarden/espeak-ng-emscripten', '1.0.0', 'AGPL-3.0').allowed, false);
});

test('a licence that is missing, unknown or for seeing only is refused', () => {
  for (const declared of [undefined, 'UNLICENSED', 'SEE LICENSE IN LICENSE', 'AGPL-3.0-only', 'BUSL-1.1', '']) {
    assert.equal(judge('some-package', '1.0.0', declared).allowed, false, declared);
  }
});

test('of a choice one has to fit, of a sum all', () => {
  assert.equal(judge('some-package', '1.0.0', '(GPL-2.0 OR MIT)').allowed, true);
  assert.equal(judge('some-package', '1.0.0', 'MIT AND ISC').allowed, true);
  assert.equal(judge('some-package', '1.0.0', 'MIT AND GPL-3.0').allowed, false);
});

test('what FFmpeg was built with is what the list says of it', () => {
  const { configuration } = getFFmpegInfo();
  const { licence } = licences(root).find(({ name }) => name.startsWith('@seydx/node-av-linux'))!;
  assert.equal(configuration.includes('--enable-gpl'), licence.includes('GPL-3.0'));
  assert.ok(!configuration.includes('--enable-nonfree'));
});
