import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, test } from 'node:test';
import { openPlayer } from './player.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-player-'));
const { PATH } = process.env;
after(() => rmSync(folder, { recursive: true }));
afterEach(() => {
  process.env.PATH = PATH;
});

/** A machine that has just this program. */
function withProgram(name: string, script: string): void {
  const bin = mkdtempSync(join(folder, 'bin-'));
  writeFileSync(join(bin, name), `#!/bin/sh\nPATH=/usr/bin:/bin\n${script}\n`);
  chmodSync(join(bin, name), 0o755);
  process.env.PATH = bin;
}

test('sound reaches the program as it is made', async () => {
  const heard = join(folder, 'heard');
  withProgram('aplay', `cat > ${heard}`);
  const player = openPlayer();
  assert.equal(player.format, 'pcm');
  await player.write(Buffer.from('one '));
  await player.write(Buffer.from('two'));
  await player.finish();
  assert.equal(readFileSync(heard, 'utf8'), 'one two');
});

test('a program that plays files only gets one, which is gone afterwards', async () => {
  const heard = join(folder, 'file');
  withProgram('afplay', `cat "$1" > ${heard}; echo "$1" > ${heard}.path`);
  const player = openPlayer();
  assert.equal(player.format, 'wav');
  await player.write(Buffer.from('sound'));
  await player.finish();
  assert.equal(readFileSync(heard, 'utf8'), 'sound');
  assert.throws(() => readFileSync(readFileSync(`${heard}.path`, 'utf8').trim()), { code: 'ENOENT' });
});

test('a program that fails says why, however much sound is left', async () => {
  withProgram('aplay', 'echo "no sound card" >&2; exit 1');
  const player = openPlayer();
  await assert.rejects(async () => {
    for (;;) await player.write(Buffer.alloc(65_536));
  }, /aplay could not play the speech: no sound card/);
});

test('a machine without any such program says what would do', () => {
  process.env.PATH = folder;
  assert.throws(openPlayer, /no program to play sound with \(paplay, aplay, afplay, ffplay\)/);
});
