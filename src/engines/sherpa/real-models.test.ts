import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openModel } from '../../../test/models/files.ts';
import { sharedData } from '../../../test/support/needs.ts';
import { modelManifestSchema } from '../../models/manifest.ts';
import type { LoadedModel } from '../contract.ts';
import { engine as sherpa } from './engine.ts';

/**
 * Runs real models where OS_TEST_MODELS points at a folder of them, laid out as the server keeps its own:
 * `<folder>/<id>/manifest.json` with the files beside it. Without it there is nothing to run.
 */
const folder = process.env.OS_TEST_MODELS ?? '';
const recording = join(sharedData, 'librivox/sense_and_sensibility_01_austen_64kb-0880.wav');
const longRecording = join(sharedData, 'librivox/sense_and_sensibility_01_austen_64kb-0870.wav');
const spoken = 'he was not an ill disposed young man';
const signal = new AbortController().signal;

for (const id of folder === '' ? [] : await readdir(folder)) {
  const path = join(folder, id, 'manifest.json');
  if (!existsSync(path)) continue;
  const manifest = modelManifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  if (manifest.engine !== 'sherpa') continue;
  test(`${id} does what models of kind ${manifest.kind} do`, async () => {
    const model = await sherpa.open(openModel(manifest, join(folder, id)), { threads: 1 });
    if (manifest.kind === 'tts') await speaks(model);
    else if (manifest.kind === 'stt') await hears(model);
    else await helps(model);
  });
}

/** Every ability that the model has, with recordings of one English reader. */
async function helps(model: LoadedModel): Promise<void> {
  const pcm = await samples(recording);
  const lengthMs = pcm.length / 16;
  if (model.detectSpeech) {
    const { spans } = await model.detectSpeech({ pcm }, signal);
    const spokenMs = spans.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
    assert.ok(spokenMs > lengthMs / 2 && spokenMs < lengthMs, `${spokenMs} ms`);
  }
  if (model.denoise) assert.equal((await model.denoise({ pcm }, signal)).pcm.length, pcm.length);
  if (model.diarize) {
    const { spans } = await model.diarize({ pcm: await samples(longRecording) }, signal);
    assert.equal(new Set(spans.map(({ speaker }) => speaker)).size, 1, JSON.stringify(spans));
  }
  if (model.embedSpeaker) {
    const [one, other] = [pcm, await samples(longRecording)];
    const [a, b] = await Promise.all([one, other].map((each) => model.embedSpeaker!({ pcm: each }, signal)));
    const likeness = cosine(a!.vector, b!.vector);
    assert.ok(likeness >= model.capabilities.embedSpeaker!.sameSpeaker, `the same reader: ${likeness}`);
  }
  if (model.punctuate) {
    const { text } = await model.punctuate({ text: 'how are you i am fine thank you' }, signal);
    assert.match(text, /[,.?]/);
    assert.deepEqual(text.toLowerCase().match(/[a-z]+/g), 'how are you i am fine thank you'.split(' '));
  }
  if (model.identifyLanguage) assert.deepEqual(await model.identifyLanguage({ pcm }, signal), { language: 'en' });
}

function cosine(a: Float32Array, b: Float32Array): number {
  const dot = (x: Float32Array, y: Float32Array) => x.reduce((sum, value, at) => sum + value * y[at]!, 0);
  return dot(a, b) / Math.sqrt(dot(a, a) * dot(b, b));
}

async function samples(file: string): Promise<Float32Array> {
  const wav = await readFile(file);
  return Float32Array.from(new Int16Array(new Uint8Array(wav.subarray(44)).buffer), (sample) => sample / 32_768);
}

/** A sentence takes a second at least, and is to be heard. */
async function speaks(model: LoadedModel): Promise<void> {
  const { voices, sampleRate } = model.capabilities.speak!;
  for (const { id } of voices.slice(0, 3)) {
    let [samples, peak] = [0, 0];
    const request = { text: 'This is a sentence for a test.', voice: id, speed: 1 };
    for await (const { pcm } of model.speak!(request, signal)) {
      samples += pcm.length;
      for (const sample of pcm) peak = Math.max(peak, Math.abs(sample));
    }
    assert.ok(samples / sampleRate > 1 && samples / sampleRate < 10, `${id}: ${samples / sampleRate} s`);
    assert.ok(peak > 0.05 && peak <= 1, `${id}: ${peak}`);
  }
}

/** At least six of the eight words of an English recording. */
async function hears(model: LoadedModel): Promise<void> {
  const pcm = await samples(recording);
  const heard: string[] = [];
  for await (const { text, startMs, endMs } of model.transcribe!({ pcm, language: 'en', words: true }, signal)) {
    assert.ok(startMs <= endMs && endMs <= pcm.length / 16);
    heard.push(...text.toLowerCase().split(/[^a-z]+/));
  }
  const right = spoken.split(' ').filter((word) => heard.includes(word));
  assert.ok(right.length >= 6, heard.join(' '));
}
