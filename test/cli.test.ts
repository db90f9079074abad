/** The command line as people and scripts use it: real processes, with a server and without. */
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadEngine } from '../src/engines/index.ts';
import { type CommandOptions, descendants, type Outcome, root, runCommand, startCommand } from './support/cli.ts';
import { isAlive } from './support/fake-engine.ts';
import { startServer, type TestServer } from './support/server.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-cli-'));
const dataDir = join(folder, 'data');
after(() => rmSync(folder, { recursive: true, force: true }));

/** A user's environment; all commands of this file share what Node compiled. */
const alone = { HOME: folder, OS_DATA_DIR: dataDir };
const cli = (args: readonly string[], options: Partial<CommandOptions> = {}): Promise<Outcome> =>
  runCommand(args, { env: alone, cwd: folder, ...options });

const recogniser = await (await loadEngine('pocketsphinx')).availability({});
const noRecogniser = recogniser.available ? false : `${recogniser.reason} ${recogniser.remedy}`;

function succeeded({ status, stdout, stderr }: Outcome): string {
  assert.equal(status, 0, stderr);
  return stdout.toString();
}

const json = (outcome: Outcome) => JSON.parse(succeeded(outcome));

describe('words', () => {
  test('every command has help with an example', async () => {
    const general = succeeded(await cli(['--help']));
    const commands = [...general.matchAll(/^ {2}(\w+) {2,}/gm)].map((match) => match[1]!);
    assert.deepEqual(commands, ['serve', 'speak', 'transcribe', 'models', 'keys', 'bridge', 'doctor', 'setup']);
    const helps = await Promise.all(commands.map((command) => cli([command, '--help'])));
    for (const help of helps) assert.match(succeeded(help), /^Usage: open-speech [\s\S]*\nExample: /);
    assert.equal(succeeded(await cli(['help', 'keys'])), succeeded(helps[4]!));
    assert.equal(existsSync(dataDir), false, 'asking for help makes no data folder');
  });

  test('wrong words end with status 2 and one line that helps', async () => {
    for (const [words, message] of [
      [['spaek', 'hello'], /no command 'spaek'; did you mean speak\?/],
      [['keys', 'list', '--jsn'], /no option --jsn; did you mean --json\?/],
      [['serve', '--prot', '9000'], /no option --prot; did you mean --port\?/],
      [['serve', '--port', 'ninety'], /--port is "ninety" but must be/],
      [['serve', '9000'], /serve takes options only, not '9000'/],
      [['speak', 'hello', '--format', 'wma'], /no format 'wma'; there are mp3/],
      [['speak', 'hello', '--speed', '9'], /--speed is 9 but must be from 0\.25 to 4/],
      [['speak', 'hello', '--url', 'http://speech.example'], /in the clear/],
      [['transcribe'], /name a recording/],
      [['models', 'pul'], /no 'models pul'; there are list, show, pull/],
      [['keys', 'create'], /needs a --name/],
      [['keys', 'create', '--name', 'x', '--scope', 'speach'], /no scope 'speach'; there are speech/],
      [['keys', 'create', '--name', 'x', '--expires', 'soon'], /'soon' is no time/],
    ] as const) {
      const { status, stdout, stderr } = await cli(words);
      assert.deepEqual([status, stdout.length], [2, 0], words.join(' '));
      assert.match(stderr, message);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
    }
  });

  test('a misspelt setting in the environment is named with the nearest one', async () => {
    const { status, stderr } = await cli(['models'], { env: { ...alone, OS_PROT: '9000' } });
    assert.equal(status, 2);
    assert.match(stderr, /OS_PROT is not a setting of Open Speech; did you mean OS_PORT\?/);
  });

  test('nothing that commands and servers do not need is loaded with them', async () => {
    // An import of node:http would bring all of fetch, which costs more than the rest of the start.
    for (const module of ['src/open-speech.ts', 'src/cli/backend/http.ts']) {
      const script = `await import(${JSON.stringify(join(root, module))});
        process.stdout.write(process.moduleLoadList.filter((name) => name.includes('undici')).join());`;
      const program = [process.execPath, '--input-type=module', '-e', script];
      assert.equal(succeeded(await cli([], { program })), '', module);
    }
  });

  test('the launcher starts the same command line with whatever Node there is', async () => {
    const program = ['/usr/bin/env', 'node', join(root, 'bin/open-speech.js')];
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
    assert.equal(succeeded(await cli(['--version'], { program })), `${version}\n`);
    assert.equal((await cli(['nonsense'], { program })).status, 2);
  });
});

