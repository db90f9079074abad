import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { inPieces } from '../../../test/support/live-audio.ts';
import { needs, needsData, sharedData } from '../../../test/support/needs.ts';
import { resample } from '../../audio/resample.ts';
import { WavReader } from '../../audio/wav.ts';
import { SpeechError } from '../../errors.ts';
import type { Hearing, LoadedModel, OpenModel, RecognisedSegment } from '../contract.ts';
import { engine } from './engine.ts';
import { DEFAULT_MODEL_DIR, findLibrary } from './places.ts';

const model = {
  id: 'p',
  engine: 'pocketsphinx',
  family: 'pocketsphinx',
  folder: '',
  options: {},
} as unknown as OpenModel;
const skip = needs({
  libpocketsphinx: findLibrary() ?? '/usr/lib/libpocketsphinx.so.3',
  'en-us model': DEFAULT_MODEL_DIR,
});

test('what is missing is named with the line that gets it', async () => {
  const nowhere = await engine.availability({ modelDir: '/nowhere' });
  assert.equal(nowhere.available, false);
  assert.match(nowhere.reason!, /is not installed/);
  assert.equal(nowhere.remedy, 'npm run setup');
});

test('a model that is not there cannot be opened', async () => {
  const gone = { ...model, options: { modelDir: '/nowhere' } };
  await assert.rejects(engine.open(gone, { threads: 1 }), { code: 'model_unavailable' });
});

async function* iterate(pieces: Float32Array[]): AsyncGenerator<Float32Array> {
  yield* pieces;
}

