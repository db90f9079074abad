/** Noise reduction with the real model: what is heard is quieter where nobody speaks, and speech is where it was. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { before, describe, test } from 'node:test';
import { needsData, sharedData } from '../../test/support/needs.ts';
import { rms, street } from '../../test/support/street.ts';
import { join as joined } from '../audio/testing.ts';
import type { LoadedModel, RecognisedSegment, TranscribeRequest } from '../engines/contract.ts';
import { engine as sherpa } from '../engines/sherpa/engine.ts';
import type { ListeningOptions } from './contract.ts';
import { BY_VOICE, EAR, hear, liveService, MANUAL } from './testing.ts';

const RATE = 16_000;
describe('GTCRN', { skip: needsData('gtcrn') || needsData('librivox') }, () => {
  let gtcrn: LoadedModel;
  before(async () => {
    const model = { id: 'gtcrn', engine: 'sherpa', family: 'gtcrn', folder: sharedData, languages: ['mul'] };
    const assets = { model: join(sharedData, 'gtcrn/gtcrn_simple.onnx') };
    gtcrn = await sherpa.open({ ...model, assets, options: {}, voices: [] }, { threads: 1 });
  });

  async function heardBy(options: ListeningOptions, audio: Float32Array, pieceMs = 20) {
    const heard: Float32Array[] = [];
    async function* transcribe({ pcm }: TranscribeRequest): AsyncGenerator<RecognisedSegment> {
      heard.push(pcm);
      yield { text: 'words', startMs: 0, endMs: pcm.length / 16 };
    }
    const denoiseLive = gtcrn.denoiseLive!.bind(gtcrn);
    const service = liveService(
      { transcribe, denoiseLive },
      { ...EAR, ...gtcrn.capabilities },
      { STT_NORMALIZE: 'false' },
    );
    const { session, events } = await hear(service, options);
    for (let at = 0; at < audio.length; at += pieceMs * 16) {
      session.push({ pcm: audio.slice(at, at + pieceMs * 16), sampleRate: RATE });
    }
    await session.finish();
    assert.deepEqual(service.log.warnings, []);
    return { heard: joined(heard), finals: events.filter((event) => event.type === 'final') };
  }

  const stretch = (pcm: Float32Array, fromMs: number, toMs: number) => pcm.subarray(fromMs * 16, toMs * 16);
  const likeness = (a: Float32Array, b: Float32Array): number => {
    let product = 0;
    for (const [at, sample] of a.entries()) product += sample * b[at]!;
    return product / a.length / (rms(a) * rms(b));
  };

  test('the noise in pauses falls to less than a seventh, the speech stays and lies where it lay', async () => {
    const { audio, speech, sentences } = street();
    const { heard } = await heardBy({ ...MANUAL, reduceNoise: true }, audio);
    assert.equal(heard.length, audio.length);
    const [first, second] = sentences as [(typeof sentences)[0], (typeof sentences)[0]];
    for (const [from, to] of [
      [500, first.fromMs - 100],
      [first.toMs + 300, second.fromMs - 100],
      [second.toMs + 300, audio.length / 16],
    ] as const) {
      const left = rms(stretch(heard, from, to)) / rms(stretch(audio, from, to));
      assert.ok(left < 1 / 7, `${left} of the noise from ${from} to ${to} ms`);
    }
    for (const { fromMs: from, toMs: to } of sentences) {
      const [spoken, clean, noisy] = [speech, heard, audio].map((pcm) => stretch(pcm, from, to)) as [
        Float32Array,
        Float32Array,
        Float32Array,
      ];
      const level = rms(clean) / rms(spoken);
      assert.ok(level > 0.7 && level < 1.1, `the speech is ${level} times as loud`);
      assert.ok(likeness(clean, spoken) > likeness(noisy, spoken));
      const shifted = (by: number) => likeness(clean, stretch(speech, from + by / 16, to + by / 16));
      for (const by of [-256, -32, -8, 8, 32, 256]) assert.ok(shifted(0) > shifted(by), `it lies ${by} samples off`);
    }
  });

  test('turns begin where the sentences begin, the same in pieces of every size', async () => {
    const { audio, sentences } = street();
    const options = { ...BY_VOICE, reduceNoise: true };
    const { finals } = await heardBy(options, audio);
    for (const { fromMs } of sentences) {
      assert.ok(
        finals.some(({ startMs }) => Math.abs(startMs - fromMs) <= 350),
        JSON.stringify({ finals, sentences }),
      );
    }
    // Uncleaned, the street itself is taken for somebody who speaks.
    assert.equal((await heardBy(BY_VOICE, audio)).finals[0]!.startMs, 0);
    for (const pieceMs of [1, 33, 1000]) {
      assert.deepEqual((await heardBy(options, audio, pieceMs)).finals, finals, `pieces of ${pieceMs} ms`);
    }
  });
});
