import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openModel } from '../../../test/models/files.ts';
import { RECORDING, realModels, samplesOf, wordsFound } from '../../../test/models/real.ts';
import { needsData } from '../../../test/support/needs.ts';
import { needsVosk, voskOptions } from '../../../test/support/vosk.ts';
import { engine } from './engine.ts';

const signal = new AbortController().signal;

for (const { manifest, folder } of await realModels('vosk')) {
  test(`${manifest.id} hears, from a file and live`, { skip: needsVosk || needsData('librivox') }, async () => {
    const open = { ...openModel(manifest, folder), options: voskOptions };
    const model = await engine.open(open, { threads: 1 });
    const pcm = await samplesOf(RECORDING);
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
      assert.ok(wordsFound(text) >= 6, text);
    }
    await model.close();
  });
}