describe('the recogniser', { skip }, () => {
  let loaded: LoadedModel;
  before(async () => {
    loaded = await engine.open(model, { threads: 1 });
  });
  after(() => loaded.close());

  const hear = async (pcm: Float32Array, signal = new AbortController().signal): Promise<RecognisedSegment[]> => {
    const segments = [];
    for await (const segment of loaded.transcribe!({ pcm }, signal)) segments.push(segment);
    return segments;
  };

  const listen = async (pieces: Float32Array[], signal = new AbortController().signal): Promise<Hearing[]> => {
    return await Array.fromAsync(loaded.listen!({ words: true }, iterate(pieces), signal));
  };

  test('reads most words of real speech, with times inside the audio and measured confidence', {
    skip: needsData('librivox'),
  }, async () => {
    const lines = readFileSync(join(sharedData, 'librivox/transcripts.tsv'), 'utf8').trim().split('\n');
    let right = 0;
    let total = 0;
    for (const line of lines) {
      const [id, transcript] = line.split('\t') as [string, string];
      const pcm = new WavReader().push(readFileSync(join(sharedData, `librivox/${id}.wav`)));
      const [segment] = await hear(pcm);
      const spoken = transcript.trim().split(/\s+/);
      const found = new Set(segment!.text.split(' '));
      right += spoken.filter((word) => found.has(word)).length;
      total += spoken.length;
      let last = 0;
      for (const { startMs, endMs, confidence } of segment!.words!) {
        assert.ok(startMs >= last && endMs >= startMs && endMs <= pcm.length / 16, `${last} ${startMs} ${endMs}`);
        assert.ok(confidence! >= 0 && confidence! <= 1);
        last = startMs;
      }
      assert.doesNotMatch(segment!.text, /[<>[\]()+]/);
    }
    assert.ok(right / total > 0.6, `${right} of ${total} words`);
  });

  test('reads the same speech live, with words that come while it is spoken', {
    skip: needsData('librivox'),
  }, async () => {
    const [id] = readFileSync(join(sharedData, 'librivox/transcripts.tsv'), 'utf8').split('\t', 1) as [string];
    const pcm = new WavReader().push(readFileSync(join(sharedData, `librivox/${id}.wav`)));
    const [segment] = await hear(pcm);
    const hearings = await listen(inPieces(pcm, 20));
    const { text, final, words, startMs, endMs } = hearings.at(-1)!;
    assert.equal(final, true);
    const found = new Set(text.split(' '));
    const same = segment!.words!.filter(({ word }) => found.has(word)).length;
    assert.ok(same / segment!.words!.length > 0.8, text);
    assert.deepEqual(
      [words!.map(({ word }) => word).join(' '), words![0]!.startMs, words!.at(-1)!.endMs],
      [text, startMs, endMs],
    );
    assert.ok(endMs <= pcm.length / 16);
    assert.ok(hearings.length > 5 && hearings.slice(0, -1).every((hearing) => !hearing.final));
    const once = pcm.subarray(0, 2 * 16_000);
    const [whole, cut] = [await listen([once]), await listen(inPieces(once, 1))];
    assert.deepEqual(cut.at(-1), whole.at(-1));
  });

  test('nothing that is said is heard as nothing, live too', async () => {
    for (const length of [0, 1, 1600, 16_000]) {
      const hearings = await listen([new Float32Array(length)]);
      assert.deepEqual(hearings, [{ text: '', startMs: 0, endMs: 0, language: 'en', final: true, words: [] }]);
    }
  });

  test('an utterance that is left, cancelled or fails in the middle does not keep the next from being heard', async () => {
    const noise = Float32Array.from({ length: 16_000 }, (_, i) => Math.sin(i * i) / 8);
    const stop = new AbortController();
    const hearing = listen(inPieces(noise, 20), stop.signal);
    setTimeout(() => stop.abort(), 20);
    await assert.rejects(hearing, { code: 'cancelled' });
    const broken = (async function* () {
      yield noise;
      throw new SpeechError('invalid_audio', 'It broke.');
    })();
    const never = new AbortController().signal;
    await assert.rejects(Array.fromAsync(loaded.listen!({}, broken, never)), { code: 'invalid_audio' });
    for await (const _ of loaded.listen!({}, iterate([noise]), never)) break;
    assert.equal((await listen([new Float32Array(8000)])).length, 1);
    assert.deepEqual(await hear(new Float32Array(16_000)), []);
  });

  test('silence, noise and next to nothing hold no words and do no harm', async () => {
    for (const length of [0, 1, 800, 1600, 16_000])
      assert.deepEqual(await hear(new Float32Array(length)), [], `${length}`);
    const broken = new Float32Array(16_000).fill(Number.NaN);
    assert.ok(Array.isArray(await hear(broken)));
  });

  test('two at once are heard one after the other', async () => {
    const quiet = new Float32Array(8000);
    assert.deepEqual(await Promise.all([hear(quiet), hear(quiet)]), [[], []]);
  });

  test('speech of the packaged voice is understood, mostly, and the same every time', async () => {
    const { engine: espeak } = await import('../espeak/engine.ts');
    const voice = await espeak.open({ ...model, voices: [], languages: [] }, { threads: 1 });
    const text = 'We went to the market and bought some apples.';
    const request = { text, voice: 'en-us', speed: 1 };
    const chunks = await Array.fromAsync(voice.speak!(request, new AbortController().signal));
    const pcm = resample(Float32Array.from(chunks.flatMap((chunk) => [...chunk.pcm])), 22_050, 16_000);
    const [first, again] = [await hear(pcm), await hear(pcm)];
    const words = first[0]!.text.split(' ');
    const right = text.toLowerCase().replace('.', '').split(' ');
    assert.ok(right.filter((word) => words.includes(word)).length >= 6, first[0]!.text);
    assert.deepEqual(again, first);
  });

  test('a call cancelled midway ends, lets other work run, and the next one is heard', async () => {
    const noise = Float32Array.from({ length: 30 * 16_000 }, (_, i) => Math.sin(i * i) / 8);
    const stop = new AbortController();
    let turns = 0;
    const timer = setInterval(() => {
      turns += 1;
      if (turns === 5) stop.abort();
    }, 20);
    await assert.rejects(hear(noise, stop.signal), { code: 'cancelled' });
    clearInterval(timer);
    assert.ok(turns >= 5);
    assert.deepEqual(await hear(new Float32Array(16_000)), []);
  });

  test('a cancelled call ends with the reason', async () => {
    const stop = new AbortController();
    const heard = hear(new Float32Array(160_000), stop.signal);
    stop.abort(new SpeechError('cancelled', 'Enough.'));
    await assert.rejects(heard, { code: 'cancelled', message: 'Enough.' });
  });
});
