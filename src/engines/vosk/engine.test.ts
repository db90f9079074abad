import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { writeFiles } from '../../../test/models/files.ts';
import { KALDI_ASSETS, KALDI_WORDS, mumbleKaldi, speakKaldi, toneKaldiModel } from '../../../test/models/tone-kaldi.ts';
import { needsVosk, voskOptions } from '../../../test/support/vosk.ts';
import { SpeechError } from '../../errors.ts';
import type { Hearing, ListenRequest, LoadedModel, OpenModel, RecognisedSegment } from '../contract.ts';
import { engine } from './engine.ts';

let root = '';
before(async () => {
  root = await mkdtemp(join(tmpdir(), 'open-speech-vosk-'));
});
after(() => rm(root, { recursive: true }));

/** A model of the five tones in a folder of its own, after `spoil` has had its way with the files. */
async function install(
  layout: 'folders' | 'flat' = 'folders',
  spoil: (files: Record<string, string | Buffer>) => void = () => {},
): Promise<OpenModel> {
  const folder = await mkdtemp(join(root, 'model-'));
  const files = toneKaldiModel(layout);
  spoil(files);
  await writeFiles(folder, files);
  const assets = Object.fromEntries(
    Object.entries(KALDI_ASSETS[layout]).map(([role, path]) => [role, join(folder, path)]),
  );
  const id = 'tones';
  return { id, engine: 'vosk', family: 'kaldi', folder, assets, options: voskOptions, languages: ['en'], voices: [] };
}

const never = new AbortController().signal;

test('a machine without libvosk says so, and the one line that gets it', async () => {
  const nowhere = await engine.availability({ library: join(root, 'none.so'), libraryFolder: root });
  assert.deepEqual(nowhere, { available: false, reason: 'the file that OS_VOSK_LIBRARY names is not there' });
  const model = await install();
  const open = engine.open({ ...model, options: { library: join(root, 'none.so') } }, { threads: 1 });
  await assert.rejects(open, { code: 'model_unavailable', message: /OS_VOSK_LIBRARY/ });
});

test('a library that is none is refused, and the process goes on', async () => {
  const model = await install();
  await writeFiles(root, { 'libvosk.so': 'not a library' });
  const open = engine.open({ ...model, options: { library: join(root, 'libvosk.so') } }, { threads: 1 });
  await assert.rejects(open, { code: 'model_unavailable', message: /libvosk does not run on this machine/ });
});

test('it may read the folder of the library, and what a model can is known before it is loaded', async () => {
  const model = await install();
  const { transcribe, listen, speak } = engine.describe(model);
  assert.deepEqual(listen, { languages: ['en'], detectsLanguage: false, wordTimes: true, confidence: true });
  assert.equal(transcribe?.translate, false);
  assert.equal(speak, undefined);
  const here = { ...model, options: { library: join(root, 'libvosk.so') } };
  await writeFiles(root, { 'libvosk.so': '' });
  assert.deepEqual(engine.readablePaths(here), [root]);
});

