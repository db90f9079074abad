import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { OpenModel } from '../contract.ts';
import { familyConfig } from './config.ts';
import type { Native, NativeGeneration } from './native.ts';
import { SherpaVoice } from './voice.ts';

const recording = { samples: Float32Array.of(0.1, 0.2, 0.3), sampleRate: 16_000 };

/** What sherpa-onnx is told when every voice of the model speaks. */
async function told(model: Partial<OpenModel>, wave = recording): Promise<NativeGeneration[]> {
  const heard: NativeGeneration[] = [];
  const native = {
    OfflineTts: {
      createAsync: async () => ({
        sampleRate: 24_000,
        numSpeakers: 60,
        generateAsync: async ({ generationConfig }: { generationConfig: NativeGeneration }) => {
          heard.push(generationConfig);
          return { samples: new Float32Array() };
        },
      }),
    },
    readWave: () => wave,
  } as unknown as Native;
  const whole: OpenModel = {
    ...{ id: 'm', engine: 'sherpa', family: 'pocket', folder: '/m', assets: { reference: '/m/a.wav' } },
    ...{ options: {}, languages: ['en'], voices: [], ...model },
  };
  const voice = await SherpaVoice.open(native, whole, familyConfig(whole, 1));
  for (const { id } of voice.capabilities.speak!.voices) {
    const request = { text: 'Words.', voice: id, speed: 1 };
    for await (const _ of voice.speak(request, new AbortController().signal)) assert.fail('nothing was made');
  }
  return heard;
}

const reference = { referenceAudio: recording.samples, referenceSampleRate: 16_000 };

test('a model that imitates a recording hears it with every text', async () => {
  assert.deepEqual(await told({ options: { referenceText: 'Not asked for.' } }), [
    { sid: 0, speed: 1, silenceScale: 0.2, numSteps: 5, ...reference, extra: { max_reference_audio_len: 20 } },
  ]);
});

test('one that needs the words of the recording gets them', async () => {
  assert.deepEqual(await told({ family: 'zipvoice', options: { referenceText: 'What is said.' } }), [
    { sid: 0, speed: 1, silenceScale: 0.2, numSteps: 4, ...reference, referenceText: 'What is said.' },
  ]);
});

test('a recording without a sound, or without its words where they are needed, is refused when the model opens', async () => {
  const bad: OpenModel['options'][] = [{}, { referenceText: ' ' }, { referenceText: 3 }];
  for (const options of bad) {
    await assert.rejects(told({ family: 'zipvoice', options }), {
      code: 'model_unavailable',
      message: /referenceText/,
    });
  }
  await assert.rejects(told({}, { samples: new Float32Array(), sampleRate: 16_000 }), {
    code: 'model_unavailable',
    message: /recording is empty/,
  });
});

test('Kokoro pronounces by the language of each voice, where espeak-ng does it', async () => {
  const languages = ['en-US', 'zh-CN', 'es-ES', 'fr-FR', 'hi-IN', 'it-IT', 'pt-BR'];
  const voices = languages.map((language, speaker) => ({ id: language, name: language, language, speaker }));
  const heard = await told({ family: 'kokoro', assets: {}, languages, voices });
  assert.deepEqual(
    heard.map(({ sid, extra }) => [sid, extra?.lang]),
    [
      [0, undefined],
      [1, undefined],
      [2, 'es'],
      [3, 'fr-fr'],
      [4, 'hi'],
      [5, 'it'],
      [6, 'pt-br'],
    ],
  );
});

test('sherpa-onnx understands everything that it is told with a text', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'sherpa-generation-'));
  t.after(() => rm(folder, { recursive: true }));
  const child = resolve(import.meta.dirname, '../../../test/support/children/print-generation.ts');
  const { stderr } = await promisify(execFile)(process.execPath, [child, folder]);
  const printed = /GenerationConfig\((.*)\)/.exec(stderr)?.[1];
  for (const part of [
    ...['silence_scale=0.5', 'sid=0', 'num_steps=7', 'reference_audio_len=3', 'reference_sample_rate=16000'],
    ...['reference_text="some words"', 'extra={lang: "pt-br"}'],
  ]) {
    assert.ok(printed?.includes(part), `${part} in ${printed}`);
  }
});
