/** `open-speech models`: fetching, removing and checking models, through a server and in the folder itself. */
import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RECOMMENDED, STARTERS } from '../src/models/shipped.ts';
import { type Outcome, runCommand } from './support/cli.ts';
import { HOSTS, Hub, testWorld } from './support/hub.ts';
import { addToneModels, startServer, type TestServer } from './support/server.ts';
import { shipTones } from './support/shipped-tones.ts';

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
    server = await startServer({
      env: { OS_MODEL_HOSTS: HOSTS.join(',') },
      outside: { shipped: [voice!, { ...ear!, confidence: 'single-source' }], world: testWorld() },
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
    const { status, stdout, stderr } = await models(env, 'pull', 'starters');
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
    assert.match(wrong.stdout.toString(), /^tone-voice: wrong\n {2}tokens\.txt: /);
    assert.equal(succeeded(await models(env, 'rm', 'tone-voice')), 'tone-voice: deleted\n');
    assert.equal(existsSync(join(modelDir, 'tone-voice')), false);
  });

  test('what comes with the installation is not removed', async () => {
    const { status, stderr } = await models(alone('packaged'), 'rm', 'espeak');
    assert.equal(status, 1);
    assert.match(stderr, /comes with the server/);
  });
});
