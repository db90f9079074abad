import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { wavHeader } from '../audio/wav.ts';
import { UsageError } from './command.ts';
import { chooseOutput } from './speech-output.ts';
import { standardOutput } from './terminal/target.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-output-'));
const cwd = process.cwd();
after(() => {
  process.chdir(cwd);
  rmSync(folder, { recursive: true });
});

test('the format is the one that is asked for, else the file’s, else the default', () => {
  const format = (output: string | undefined, asked?: string) =>
    chooseOutput({ output, format: asked }, 'mp3', false).format;
  assert.equal(format('a.flac'), 'flac');
  assert.equal(format('a.OGG'), 'opus');
  assert.equal(format('a.wav', 'pcm'), 'pcm');
  assert.equal(format('noending'), 'mp3');
  assert.equal(format('-'), 'mp3');
  assert.equal(format(undefined, 'aac'), 'aac');
});

test('a format that does not exist is refused with those that do', () => {
  for (const options of [{ output: 'a.txt' }, { format: 'wma' }]) {
    assert.throws(() => chooseOutput(options, 'mp3', false), { message: /there are mp3, opus, aac/ });
  }
});

test('without a name a pipe gets the audio, and a terminal a new file', () => {
  process.chdir(folder);
  assert.equal(chooseOutput({}, 'mp3', false).target, standardOutput);
  assert.equal(chooseOutput({}, 'mp3', true).file, 'speech.mp3');
  writeFileSync('speech.mp3', '');
  writeFileSync('speech-2.mp3', '');
  assert.equal(chooseOutput({}, 'mp3', true).file, 'speech-3.mp3');
  assert.equal(chooseOutput({ json: true }, 'wav', false).file, 'speech.wav');
});

test('what cannot go together is refused', () => {
  for (const options of [
    { play: true, output: 'a.wav' },
    { play: true, format: 'wav' },
    { json: true, output: '-' },
  ]) {
    assert.throws(() => chooseOutput(options, 'mp3', false), UsageError);
  }
});

test('a WAV file states its sizes, though it was written before they were known', async () => {
  const path = join(folder, 'a.wav');
  const { target } = chooseOutput({ output: path }, 'mp3', false);
  await target.write(wavHeader(22_050));
  await target.write(Buffer.alloc(2000));
  await target.finish();
  assert.deepEqual(readFileSync(path), Buffer.concat([wavHeader(22_050, 1000), Buffer.alloc(2000)]));
});
