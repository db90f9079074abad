/** Vosk models: a zip comes from a hub, is unpacked, loaded in a process of its own and heard with. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { findLibrary } from '../src/engines/vosk/places.ts';
import type { ModelManifest } from '../src/models/manifest.ts';
import { KALDI_ASSETS, speakKaldi, toneKaldiModel } from './models/tone-kaldi.ts';
import { assertError } from './support/answers.ts';
import { makeArchive, type TestEntry } from './support/archives.ts';
import { jsonOf, transcribe } from './support/client.ts';
import { HOSTS, Hub, testManifest, testWorld } from './support/hub.ts';
import { inPieces, liveAudio } from './support/live-audio.ts';
import { serveDuring, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';
import { needsVosk, voskOptions } from './support/vosk.ts';
import { wavFile } from './support/wav.ts';

/** A zip as Vosk's makers pack theirs: everything in one folder of the model's name, folders as entries too. */
function zipOf(files: Readonly<Record<string, string | Buffer>>): Buffer {
  const folders = new Set(
    Object.keys(files).flatMap((path) =>
      path
        .split('/')
        .slice(0, -1)
        .map((_, i, all) => all.slice(0, i + 1).join('/')),
    ),
  );
  const entries: TestEntry[] = ['', ...folders].map((folder) => ({
    name: join('vosk-model-tones-0.1', folder, '/'),
    type: 'folder',
  }));
  for (const [path, content] of Object.entries(files)) {
    entries.push({ name: `vosk-model-tones-0.1/${path}`, content: Buffer.from(content) });
  }
  return makeArchive('zip', entries);
}

const recording = (pcm: Float32Array): Buffer => wavFile(pcm, { sampleRate: 16_000 });

/** A server whose catalogue is one Vosk model, to be had from a hub on this machine. */
async function serveModel(
  t: TestContext,
  { layout = 'folders', files = {} }: { layout?: 'folders' | 'flat'; files?: Record<string, string> } = {},
  env: Record<string, string> = { OS_VOSK_LIBRARY: findLibrary(voskOptions) ?? '' },
): Promise<TestServer> {
  const hub = await Hub.start();
  t.after(() => hub.close());
  const zip = zipOf({ README: 'Tones', ...toneKaldiModel(layout), ...files });
  const assets = KALDI_ASSETS[layout];
  const manifest: ModelManifest = testManifest({
    ...{ id: 'vosk-tones', kind: 'stt', engine: 'vosk', family: 'kaldi', languages: ['en'] },
    files: Object.values(assets).map((path) => ({ path })),
    archive: { ...hub.asset('vosk-model-tones-0.1.zip', zip), format: 'zip', stripComponents: 1, keep: 'all' },
    assets,
    ...{ confidence: 'two-sources', commercialUse: true },
  });
  const server = await serveDuring(t, {
    env: { OS_MODEL_HOSTS: HOSTS.join(','), ...env },
    outside: { shipped: [manifest], world: testWorld() },
  });
  await server.fetch('/api/models/vosk-tones/download', { method: 'POST' });
  await until(async () => (await status(server)).present);
  return server;
}

const status = async (server: TestServer): Promise<{ present: boolean; remedy: string | null; state: string }> =>
  jsonOf(await server.fetch('/api/models/vosk-tones/status'));

for (const layout of ['folders', 'flat'] as const) {
  test(`a model in ${layout} comes as a zip and hears words with their times`, { skip: needsVosk }, async (t) => {
    const server = await serveModel(t, { layout });
    const wav = recording(speakKaldi('three', 'one', 'four'));
    const fields = { model: 'vosk-tones', response_format: 'verbose_json', 'timestamp_granularities[]': 'word' };
    const answer = await jsonOf<{ text: string; words: { word: string; start: number }[] }>(
      await transcribe(server, wav, fields),
    );
    assert.equal(answer.text, 'three one four');
    assert.deepEqual(
      answer.words.map(({ word, start }) => [word, Math.round(start * 3)]),
      [
        ['three', 0],
        ['one', 1],
        ['four', 2],
      ],
    );
  });
}

test('speech is heard while it is spoken, in the same process', { skip: needsVosk }, async (t) => {
  const { router } = (await serveModel(t)).server.service;
  const audio = liveAudio(...inPieces(speakKaldi('two', 'five', 300), 20));
  const { signal } = new AbortController();
  const context = { requestId: 'r', caller: 'c', lane: 'interactive', timeoutMs: 60_000, signal, cost: 1000 } as const;
  const hearings = router.call('listen', 'vosk-tones', { words: true, alternatives: 2 }, context, audio);
  const next = async () => (await hearings.next()).value!;
  let hearing = await next();
  while (hearing.text !== 'two five') hearing = await next();
  assert.equal(hearing.final, false);
  audio.say(speakKaldi('one'));
  audio.end();
  while (!hearing.final) hearing = await next();
  assert.deepEqual([hearing.text, hearing.words?.length], ['two five one', 3]);
  assert.equal((await hearings.next()).done, true);
});

test('a model that libvosk refuses, or dies of, costs its request and nothing else', { skip: needsVosk }, async (t) => {
  // No phone is silence: the library ends its process when it first looks for a pause.
  const deadly = '--beam=10\n--frame-subsampling-factor=3\n';
  for (const [path, content] of [
    ['graph/HCLG.fst', 'no graph'],
    ['conf/model.conf', deadly],
  ] as const) {
    const server = await serveModel(t, { files: { [path]: content } });
    const answer = await transcribe(server, recording(speakKaldi('one', 'two')), { model: 'vosk-tones' });
    assert.ok(answer.status === 500 || answer.status === 503, `${answer.status}`);
    assert.doesNotMatch(await answer.text(), /\/|tmp/);
    assert.equal((await server.fetch('/health')).status, 200);
  }
});

test('without libvosk a model says what it lacks and the line that gets it', async (t) => {
  const server = await serveModel(t, {}, { OS_VOSK_LIBRARY: '/nowhere/libvosk.so' });
  const answer = await transcribe(server, recording(speakKaldi('one')), { model: 'vosk-tones' });
  await assertError(answer, { status: 503, code: 'model_unavailable', says: /OS_VOSK_LIBRARY/ });
});
