/** Recognisers hear utterances live, in processes of their own. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { loadEngine } from '../src/engines/index.ts';
import { engine as sherpa } from '../src/engines/sherpa/engine.ts';
import { openLocalWorker } from '../src/workers/local/local-worker.ts';
import { Router } from '../src/workers/router.ts';
import { openModel } from './models/files.ts';
import { buildStreamingToneRecogniser } from './models/tone-streaming.ts';
import { buildToneVoice } from './models/tone-voice.ts';
import { jsonOf } from './support/client.ts';
import { context, FAKE_LIMITS, FAKE_SETTINGS, keptLog } from './support/fake-engine.ts';
import { inPieces, type LiveAudio, liveAudio } from './support/live-audio.ts';
import { serveDuring } from './support/server.ts';
import { until } from './support/until.ts';

const MODEL = 'tone-streaming';

let folder: string;
let router: Router;
let speak: (text: string) => Promise<Float32Array>;
const log = keptLog();

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'listen-'));
  const recogniser = openModel(await buildStreamingToneRecogniser(join(folder, 'ear')), join(folder, 'ear'));
  const worker = await openLocalWorker({
    source: { list: () => [recogniser], open: async () => recogniser },
    ...{ loadEngine, log },
    settings: { ...FAKE_SETTINGS, limits: FAKE_LIMITS },
  });
  router = new Router({ workers: [worker], limits: FAKE_LIMITS, log });
  const built = await buildToneVoice(join(folder, 'voice'), { sampleRate: 16_000 });
  const voice = await sherpa.open(openModel(built, join(folder, 'voice')), { threads: 1 });
  speak = async (text) => {
    const request = { text, voice: 'tone-0', speed: 1 };
    const chunks = await Array.fromAsync(voice.speak!(request, new AbortController().signal));
    return Float32Array.from(chunks.flatMap(({ pcm }) => [...pcm]));
  };
});
after(async () => {
  await router.close();
  await rm(folder, { recursive: true, force: true });
});

const listen = (audio: LiveAudio) => Array.fromAsync(router.call('listen', MODEL, { words: true }, context(), audio));

test('an utterance is heard live as it is heard from a recording, in pieces of any length', async () => {
  const pcm = await speak('every letter is here');
  const [segment] = await Array.fromAsync(router.call('transcribe', MODEL, { pcm, words: true }, context()));
  assert.equal(segment!.text, 'every letter is here');
  for (const ms of [1, 20, 333, 1000]) {
    const audio = liveAudio(...inPieces(pcm, ms));
    audio.end();
    assert.deepEqual((await listen(audio)).at(-1), { ...segment, final: true }, `pieces of ${ms} ms`);
  }
});

test('words are heard before the utterance is over', async () => {
  const audio = liveAudio();
  const heard: string[] = [];
  const call = (async () => {
    for await (const { text } of router.call('listen', MODEL, {}, context(), audio)) heard.push(text);
  })();
  audio.say(...inPieces(await speak('one two three'), 20), new Float32Array(16_000));
  await until(() => heard.at(-1) === 'one two three');
  audio.end();
  await call;
  assert.equal(heard.at(-1), 'one two three');
});

test('two people who speak at once are heard by one process, each their own words', async () => {
  const texts = ['first come first served', 'not if i can help it'];
  const audios = texts.map(() => liveAudio());
  const calls = audios.map(listen);
  const pieces = await Promise.all(texts.map(async (text) => inPieces(await speak(text), 20)));
  for (let n = 0; n < Math.max(...pieces.map(({ length }) => length)); n++) {
    for (const [person, audio] of audios.entries()) audio.say(...pieces[person]!.slice(n, n + 1));
    await sleep(1);
  }
  for (const audio of audios) audio.end();
  const finals = (await Promise.all(calls)).map((hearings) => hearings.at(-1)!.text);
  assert.deepEqual(finals, texts);
  assert.equal(log.pids().length, 1);
});

test('nobody who leaves in the middle keeps a slot', async () => {
  const { slots } = router.status().models[0]!;
  assert.ok(slots >= 2);
  const pcm = await speak('never to be finished');
  for (let n = 0; n < 2 * slots; n++) {
    const audio = liveAudio(...inPieces(pcm, 20));
    for await (const _ of router.call('listen', MODEL, {}, context(), audio)) break;
    assert.equal(audio.returned, 1);
  }
  await until(() => router.status().models[0]!.running === 0);
  assert.equal(log.pids().length, 1);
});

test('the capabilities tell which models can hear live', async (t) => {
  const server = await serveDuring(t);
  const { models } = await jsonOf<{ models: { id: string; listen?: object }[] }>(
    await server.fetch('/v1/capabilities'),
  );
  const of = (id: string) => models.find((model) => model.id === id)!.listen;
  const listen = { languages: ['en'], detectsLanguage: false, wordTimes: true, confidence: true };
  assert.deepEqual(of('pocketsphinx-en-us'), listen);
  assert.equal(of('espeak'), undefined);
});
