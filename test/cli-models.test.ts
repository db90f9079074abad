/** `open-speech models`: fetching, removing and checking models, through a server and in the folder itself. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { noteRunningServer } from '../src/cli/backend/running-server.ts';
import { RECOMMENDED, STARTERS } from '../src/models/shipped.ts';
import { type Outcome, runCommand, startCommand } from './support/cli.ts';
import { HOSTS, Hub, testManifest, testWorld } from './support/hub.ts';
import { addToneModels, startServer, type TestServer } from './support/server.ts';
import { shipTones } from './support/shipped-tones.ts';
import { until } from './support/until.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-cli-models-'));
after(() => rmSync(folder, { recursive: true, force: true }));
const alone = (name: string): Record<string, string> => ({ HOME: folder, OS_DATA_DIR: join(folder, name) });
const models = (env: Record<string, string>, ...words: string[]): Promise<Outcome> =>
  runCommand(['models', ...words], { env, cwd: folder });

function succeeded({ status, stdout, stderr }: Outcome): string {
  assert.equal(status, 0, stderr);
  return stdout.toString();
}

describe('through a server', () => {
  let hub: Hub;
  let server: TestServer;
  let env: Record<string, string>;
  before(async () => {
    hub = await Hub.start();
    const [voice, ear] = await shipTones(hub);
    const file = hub.file('final.mdl', Buffer.from('a model of Kaldi'));
    const kaldi = testManifest({ id: 'vosk-model', engine: 'vosk', family: 'kaldi', files: [file] });
    server = await startServer({
      env: { OS_MODEL_HOSTS: HOSTS.join(','), OS_VOSK_LIBRARY: join(folder, 'nowhere.so') },
      outside: { shipped: [voice!, { ...ear!, confidence: 'single-source' }, kaldi], world: testWorld() },
    });
    env = { ...alone('client'), OPEN_SPEECH_URL: server.url, OS_API_KEY: server.key };
  });
  after(async () => {
    await server.stop();
    await hub.close();
  });

  test('a model is shown before it is here, fetched, used, and removed', async () => {
    assert.match(succeeded(await models(env, 'list', '--available')), /\ntone-voice +speaks +- +\d/);
    assert.match(succeeded(await models(env, 'show', 'tone-voice')), /not here\. Get it with: open-speech models pull/);
    assert.equal(succeeded(await models(env, 'pull', 'tone-voice')), 'tone-voice: ready\n');
    assert.match(succeeded(await models(env, 'list', '--available')), /\ntone-voice +speaks +here +\d/);
    const file = join(folder, 'pulled.wav');
    succeeded(await runCommand(['speak', 'hello', '--model', 'tone-voice', '-o', file], { env, cwd: folder }));
    assert.ok(existsSync(file));
    assert.deepEqual(JSON.parse(succeeded(await models(env, 'rm', 'tone-voice', '--json'))), [
      { model: 'tone-voice', state: 'deleted' },
    ]);
    assert.match((await models(env, 'rm', 'tone-voice')).stderr, /not on this disk/);
  });

  test('a missing consent is named with the option that gives it, and does not stop the others', async () => {
    const outcome = await models(env, 'pull', 'tone-ear', 'tone-voice', '--json');
    assert.equal(outcome.status, 1);
    assert.match(outcome.stderr, /tone-ear: .*--allow-single-source/);
    const [ear, voice] = JSON.parse(outcome.stdout.toString());
    assert.deepEqual([ear.state, voice.state], ['failed', 'ready']);
    assert.equal(succeeded(await models(env, 'pull', 'tone-ear', '--allow-single-source')), 'tone-ear: ready\n');
  });

  test('a model whose engine lacks something here is fetched, and what it lacks is said', async () => {
    const outcome = await models(env, 'pull', 'vosk-model', 'tone-voice');
    assert.equal(succeeded(outcome), 'vosk-model: ready\ntone-voice: ready\n');
    assert.match(outcome.stderr, /^vosk-model cannot be used yet: .*OS_VOSK_LIBRARY.*\n$/);
    const [{ lacks }] = JSON.parse(succeeded(await models(env, 'pull', 'vosk-model', '--json')));
    assert.match(lacks, /OS_VOSK_LIBRARY/);
  });

  test('a download goes on when the command is interrupted, until it is cancelled, which all who wait are told', async (t) => {
    succeeded(await models(env, 'rm', 'tone-voice'));
    hub.misbehave = () => true;
    const pull = (...words: string[]) => startCommand(['models', 'pull', 'tone-voice', ...words], { env, cwd: folder });
    const { library } = server.server;
    const arrival = (): string => library.arrival('tone-voice').state;
    const followed = t.mock.method(library, 'onChange').mock;
    const [left, waiting] = [pull(), pull('--json')];
    await until(() => arrival() === 'downloading' && followed.callCount() === 2);
    left.child.kill('SIGINT');
    const interrupted = await left.outcome;
    assert.equal(interrupted.status, 130);
    assert.match(interrupted.stderr, /^tone-voice: http.* goes on .*models cancel tone-voice\n$/);
    assert.equal(arrival(), 'downloading');
    assert.deepEqual(JSON.parse(succeeded(await models(env, 'cancel', 'tone-voice', '--json'))), [
      { model: 'tone-voice', state: 'cancelled' },
    ]);
    assert.equal(arrival(), 'absent');
    const { status, stdout } = await waiting.outcome;
    assert.equal(status, 1);
    assert.match(stdout.toString(), /somebody has cancelled it/);
    hub.misbehave = () => false;
    const { status: again, stderr } = await models(env, 'cancel', 'tone-voice');
    assert.equal(again, 1);
    assert.match(stderr, /tone-voice: .*not being fetched/);
    assert.equal(succeeded(await models(env, 'pull', 'tone-voice')), 'tone-voice: ready\n');
  });

  test('a model that does not come ends with the reason and with what helps', async () => {
    succeeded(await models(env, 'rm', 'tone-voice'));
    hub.misbehave = (_request, response) => {
      response.writeHead(404).end();
      return true;
    };
    const { status, stderr } = await models(env, 'pull', 'tone-voice');
    hub.misbehave = () => false;
    assert.equal(status, 1);
    assert.match(stderr, /tone-voice: http.*hub\.test.*OS_MODEL_MIRROR.*models export and import/);
  });
});

describe('memory and choices of a server', () => {
  let server: TestServer;
  let env: Record<string, string>;
  before(async () => {
    server = await startServer({ tones: true });
    env = { ...alone('memory'), OPEN_SPEECH_URL: server.url, OS_API_KEY: server.key };
  });
  after(() => server.stop());

  test('a model is loaded, pinned, let go and unloaded, and what cannot be is said', async () => {
    assert.equal(succeeded(await models(env, 'load', 'tone-voice')), 'tone-voice: loaded\n');
    assert.match(succeeded(await models(env, 'list')), /\ntone-voice.* loaded /);
    assert.equal(succeeded(await models(env, 'pin', 'tone-voice')), 'tone-voice: pinned\n');
    assert.match((await models(env, 'rm', 'tone-voice')).stderr, /unpin it first/);
    assert.deepEqual(JSON.parse(succeeded(await models(env, 'unpin', 'tone-voice', '--json'))), [
      { model: 'tone-voice', state: 'unpinned' },
    ]);
    assert.equal(succeeded(await models(env, 'unload', 'tone-voice')), 'tone-voice: unloaded\n');
    const { status, stdout, stderr } = await models(env, 'unload', 'tone-voice', 'nothing');
    assert.deepEqual([status, stdout.length], [1, 0]);
    assert.match(stderr, /tone-voice: .*is not loaded\.\n.*nothing: .*no model 'nothing'/);
  });

  test('defaults and aliases are listed, chosen and taken back', async () => {
    assert.match(succeeded(await models(env, 'default')), /nothing was chosen/);
    assert.equal(
      succeeded(await models(env, 'default', 'tts', 'espeak', '--language', 'en-gb')),
      'TASK  LANGUAGE  MODEL   FROM\ntts   en-GB     espeak  models default\n',
    );
    assert.match(succeeded(await models(env, 'alias', 'robot', 'espeak')), /\nrobot +espeak +models alias\n/);
    const file = join(folder, 'robot.wav');
    succeeded(await runCommand(['speak', 'hello', '--model', 'robot', '-o', file], { env, cwd: folder }));
    assert.match((await models(env, 'alias', 'tone-ear', 'espeak')).stderr, /is the id of a model/);
    assert.deepEqual(
      JSON.parse(succeeded(await models(env, 'default', 'tts', '--clear', '--language', 'en-GB', '--json'))),
      [],
    );
    assert.doesNotMatch(succeeded(await models(env, 'alias', 'robot', '--clear')), /robot/);
  });

  test('wrong words are refused with what would be right, before anything is asked', async () => {
    for (const [words, says] of [
      [['default', 'tts'], /name a model, or give --clear/],
      [['default', 'tts', 'espeak', '--clear'], /--clear/],
      [['default', 'vad', 'espeak'], /there are stt and tts/],
      [['default', '--language', 'de'], /name the task/],
      [['alias', 'x'], /name the model/],
      [['load'], /name a model to load/],
    ] as const) {
      const { status, stderr } = await models(env, ...words);
      assert.equal(status, 2, words.join(' '));
      assert.match(stderr, says);
    }
  });

  test('a model that the command brings or takes away itself is known to the server that runs there', async () => {
    const here = { HOME: folder, OS_DATA_DIR: server.dataDir, OS_API_KEY: server.key };
    const stop = noteRunningServer(server.dataDir, server.url);
    const bundle = join(folder, 'ear.bundle');
    succeeded(await models(here, 'export', 'tone-ear', bundle));
    const removed = await models(here, 'rm', 'tone-ear', '--local');
    assert.equal(succeeded(removed), 'tone-ear: deleted\n');
    assert.match(removed.stderr, /The running server knows/);
    assert.equal(server.server.service.catalog.get('tone-ear'), undefined);
    const imported = await models(here, 'import', bundle, '--allow-single-source', '--accept-licence');
    assert.match(succeeded(imported), /^tone-ear: ready/);
    assert.notEqual(server.server.service.catalog.get('tone-ear'), undefined);
    assert.match((await models(here, 'pin', 'tone-ear', '--local')).stderr, /leave out --local/);
    stop();
  });
});

describe('without a server', () => {
  test('pins, defaults and aliases are kept for the next start; loading needs a server', async () => {
    const env = alone('chosen');
    await addToneModels(join(env.OS_DATA_DIR!, 'models'));
    assert.equal(succeeded(await models(env, 'pin', 'tone-voice')), 'tone-voice: pinned\n');
    assert.match(
      succeeded(await models(env, 'default', 'stt', 'tone-ear')),
      /\nstt +all others +tone-ear +models default\n/,
    );
    succeeded(await models(env, 'alias', 'mine', 'tone-voice'));
    const { pins, defaults, aliases } = JSON.parse(readFileSync(join(env.OS_DATA_DIR!, 'model-choices.json'), 'utf8'));
    assert.deepEqual(
      [pins, defaults, aliases],
      [['tone-voice'], [{ task: 'stt', language: null, model: 'tone-ear' }], [{ alias: 'mine', model: 'tone-voice' }]],
    );
    const file = join(folder, 'mine.wav');
    succeeded(await runCommand(['speak', 'hello', '--model', 'mine', '-o', file], { env, cwd: folder }));
    assert.match((await models(env, 'rm', 'tone-voice')).stderr, /unpin it first/);
    assert.match((await models(env, 'load', 'tone-voice')).stderr, /no server runs here.*open-speech serve/);
    assert.match((await models(env, 'cancel', 'tone-voice')).stderr, /no server runs here that fetches.*Ctrl\+C/);
    assert.match((await models(env, 'pin', 'nothing')).stderr, /there is no model 'nothing' here/);
  });

  test('the doctor says of each model whether its files are right, it loads and it answers', async () => {
    const env = alone('doctor');
    const modelDir = join(env.OS_DATA_DIR!, 'models');
    await addToneModels(modelDir);
    const healthy = succeeded(await models(env, 'doctor'));
    assert.match(healthy, /\ntone-voice +[\d.]+ KB +sherpa +[\d.]+ m?s +[\d.]+ m?s of sound in /);
    assert.match(healthy, /\ntone-ear +[\d.]+ KB +sherpa +[\d.]+ m?s +in /);
    assert.match(healthy, /\nespeak +packaged +espeak /);
    writeFileSync(join(modelDir, 'tone-voice', 'tokens.txt'), 'something else');
    const { status, stdout } = await models(env, 'doctor', 'tone-voice', 'espeak', '--json');
    assert.equal(status, 1);
    const [voice, espeak] = JSON.parse(stdout.toString());
    assert.deepEqual([voice.ok, voice.files, voice.loads, espeak.ok], [false, 'no', '-', true]);
    assert.match(voice.problem, /tokens\.txt/);
    assert.match((await models(env, 'doctor', 'nothing')).stderr, /there is no model 'nothing'/);
  });
});

describe('in the folder itself', () => {
  test('what can be had is listed without a network, and nothing is written for that', async () => {
    const env = alone('look');
    const listed = JSON.parse(succeeded(await models(env, 'list', '--available', '--json'))) as { id: string }[];
    for (const id of [...STARTERS, ...RECOMMENDED])
      assert.ok(
        listed.some((model) => model.id === id),
        id,
      );
    assert.match(succeeded(await models(env, 'show', STARTERS[0]!)), /\nlicence +MIT\n/);
    assert.equal(existsSync(env.OS_DATA_DIR!), false);
  });

  test('where no hub can be reached, every model of a group fails with the reason and with what helps', async () => {
    const env = { ...alone('closed'), OS_MODEL_MIRROR: 'http://127.0.0.1:9', OS_DOWNLOAD_ATTEMPTS: '1' };
    const { status, stdout, stderr } = await models(env, 'pull', 'first');
    assert.deepEqual([status, stdout.length], [1, 0]);
    const lines = stderr.trimEnd().split('\n');
    assert.equal(lines.length, STARTERS.length, stderr);
    for (const [index, id] of STARTERS.entries()) {
      assert.match(lines[index]!, new RegExp(`models pull: ${id}: Getting .* failed: .*OS_MODEL_MIRROR.*import`));
    }
  });

  test('a changed file is found, and a model travels in a signed file', async () => {
    const env = alone('from');
    const modelDir = join(env.OS_DATA_DIR!, 'models');
    await addToneModels(modelDir);
    assert.match(succeeded(await models(env, 'verify')), /^tone-ear: right, .*\ntone-voice: right, .*\n$/);
    const bundle = join(folder, 'voice.bundle');
    const { signer } = JSON.parse(succeeded(await models(env, 'export', 'tone-voice', bundle, '--json')));

    const there = alone('to');
    const consents = ['--allow-single-source', '--accept-licence'];
    assert.equal((await models(there, 'import', bundle, ...consents)).status, 1, 'its signer is a stranger');
    const imported = await models(there, 'import', bundle, ...consents, '--accept-signer', signer);
    assert.match(succeeded(imported), /^tone-voice: ready/);
    assert.match(succeeded(await models(there, 'verify', 'tone-voice')), /^tone-voice: right/);

    writeFileSync(join(modelDir, 'tone-voice', 'tokens.txt'), 'something else');
    const wrong = await models(env, 'verify', 'tone-voice');
    assert.equal(wrong.status, 1);
    assert.match(wrong.stdout.toString(), /^tone-voice: wrong\n {2}tokens\.txt: .*\n$/);
    const path = join(modelDir, 'tone-voice', 'manifest.json');
    const manifest = JSON.parse(readFileSync(path, 'utf8'));
    for (const file of manifest.files) file.url = 'https://huggingface.co/a/b/resolve/c/d';
    writeFileSync(path, JSON.stringify(manifest));
    const mendable = (await models(env, 'verify', 'tone-voice')).stdout.toString();
    assert.match(mendable, /\n {2}Get it again with: open-speech models pull tone-voice\n$/);
    assert.equal(succeeded(await models(env, 'rm', 'tone-voice')), 'tone-voice: deleted\n');
    assert.equal(existsSync(join(modelDir, 'tone-voice')), false);
  });

  test('what comes with the installation is not removed', async () => {
    const { status, stderr } = await models(alone('packaged'), 'rm', 'espeak');
    assert.equal(status, 1);
    assert.match(stderr, /comes with the server/);
  });
});
