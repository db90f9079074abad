import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import type { LoadedModel } from '../../src/engines/contract.ts';
import { engine as sherpa } from '../../src/engines/sherpa/engine.ts';
import { modelManifestSchema } from '../../src/models/manifest.ts';
import { openModel } from './files.ts';
import { buildScriptedWhisper } from './scripted-whisper.ts';
import { buildToneRecogniser } from './tone-recogniser.ts';
import { buildStreamingToneRecogniser } from './tone-streaming.ts';
import { buildToneTransducer } from './tone-transducer.ts';
import { buildToneVoice } from './tone-voice.ts';
import { ALPHABET } from './tones.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tone-models-'));
});
after(() => rm(folder, { recursive: true, force: true }));

const signal = new AbortController().signal;
const everything = ALPHABET.join('');
const texts = [
  'hello world',
  everything,
  [...everything.replace(' ', '')].map((character) => character.repeat(3)).join(''),
  'aaaa bbb ccc',
  'the quick brown fox jumps over the lazy dog 0123456789',
  'a',
];

async function open(name: string, voiceOptions = {}, recogniserOptions = {}) {
  const [voiceFolder, recogniserFolder] = [join(folder, name, 'voice'), join(folder, name, 'recogniser')];
  const voice = await buildToneVoice(voiceFolder, { sampleRate: 16_000, ...voiceOptions });
  const recogniser = await buildToneRecogniser(recogniserFolder, recogniserOptions);
  return {
    voice: await sherpa.open(openModel(voice, voiceFolder), { threads: 1 }),
    recogniser: await sherpa.open(openModel(recogniser, recogniserFolder), { threads: 1 }),
  };
}

async function roundTrip(
  { voice, recogniser }: { voice: LoadedModel; recogniser: LoadedModel },
  request: { text: string; voice: string; speed: number },
  alter: (pcm: Float32Array) => Float32Array = (pcm) => pcm,
): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const { pcm } of voice.speak!(request, signal)) chunks.push(Buffer.from(pcm.buffer));
  const samples = new Float32Array(new Uint8Array(Buffer.concat(chunks)).buffer);
  const heard: string[] = [];
  for await (const { text } of recogniser.transcribe!({ pcm: alter(samples) }, signal)) {
    heard.push(text);
  }
  // Where a long pause parts segments, the number of spaces between them is not kept.
  return heard.join(' ').replace(/ +/g, ' ');
}

test('what the voice says at any pace, the recogniser reads to the letter', async () => {
  const models = await open('exact');
  for (const speed of [0.25, 0.5, 1, 1.5, 2, 3, 4]) {
    for (const voice of ['tone-0', 'tone-1']) {
      for (const text of texts)
        assert.equal(await roundTrip(models, { text, voice, speed }), text, `${voice} ${speed}`);
    }
  }
});

test('quiet, clipped and noisy tones are read as well', async () => {
  const models = await open('robust');
  let seed = 1;
  const noise = () => {
    seed = (Math.imul(seed, 1_664_525) + 1_013_904_223) >>> 0;
    return seed / 2 ** 31 - 1;
  };
  const alterations = {
    quiet: (pcm: Float32Array) => pcm.map((sample) => sample / 300),
    clipped: (pcm: Float32Array) => pcm.map((sample) => Math.max(-0.5, Math.min(0.5, sample))),
    noisy: (pcm: Float32Array) => pcm.map((sample) => sample + noise() / 20),
    eightBits: (pcm: Float32Array) => pcm.map((sample) => Math.round(sample * 127) / 127),
  };
  for (const [name, alter] of Object.entries(alterations)) {
    for (const text of texts) {
      assert.equal(await roundTrip(models, { text, voice: 'tone-0', speed: 1 }, alter), text, name);
    }
  }
});

test('heavy models say and hear the same as light ones', async () => {
  const models = await open('heavy', { gigaflopPerSecond: 0.2 }, { gigaflopPerSecond: 0.2 });
  assert.equal(await roundTrip(models, { text: 'hello world', voice: 'tone-0', speed: 1 }), 'hello world');
});

test('the same options build the same files, and the manifest tells their bytes', async () => {
  const builders = [
    buildToneVoice,
    buildToneRecogniser,
    buildToneTransducer,
    buildStreamingToneRecogniser,
    buildScriptedWhisper,
  ];
  for (const build of builders) {
    const [one, two] = [join(folder, `${build.name}-1`), join(folder, `${build.name}-2`)];
    const manifest = await build(one);
    assert.deepEqual(await build(two), manifest);
    assert.deepEqual(modelManifestSchema.parse(manifest), manifest);
    for (const file of manifest.files) {
      const content = await readFile(join(one, file.path));
      assert.equal(content.length, file.bytes);
      assert.equal(createHash('sha256').update(content).digest('hex'), file.sha256);
    }
  }
});
