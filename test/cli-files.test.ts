/** What `open-speech speak` and `transcribe` read and write: files, folders, pipes, and places where none can be. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { type CommandOptions, type Outcome, root, runCommand } from './support/cli.ts';
import { needs } from './support/needs.ts';
import { startServer, type TestServer } from './support/server.ts';

const MODELS = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };
const folder = mkdtempSync(join(tmpdir(), 'open-speech-cli-files-'));
let server: TestServer;
before(async () => {
  mkdirSync(join(folder, 'folder'));
  writeFileSync(join(folder, 'letter.txt'), 'dear reader.');
  server = await startServer({ tones: true, env: MODELS });
  succeeded(await cli(['speak', 'dear reader.', '-o', 'letter.wav']));
});
after(async () => {
  await server.stop();
  rmSync(folder, { recursive: true });
});

const there = (): Record<string, string> => ({ HOME: folder, OPEN_SPEECH_URL: server.url, OS_API_KEY: server.key });
const here = (): Record<string, string> => ({ HOME: folder, OS_DATA_DIR: server.dataDir, ...MODELS });
const cli = (words: string[], options: Partial<CommandOptions> = {}): Promise<Outcome> =>
  runCommand(words, { env: there(), cwd: folder, ...options });

function succeeded({ status, stdout, stderr }: Outcome): string {
  assert.equal(status, 0, stderr);
  return stdout.toString();
}

function failed({ status, stderr }: Outcome, line: string | RegExp): void {
  assert.equal(status, 1, stderr);
  if (typeof line === 'string') assert.equal(stderr, `open-speech ${line}\n`);
  else assert.match(stderr, line);
  assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
}

test('what cannot be read or written is said in words', async () => {
  failed(await cli(['speak', '--input-file', 'none.txt']), "speak: there is no 'none.txt'");
  failed(await cli(['speak', '--input-file', 'folder']), /^open-speech speak: .*folder/);
  failed(await cli(['speak', 'a', '-o', 'none/a.wav']), "speak: there is no folder for 'none/a.wav'");
  failed(await cli(['speak', 'a', '-o', 'folder', '--format', 'wav']), "speak: 'folder' is a folder");
  failed(await cli(['transcribe', 'letter.wav', '-o', 'none/a.txt']), /letter\.wav: there is no folder for 'none/);
});

for (const [name, words, env] of [
  ['through a server', [], there],
  ['without a server', ['--local'], here],
] as const) {
  test(`a recording that is none, or a folder, is called that ${name}`, async () => {
    const transcribe = (file: string) => cli(['transcribe', file, ...words], { env: env() });
    failed(await transcribe('none.wav'), "transcribe: none.wav: there is no 'none.wav'");
    failed(await transcribe('folder'), "transcribe: folder: 'folder' is a folder");
  });

  test(`a recording in a named pipe is heard ${name}`, { skip: needs({ bash: '/bin/bash' }) }, async () => {
    // What bash writes in place of <(…) is the name of a pipe.
    const script = '"$0" "$@" <(cat letter.wav)';
    const program = ['/bin/bash', '-c', script, process.execPath, join(root, 'bin/open-speech.js')];
    assert.equal(succeeded(await cli(['transcribe', ...words], { env: env(), program })), 'dear reader.\n');
  });
}

describe('a stream instead of a file', () => {
  test('speak reads stdin where the text is a dash', async () => {
    const words = ['speak', '-', '-o', 'dash.wav'];
    succeeded(await cli(words, { stdin: 'dear reader.' }));
    assert.equal(succeeded(await cli(['transcribe', 'dash.wav'])), 'dear reader.\n');
  });

  test('a disk without room ends with a line, not with a stack', { skip: needs({ bash: '/bin/bash' }) }, async () => {
    for (const words of [
      ['speak', 'a', '--format', 'wav'],
      ['transcribe', 'letter.wav'],
    ]) {
      const script = '"$0" "$@" > /dev/full';
      const program = ['/bin/bash', '-c', script, process.execPath, join(root, 'bin/open-speech.js')];
      failed(await cli(words, { program }), /^open-speech: .*no room left on the disk/);
    }
  });
});

test('transcribe --json is --format json', async () => {
  assert.equal(JSON.parse(succeeded(await cli(['transcribe', 'letter.wav', '--json']))).text, 'dear reader.');
  const both = await cli(['transcribe', 'letter.wav', '--json', '--format', 'srt']);
  assert.equal(both.status, 2);
  assert.match(both.stderr, /--json or --format/);
});

test('a first start that fails names the port and makes no key, which nobody would be shown', async () => {
  const { port } = new URL(server.url);
  const env = { HOME: folder, OS_DATA_DIR: join(folder, 'other') };
  failed(await cli(['serve', '--port', port], { env }), new RegExp(`port ${port} of 127\\.0\\.0\\.1 is taken.*--port`));
  assert.equal(succeeded(await cli(['keys', 'list', '--json'], { env })).trim(), '[]');
  assert.ok(!existsSync(join(folder, 'other/api-key')));
});

test('models verify says so where there is nothing to verify', async () => {
  const env = { HOME: folder, OS_DATA_DIR: join(folder, 'other') };
  const { status, stdout, stderr } = await cli(['models', 'verify'], { env });
  assert.deepEqual([status, stdout.length], [0, 0]);
  assert.match(stderr, /nothing to verify\n$/);
});