describe('keys', () => {
  let server: TestServer;
  before(async () => {
    server = await startServer();
  });
  after(() => server.stop());

  test('are made, listed and revoked while the server runs, and count at once', async () => {
    const env = { ...alone, OS_DATA_DIR: server.dataDir };
    const keys = (...words: string[]) => cli(['keys', ...words], { env });
    const use = async (key: string): Promise<number> => {
      const response = await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${key}` } });
      await response.arrayBuffer();
      return response.status;
    };

    const made = ['create', '--name', 'phone', '--scope', 'speech', '--scope', 'models:read', '--expires', '30d'];
    const { key, ...info } = json(await keys(...made, '--json'));
    assert.deepEqual([info.name, info.scopes], ['phone', ['speech', 'models:read']]);
    const days = (Date.parse(info.expiresAt) - Date.parse(info.createdAt)) / 86_400_000;
    assert.equal(Math.round(days * 1000) / 1000, 30);
    assert.equal(await use(key), 200);

    const plain = succeeded(await keys('create', '--name', 'tablet')).trim();
    assert.match(plain, /^os_\w{43}$|^os_[\w-]{43}$/);
    const listed = succeeded(await keys('list'));
    assert.match(listed, /phone {2,}speech models:read/);
    assert.ok(!listed.includes(key) && !listed.includes(plain), 'a list never shows a key');

    assert.match(succeeded(await keys('revoke', plain.slice(0, 11))), /Revoked .* \(tablet\)/);
    succeeded(await keys('revoke', info.id));
    // The server hears of it soon: it believes a key it has just looked up for a moment.
    while ((await use(key)) !== 401 || (await use(plain)) !== 401) await sleep(50);
    const again = await keys('revoke', info.id);
    assert.deepEqual([again.status, /no key that begins with/.test(again.stderr)], [1, true]);
    assert.equal((await keys('revoke', 'os_')).status, 2);
  });
});

describe('with a server', () => {
  let server: TestServer;
  let env: Record<string, string>;
  before(async () => {
    server = await startServer({ tones: true, env: { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' } });
    env = { ...alone, OPEN_SPEECH_URL: server.url, OS_API_KEY: server.key };
  });
  after(() => server.stop());
  const SENTENCE = 'hello world, this is open speech.';

  test('speaks into a file and reads it back', async () => {
    const file = join(folder, 'server.mp3');
    const made = json(await cli(['speak', SENTENCE, '-o', file, '--json'], { env }));
    assert.deepEqual([made.model, made.format, made.file], ['tone-voice', 'mp3', file]);
    assert.equal(readFileSync(file).length, made.bytes);
    assert.equal(succeeded(await cli(['transcribe', file], { env })), `${SENTENCE}\n`);
  });

  test('speaks from a pipe into a pipe', async () => {
    const { status, stdout } = await cli(['speak', '--format', 'wav'], { env, stdin: SENTENCE });
    assert.deepEqual([status, stdout.subarray(0, 4).toString()], [0, 'RIFF']);
    const text = await cli(['transcribe', '-', '--format', 'srt'], { env, stdin: stdout });
    assert.match(succeeded(text), /^1\n00:00:00,\d{3} --> 00:00:0\d,\d{3}\nhello world/);
  });

  test('shows its models', async () => {
    const models = json(await cli(['models', '--json'], { env }));
    const voice = models.find(({ id }: { id: string }) => id === 'tone-voice');
    assert.deepEqual([voice.kind, voice.default, voice.state], ['tts', true, 'loaded']);
    assert.match(succeeded(await cli(['models', 'show', 'whisper-1'], { env })), /^model +tone-ear \(the default/);
    assert.match((await cli(['models', 'show', 'nothing'], { env })).stderr, /there are espeak, /);
  });

  test('one recording that fails does not stop the others', async () => {
    const good = join(folder, 'good.wav');
    succeeded(await cli(['speak', SENTENCE, '-o', good], { env }));
    const bad = join(folder, 'bad.wav');
    writeFileSync(bad, '<html>');
    const { status, stdout, stderr } = await cli(['transcribe', bad, 'none.wav', good, '--format', 'json'], { env });
    assert.equal(status, 1);
    assert.match(stderr, /bad\.wav: .*\n.*none\.wav: /);
    assert.deepEqual(JSON.parse(stdout.toString()).text, SENTENCE);
  });

  test('a refusal is one line with the reason, and leaves no file', async () => {
    const file = join(folder, 'never.wav');
    const refused = await cli(['speak', 'hello', '--voice', 'nobody', '-o', file], { env });
    assert.deepEqual([refused.status, existsSync(file)], [1, false]);
    assert.match(refused.stderr, /^open-speech speak: http.*no voice 'nobody'.*\n$/);
    const wrong = await cli(['speak', 'hello', '-o', file], { env: { ...env, OS_API_KEY: 'Xq72mV9kd-wrong-4fTz' } });
    assert.match(wrong.stderr, /not valid\. Use --api-key-file or OS_API_KEY\.\n$/);
  });
});

describe('a server of one’s own', () => {
  test('is found by the other commands on any port, and lost when it ends', async () => {
    const env = { ...alone, OS_DATA_DIR: join(folder, 'served') };
    const { child, outcome, stdout } = startCommand(['serve', '--port', '0'], { env, cwd: folder });
    try {
      while (!stdout().includes('"Listening"')) {
        assert.equal(child.exitCode, null, 'it runs');
        await sleep(20);
      }
      const url = /"url":"([^"]+)"/.exec(stdout())![1]!;
      const { findings } = json(await cli(['doctor', '--json'], { env }));
      assert.equal(findings.find(({ name }: { name: string }) => name === 'server').says, url);
      // Only with the first start's key, which lies in the data folder, does this succeed.
      assert.ok(json(await cli(['models', '--json'], { env })).length > 0);
      child.kill('SIGINT');
      child.kill('SIGINT');
      assert.equal((await outcome).status, 0, 'two signals at once are one, as npm sends them');
      assert.equal(existsSync(join(env.OS_DATA_DIR, 'server.json')), false);
    } finally {
      child.kill('SIGKILL');
    }
  });
});

describe('without a server', () => {
  const SENTENCE = 'The quick brown fox jumps over the lazy dog.';

  test('speaks with the packaged voice and hears with the packaged recogniser', { skip: noRecogniser }, async () => {
    const file = join(folder, 'alone.flac');
    const made = json(await cli(['speak', ...SENTENCE.split(' '), '-o', file, '--json']));
    assert.equal(made.model, 'espeak');
    assert.ok(made.audioMs > 1000);
    const text = succeeded(await cli(['transcribe', file, '--model', 'pocketsphinx-en-us']));
    assert.match(text, /quick brown fox/);
  });

  test('hears exactly what was spoken, in every transcript format', async () => {
    const env = { ...alone, OS_DATA_DIR: join(folder, 'tones'), TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear' };
    const { addToneModels } = await import('./support/server.ts');
    await addToneModels(join(env.OS_DATA_DIR, 'models'));
    const wav = succeeded(await cli(['speak', 'hello world.', '-o', 'tones.wav', '--json'], { env })) && 'tones.wav';
    const text = async (format: string) => succeeded(await cli(['transcribe', wav, '--format', format], { env }));
    assert.equal(await text('text'), 'hello world.\n');
    assert.equal(JSON.parse(await text('json')).text, 'hello world.');
    assert.equal(JSON.parse(await text('verbose_json')).segments[0].text, 'hello world.');
    assert.match(await text('vtt'), /^WEBVTT\n\n00:00.*\nhello world\.\n$/);
    mkdirSync(join(folder, 'subtitles'));
    succeeded(await cli(['transcribe', wav, '--format', 'srt', '-o', 'subtitles'], { env }));
    assert.match(readFileSync(join(folder, 'subtitles/tones.srt'), 'utf8'), /^1\n00:00:00,/);
  });

  test('says which models there are, why one cannot be used and what gets it', async () => {
    const env = { ...alone, OS_POCKETSPHINX_MODEL_DIR: join(folder, 'nowhere') };
    const models = json(await cli(['models', '--json'], { env }));
    const missing = models.find(({ id }: { id: string }) => id === 'pocketsphinx-en-us');
    assert.equal(missing.state, 'unavailable');
    assert.equal(missing.remedy, 'npm run setup');
    assert.match(succeeded(await cli(['models'], { env })), /\npocketsphinx-en-us: .*Get it with: npm run setup\n/);
  });

  test('Ctrl+C ends it at once and leaves no process and no file', async () => {
    const endless = 'This sentence is spoken again and again. '.repeat(90);
    const file = join(folder, 'interrupted.wav');
    const { child, outcome } = startCommand(['speak', endless, '-o', file], { env: alone, cwd: folder });
    while (!existsSync(file)) {
      assert.equal(child.exitCode, null, 'it runs');
      await sleep(10);
    }
    const processes = descendants(child.pid!);
    assert.ok(processes.length > 0);
    child.kill('SIGINT');
    const { status, stderr } = await outcome;
    assert.deepEqual([status, stderr], [130, '']);
    assert.equal(existsSync(file), false);
    while (processes.some(isAlive)) await sleep(10);
  });

  test('a reader that leaves ends it without a complaint', async () => {
    const endless = 'This sentence is spoken again and again. '.repeat(90);
    const { child, outcome } = startCommand(['speak', endless, '-o', '-'], { env: alone });
    child.stdout!.once('data', () => child.stdout!.destroy());
    const { status, stderr } = await outcome;
    assert.deepEqual([status, stderr], [0, '']);
  });
});

describe('doctor', () => {
  test('reports machine, settings, engines, models, formats and speech', async () => {
    const outcome = await cli(['doctor', '--json']);
    const { ok, findings, remedies } = json(outcome);
    assert.equal(ok, true);
    assert.ok(Array.isArray(remedies));
    const names = (area: string) =>
      findings.filter((finding: { area: string }) => finding.area === area).map(({ name }: { name: string }) => name);
    assert.deepEqual(names('machine'), ['node', 'system', 'page']);
    assert.deepEqual(names('settings'), ['settings', 'data folder', 'server']);
    assert.deepEqual(names('engine'), ['espeak', 'onnxruntime', 'pocketsphinx', 'sherpa', 'vosk', 'wyoming']);
    assert.deepEqual(names('format'), ['mp3', 'opus', 'aac', 'flac', 'wav', 'pcm', 'm4a']);
    assert.deepEqual(names('speech'), ['speaking', 'hearing']);
    const speaking = findings.find(({ name }: { name: string }) => name === 'speaking');
    assert.deepEqual([speaking.state, speaking.ms > 0], ['ok', true]);
  });

  test('a setting that is wrong is what it reports, with status 1', async () => {
    const { status, stdout } = await cli(['doctor'], { env: { ...alone, OS_PORT: 'x' } });
    assert.equal(status, 1);
    assert.match(stdout.toString(), /FAIL {2}problem +OS_PORT is "x" but must be/);
  });
});

describe('setup', () => {
  test('a dry run says what it would do and does nothing', async () => {
    const { steps } = json(await cli(['setup', '--dry-run', '--tests', '--json']));
    assert.deepEqual(
      steps.map(({ name }: { name: string }) => name),
      ['recogniser', 'tests', 'vosk', 'page'],
    );
    for (const { state } of steps) assert.ok(['present', 'planned', 'skipped', 'missing'].includes(state), state);
  });
});