describe('libvosk', { skip: needsVosk }, () => {
  let loaded: LoadedModel;
  before(async () => {
    loaded = await engine.open(await install(), { threads: 1 });
  });
  after(() => loaded.close());

  const transcribe = async (pcm: Float32Array, model = loaded, signal = never): Promise<RecognisedSegment[]> =>
    Array.fromAsync(model.transcribe!({ pcm, words: true }, signal));

  /** In pieces of a length that fits nothing. */
  async function* pieces(pcm: Float32Array, samples = 1234): AsyncGenerator<Float32Array> {
    for (let at = 0; at < pcm.length; at += samples) yield pcm.subarray(at, at + samples);
  }
  const listen = async (pcm: Float32Array, request: ListenRequest = {}): Promise<Hearing[]> =>
    Array.fromAsync(loaded.listen!(request, pieces(pcm), never));

  test('hears words with times and confidence, and a pause ends a segment', async () => {
    const pcm = speakKaldi('one', 'two', 'two', 1500, 'five', 'three');
    const [first, second, ...more] = await transcribe(pcm);
    assert.deepEqual([first?.text, second?.text, more.length], ['one two two', 'five three', 0]);
    assert.equal(first!.language, 'en');
    const times = [...first!.words!, ...second!.words!].map(({ startMs, endMs }) => [startMs, endMs]);
    const spoken = [0, 330, 660, 2490, 2820];
    for (const [at, [startMs, endMs]] of times.entries()) {
      assert.ok(Math.abs(startMs! - spoken[at]!) <= 40 && Math.abs(endMs! - spoken[at]! - 210) <= 40, String(times));
    }
    for (const { confidence } of first!.words!) assert.ok(confidence! > 0.9 && confidence! <= 1);
    assert.equal(second!.endMs, times.at(-1)![1]);
  });

  test('a model of the older, flat layout is heard with as well', async () => {
    const flat = await engine.open(await install('flat'), { threads: 1 });
    const [segment] = await transcribe(speakKaldi('four', 'two'), flat);
    assert.equal(segment?.text, 'four two');
    await flat.close();
  });

  test('silence, next to nothing, nothing and what is no number hold no words', async () => {
    for (const length of [0, 1, 100, 16_000])
      assert.deepEqual(await transcribe(new Float32Array(length)), [], `${length}`);
    for (const broken of [Number.NaN, Number.POSITIVE_INFINITY]) {
      assert.ok(Array.isArray(await transcribe(new Float32Array(16_000).fill(broken))));
    }
    assert.equal((await transcribe(speakKaldi('one')))[0]?.text, 'one');
  });

  test('words are left out where nobody asked for them', async () => {
    const [segment] = await Array.fromAsync(loaded.transcribe!({ pcm: speakKaldi('one') }, never));
    assert.equal(segment?.words, undefined);
    assert.ok(segment!.confidence! > 0.9);
  });

  test('what is longer than it wants to hear at once is still heard, in memory that does not grow', async () => {
    const minute = speakKaldi(...Array.from({ length: 180 }, (_, i) => (i % 2 === 0 ? 'one' : 'four')));
    await transcribe(minute);
    const before = process.memoryUsage().rss;
    const segments = await transcribe(minute);
    // A word that lies over the end of an utterance may be heard on both sides.
    const words = segments.flatMap((segment) => segment.words!).length;
    assert.ok(words >= 180 && words <= 180 + segments.length, `${words} words in ${segments.length} segments`);
    assert.ok(segments.length >= 3 && segments.every(({ startMs, endMs }) => endMs - startMs < 21_000));
    assert.ok(process.memoryUsage().rss - before < 60_000_000);
  });

  test('a cancelled call ends with its reason, and the next one is heard', async () => {
    const stop = new AbortController();
    const long = new Float32Array(16_000 * 300).map((_, i) => Math.sin(i * i) / 4);
    const heard = transcribe(long, loaded, stop.signal);
    setImmediate(() => stop.abort(new SpeechError('cancelled', 'Enough.')));
    await assert.rejects(heard, { code: 'cancelled', message: 'Enough.' });
    await assert.rejects(transcribe(long, loaded, stop.signal), { message: 'Enough.' });
    assert.equal((await transcribe(speakKaldi('three')))[0]?.text, 'three');
  });

  test('many at once, of which some are given up, do not hear each other', async () => {
    const said = Array.from({ length: 24 }, (_, i) => KALDI_WORDS.map((_, at, all) => all[(at * i + i) % all.length]!));
    const stop = new AbortController();
    const given = Promise.allSettled(
      said.map((words) => transcribe(speakKaldi(...words, ...words, ...words), loaded, stop.signal)),
    );
    const heard = said.map((words) => transcribe(speakKaldi(...words)));
    setImmediate(() => stop.abort());
    assert.deepEqual(
      (await Promise.all(heard)).map((segments) => segments.map(({ text }) => text)),
      said.map((words) => [words.join(' ')]),
    );
    await given;
    assert.ok(loaded.concurrency >= 1 && loaded.concurrency <= 4);
  });

  test('live, words are told as they are spoken, and the last hearing has all of them', async () => {
    const hearings = await listen(speakKaldi('one', 'two', 900, 'four', 'five'), { words: true });
    const texts = hearings.filter(({ final }) => !final).map(({ text }) => text);
    assert.deepEqual(texts, [...new Set(texts)]);
    assert.ok(texts.includes('one') && texts.includes('one two') && texts.includes('one two four'), texts.join('; '));
    const last = hearings.at(-1)!;
    assert.deepEqual([last.final, last.text, last.language], [true, 'one two four five', 'en']);
    assert.deepEqual(
      last.words!.map(({ word }) => word),
      ['one', 'two', 'four', 'five'],
    );
    assert.ok(last.startMs < 40 && last.endMs > 2060 && last.endMs <= 2130, `${last.startMs} ${last.endMs}`);
    for (const { startMs, endMs } of hearings) assert.ok(startMs <= endMs);
  });

  test('live, other readings of what was mumbled come with the last hearing, the likeliest first', async () => {
    const pcm = Float32Array.from([
      ...[...speakKaldi('one')],
      ...mumbleKaldi(['two', 0.3], ['three', 0.18]),
      ...speakKaldi(800, 'five'),
    ]);
    const last = (await listen(pcm, { alternatives: 3, words: true })).at(-1)!;
    const all = [last, ...last.alternatives!];
    assert.ok(last.alternatives!.length > 0 && last.alternatives!.length <= 3);
    assert.equal(new Set(all.map(({ text }) => text)).size, all.length);
    assert.ok(all.some(({ text }) => text === 'one two five') && all.some(({ text }) => text === 'one three five'));
    const confidences = all.map(({ confidence }) => confidence!);
    assert.deepEqual(
      confidences,
      [...confidences].sort((a, b) => b - a),
    );
    assert.ok(confidences.every((confidence) => confidence > 0 && confidence <= 1));
    assert.equal((await listen(pcm)).at(-1)!.alternatives, undefined);
  });

  test('live, silence and no audio at all end with an empty hearing', async () => {
    for (const samples of [0, 16_000]) {
      const hearings = await listen(new Float32Array(samples));
      assert.deepEqual(
        hearings.map(({ final, text }) => [final, text]),
        [[true, '']],
      );
    }
  });

  test('live, an abort ends it with the reason, and so does a failure of the audio', async () => {
    const stop = new AbortController();
    const hearings = loaded.listen!({}, pieces(speakKaldi('one', 'two', 'three')), stop.signal);
    const telling = (async () => {
      for await (const { text } of hearings) if (text !== '') stop.abort(new SpeechError('cancelled', 'Enough.'));
    })();
    await assert.rejects(telling, { code: 'cancelled', message: 'Enough.' });
    const failing = (async function* () {
      yield speakKaldi('one');
      throw new SpeechError('invalid_audio', 'Broken.');
    })();
    await assert.rejects(Array.fromAsync(loaded.listen!({}, failing, never)), { code: 'invalid_audio' });
  });

  test('a language that the model does not know and a translation are refused', async () => {
    const pcm = speakKaldi('one');
    await assert.rejects(Array.fromAsync(loaded.transcribe!({ pcm, language: 'de' }, never)), {
      code: 'unsupported_value',
    });
    await assert.rejects(Array.fromAsync(loaded.listen!({ language: 'fr-FR' }, pieces(pcm), never)), {
      code: 'unsupported_value',
    });
    await assert.rejects(Array.fromAsync(loaded.transcribe!({ pcm, task: 'translate' }, never)), {
      code: 'unsupported_by_model',
    });
    assert.equal((await Array.fromAsync(loaded.transcribe!({ pcm, language: 'en-GB' }, never)))[0]?.text, 'one');
  });

  /** What libvosk itself refuses by saying so; what it would end the process for is caught before, or is in a test of its own. */
  for (const [path, what] of [
    ['am/final.mdl', 'half'],
    ['am/final.mdl', 'gone'],
    ['graph/HCLG.fst', 'half'],
    ['graph/HCLG.fst', 'gone'],
    ['graph/words.txt', 'gone'],
    ['graph/phones/word_boundary.int', 'gone'],
    ['conf/model.conf', 'empty'],
    ['conf/mfcc.conf', 'half'],
  ] as const) {
    test(`a model whose ${path} is ${what} cannot be opened`, async () => {
      const broken = await install('folders', (files) => {
        const whole = Buffer.from(files[path]!);
        if (what === 'gone') delete files[path];
        else files[path] = what === 'empty' ? '' : whole.subarray(0, whole.length / 2);
      });
      await assert.rejects(engine.open(broken, { threads: 1 }), { code: 'model_unavailable' });
    });
  }

  test('a manifest whose roles lie elsewhere than libvosk looks is refused', async () => {
    const model = await install();
    const elsewhere = { ...model, assets: { ...model.assets, model: join(model.folder, 'other.mdl') } };
    await assert.rejects(engine.open(elsewhere, { threads: 1 }), { message: /do not lie where libvosk looks/ });
    await assert.rejects(engine.open({ ...model, assets: {} }, { threads: 1 }), { message: /names no model/ });
  });
});
