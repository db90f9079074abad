import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openModel } from '../../../test/models/files.ts';
import { needsData, sharedData } from '../../../test/support/needs.ts';
import { needsVosk, voskOptions } from '../../../test/support/vosk.ts';
import { modelManifestSchema } from '../../models/manifest.ts';
import { engine } from './engine.ts';

/**
 * Runs real Vosk models where OS_TEST_MODELS points at a folder of them, laid out as the server keeps its own. Without
 * it there is nothing to run.
 */
const folder = process.env.OS_TEST_MODELS ?? '';
const recording = join(sharedData, 'librivox/sense_and_sensibility_01_austen_64kb-0880.wav');
const spoken = 'he was not an ill disposed young man';
const signal = new AbortController().signal;

for (const id of folder === '' ? [] : await readdir(folder)) {
  const path = join(folder, id, 'manifest.json');
  if (!existsSync(path)) continue;
  const manifest = modelManifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
  if (manifest.engine !== 'vosk') continue;
  test(`${id} hears, from a file and live`, { skip: needsVosk || needsData('librivox') }, async () => {
    const open = { ...openModel(manifest, join(folder, id)), options: voskOptions };
    const model = await engine.open(open, { threads: 1 });
    const wav = await readFile(recording);
    const pcm = Float32Array.from(new Int16Array(new Uint8Array(wav.subarray(44)).buffer), (sample) => sample / 32_768);
    const segments = await Array.fromAsync(model.transcribe!({ pcm, words: true }, signal));
    let last = 0;
    for (const { startMs, endMs, confidence } of segments.flatMap(({ words }) => words!)) {
      assert.ok(startMs >= last && endMs >= startMs && endMs <= pcm.length / 16);
      assert.ok(confidence! >= 0 && confidence! <= 1);
      last = startMs;
    }
    const pieces = (async function* () {
      for (let at = 0; at < pcm.length; at += 1600) yield pcm.subarray(at, at + 1600);
    })();
    const hearings = await Array.fromAsync(model.listen!({ alternatives: 2 }, pieces, signal));
    assert.ok(hearings.length > 1 && hearings.at(-1)!.final);
    // Another language's words are not to be found in an English recording.
    if (!manifest.languages.some((language) => language.startsWith('en'))) return;
    for (const text of [segments.map((segment) => segment.text).join(' '), hearings.at(-1)!.text]) {
      const heard = text.split(' ');
      assert.ok(spoken.split(' ').filter((word) => heard.includes(word)).length >= 6, text);
    }
    await model.close();
  });
}
