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
const spoken = 'he was not an ill disposed young man';
const signal = new AbortController().signal;

for (const id of folder === '' ? [] : await readdir(folder)) {
  const path = join(folder, id, 'manifest.json');
  if (!existsSync(path)) continue;
  const manifest = modelManifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  if (manifest.engine !== 'sherpa') continue;
  test(`${id} ${manifest.kind === 'tts' ? 'speaks' : 'hears'}`, async () => {
    const model = await sherpa.open(openModel(manifest, join(folder, id)), { threads: 1 });
    await (manifest.kind === 'tts' ? speaks(model) : hears(model));
  });
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
  const wav = await readFile(recording);
  const pcm = Float32Array.from(new Int16Array(new Uint8Array(wav.subarray(44)).buffer), (sample) => sample / 32_768);
  const heard: string[] = [];
  for await (const { text, startMs, endMs } of model.transcribe!({ pcm, language: 'en', words: true }, signal)) {
    assert.ok(startMs <= endMs && endMs <= pcm.length / 16);
    heard.push(...text.toLowerCase().split(/[^a-z]+/));
  }
  const right = spoken.split(' ').filter((word) => heard.includes(word));
  assert.ok(right.length >= 6, heard.join(' '));
}
