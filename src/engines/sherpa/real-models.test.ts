import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openModel } from '../../../test/models/files.ts';
import { LONG_RECORDING, RECORDING, realModels, samplesOf, wordsFound } from '../../../test/models/real.ts';
import type { LoadedModel } from '../contract.ts';
import { engine as sherpa } from './engine.ts';

const signal = new AbortController().signal;

for (const { manifest, folder } of await realModels('sherpa')) {
  test(`${manifest.id} does what models of kind ${manifest.kind} do`, async () => {
    const model = await sherpa.open(openModel(manifest, folder), { threads: 1 });
    if (manifest.kind === 'tts') await speaks(model);
    else if (manifest.kind === 'stt') await hears(model);
    else await helps(model);
  });
}

/** Every ability that the model has, with recordings of one English reader. */
async function helps(model: LoadedModel): Promise<void> {
  const pcm = await samplesOf(RECORDING);
  const lengthMs = pcm.length / 16;
  if (model.detectSpeech) {
    const { spans } = await model.detectSpeech({ pcm }, signal);
    const spokenMs = spans.reduce((sum, { startMs, endMs }) => sum + endMs - startMs, 0);
    assert.ok(spokenMs > lengthMs / 2 && spokenMs < lengthMs, `${spokenMs} ms`);
  }
  if (model.denoise) assert.equal((await model.denoise({ pcm }, signal)).pcm.length, pcm.length);
  if (model.diarize) {
    const { spans } = await model.diarize({ pcm: await samplesOf(LONG_RECORDING) }, signal);
    assert.equal(new Set(spans.map(({ speaker }) => speaker)).size, 1, JSON.stringify(spans));
  }
  if (model.embedSpeaker) {
    const [one, other] = [pcm, await samplesOf(LONG_RECORDING)];
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
  const pcm = await samplesOf(RECORDING);
  const heard: string[] = [];
  for await (const { text, startMs, endMs } of model.transcribe!({ pcm, language: 'en', words: true }, signal)) {
    assert.ok(startMs <= endMs && endMs <= pcm.length / 16);
    heard.push(text);
  }
  assert.ok(wordsFound(heard.join(' ')) >= 6, heard.join(' '));
}
