import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openModel } from '../../../test/models/files.ts';
import { buildScriptedWhisper, DETECTED } from '../../../test/models/scripted-whisper.ts';
import { buildMarkDiarizer, buildMarkEmbedder, spokenBy } from '../../../test/models/voice-marks.ts';
import { buildWordPunctuator } from '../../../test/models/word-punctuator.ts';
import { needsData, sharedData } from '../../../test/support/needs.ts';
import { samplesOf } from '../../../test/support/wav.ts';
import { join as joined } from '../../audio/testing.ts';
import { SpeechError } from '../../errors.ts';
import type { LoadedModel, OpenModel } from '../contract.ts';
import { engine as sherpa } from './engine.ts';
import { withLatinMarks } from './helpers/punctuator.ts';

const RATE = 16_000;
const WAV_HEADER = 44;
const never = new AbortController().signal;
const data = (file: string) => join(sharedData, file);
const recording = (file: string) => samplesOf(readFileSync(data(file)).subarray(WAV_HEADER));
const rms = (pcm: Float32Array) => Math.sqrt(pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length);

const cut = (pcm: Float32Array, length: number): Float32Array[] =>
  Array.from({ length: Math.ceil(pcm.length / length) }, (_, n) => pcm.subarray(n * length, (n + 1) * length));

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sherpa-helpers-'));
});
after(() => rm(folder, { recursive: true, force: true }));

function openFile(family: string, file: string): Promise<LoadedModel> {
  const model: OpenModel = {
    ...{ id: family, engine: 'sherpa', family, folder: sharedData, assets: { model: data(file) }, options: {} },
    languages: ['mul'],
    voices: [],
  };
  return sherpa.open(model, { threads: 1 });
}

describe('Silero', { skip: needsData('silero-vad') }, () => {
  let silero: LoadedModel;
  before(async () => {
    silero = await openFile('silero-vad', 'silero-vad/silero_vad.onnx');
  });
  const detect = async (pcm: Float32Array, signal = never) => (await silero.detectSpeech!({ pcm }, signal)).spans;

  test('finds the speech of a recording, in order and apart, and the pauses between', async () => {
    const pcm = recording('silero-vad/test.wav');
    const spans = await detect(pcm);
    assert.ok(spans.length > 15, `${spans.length} spans`);
    let end = -1;
    let spoken = 0;
    for (const { startMs, endMs } of spans) {
      assert.ok(startMs > end && endMs > startMs && endMs <= 60_000);
      end = endMs;
      spoken += endMs - startMs;
    }
    assert.ok(spoken > 40_000 && spoken < 56_000, `${spoken} ms of speech`);
    // The longest pause: the ear hears nothing there either.
    const pause = pcm.subarray(Math.round(7.0 * RATE), Math.round(9.2 * RATE));
    assert.ok(!spans.some(({ startMs, endMs }) => startMs < 9200 && endMs > 7000));
    assert.ok(rms(pause) < rms(pcm) / 4);
  });

  test('answers each recording as if it were the first, also those that come at once', async () => {
    const pcm = recording('silero-vad/test.wav').subarray(0, 10 * RATE);
    const first = await detect(pcm);
    assert.deepEqual(await Promise.all([detect(pcm), detect(pcm)]), [first, first]);
  });

  test('finds nothing in silence, in noise and in nothing', async () => {
    const noise = Float32Array.from({ length: 2 * RATE }, (_, index) => Math.sin(index * index) / 4);
    for (const pcm of [new Float32Array(2 * RATE), noise, new Float32Array(0)]) {
      assert.deepEqual(await detect(pcm), []);
    }
  });

  const watch = async (pieces: Float32Array[], threshold = 0.5, signal = never): Promise<boolean[]> => {
    const voices: boolean[] = [];
    const audio = ReadableStream.from(pieces);
    for await (const watched of silero.watchSpeech!({ threshold }, audio, signal)) voices.push(...watched.voices);
    return voices;
  };
  test('watches streams that come at once, in pieces of any length, each as if it were alone', async () => {
    const pcm = recording('silero-vad/test.wav').subarray(0, 10 * RATE);
    const alone = await watch([pcm]);
    assert.equal(alone.length, Math.ceil(pcm.length / 512));
    const others = await Promise.all([160, 512, 333, 4000].map((length) => watch(cut(pcm, length))));
    for (const other of others) assert.deepEqual(other, alone);
    const heard = (fromMs: number, toMs: number) => alone.slice(fromMs / 32, toMs / 32).filter(Boolean).length;
    // One that was 90 ms long at least would be more than a breath.
    assert.ok(heard(7360, 8600) < 3);
    assert.ok(heard(0, 7040) > 100);
  });

  test('watches more strictly at a higher threshold, and goes on when a voice goes on', async () => {
    const pcm = recording('silero-vad/test.wav');
    const voiced = async (threshold: number) => (await watch([pcm], threshold)).filter(Boolean).length;
    assert.ok((await voiced(0.9)) < (await voiced(0.1)));
    const vowel = pcm.subarray(Math.round(0.6 * RATE), Math.round(1.6 * RATE));
    const long = await watch(Array.from({ length: 45 }, () => vowel));
    assert.ok(long.filter(Boolean).length > 0.9 * long.length, 'a voice of 45 s');
  });

  test('stops to watch when it is told to', async () => {
    const controller = new AbortController();
    const endless = (async function* () {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        yield new Float32Array(512);
        controller.abort();
      }
    })();
    const watching = Array.fromAsync(silero.watchSpeech!({ threshold: 0.5 }, endless, controller.signal));
    await assert.rejects(watching, { code: 'cancelled' });
  });

  test('stops after an abort and is free for the next', async () => {
    const controller = new AbortController();
    const pcm = recording('silero-vad/test.wav');
    const detecting = detect(pcm, controller.signal);
    setImmediate(() => controller.abort());
    await assert.rejects(detecting, { code: 'cancelled' });
    assert.equal((await detect(pcm.subarray(0, 2 * RATE))).length, 1);
  });
});

describe('GTCRN', { skip: needsData('gtcrn') }, () => {
  let gtcrn: LoadedModel;
  before(async () => {
    gtcrn = await openFile('gtcrn', 'gtcrn/gtcrn_simple.onnx');
  });

  test('takes the noise out and leaves the speech where it was', async () => {
    const pcm = recording('gtcrn/mix.wav');
    const clean = await gtcrn.denoise!({ pcm }, never);
    assert.equal(clean.sampleRate, RATE);
    assert.equal(clean.pcm.length, pcm.length);
    const quietest = (samples: Float32Array) => {
      const levels = Array.from({ length: Math.floor(samples.length / 1600) }, (_, at) =>
        rms(samples.subarray(at * 1600, (at + 1) * 1600)),
      ).sort((a, b) => a - b);
      return levels[Math.floor(levels.length / 10)]!;
    };
    assert.ok(quietest(clean.pcm) < quietest(pcm) / 5, `${quietest(clean.pcm)} of ${quietest(pcm)}`);
    // What is left goes with the original sample by sample.
    let product = 0;
    for (const [at, sample] of clean.pcm.entries()) product += sample * pcm[at]!;
    const likeness = product / pcm.length / (rms(pcm) * rms(clean.pcm));
    assert.ok(likeness > 0.7, `${likeness}`);
  });

  test('keeps the length of any recording, and nothing of one for the next', async () => {
    const pcm = recording('gtcrn/mix.wav').subarray(0, RATE);
    const first = await gtcrn.denoise!({ pcm }, never);
    for (const length of [0, 1, 255, 20_000]) {
      assert.equal((await gtcrn.denoise!({ pcm: new Float32Array(length) }, never)).pcm.length, length);
    }
    assert.deepEqual(await gtcrn.denoise!({ pcm }, never), first);
  });

  const cleaned = async (pieces: Iterable<Float32Array>, signal = never): Promise<Float32Array> => {
    const parts = await Array.fromAsync(gtcrn.denoiseLive!(ReadableStream.from(pieces), signal));
    return joined(parts.map((part) => part.pcm));
  };

  test('cleans streams that come at once, in pieces of any length, as it cleans a recording', async () => {
    const pcm = recording('gtcrn/mix.wav').subarray(0, 3 * RATE);
    const { pcm: whole } = await gtcrn.denoise!({ pcm }, never);
    const streams = await Promise.all([16, 160, 333, RATE].map((length) => cleaned(cut(pcm, length))));
    for (const stream of streams) assert.deepEqual(stream, whole);
    for (const length of [0, 1, 255, 511, 513]) {
      assert.equal((await cleaned([new Float32Array(length)])).length, length);
    }
  });

  test('gives back a stream sample for sample, no later than it says', async () => {
    const pcm = recording('gtcrn/mix.wav');
    const { delaySamples } = gtcrn.capabilities.denoiseLive!;
    const clean: Float32Array[] = [];
    let given = 0;
    let told = 0;
    let latest = 0;
    const audio = async function* () {
      for (const piece of cut(pcm, 100)) {
        given += piece.length;
        yield piece;
        latest = Math.max(latest, given - told);
      }
    };
    for await (const part of gtcrn.denoiseLive!(audio(), never)) {
      clean.push(part.pcm);
      told += part.pcm.length;
    }
    assert.ok(latest <= delaySamples && latest > delaySamples - 100, `${latest} samples behind`);
    // Of all shifts, the output is most like the input where it is shifted by none.
    const output = joined(clean);
    const likeness = (shift: number): number => {
      let product = 0;
      for (let at = 1000; at < pcm.length - 1000; at++) product += pcm[at]! * output[at + shift]!;
      return product;
    };
    let best = -512;
    for (let shift = -511, most = likeness(best); shift <= 512; shift++) {
      const like = likeness(shift);
      if (like > most) [best, most] = [shift, like];
    }
    assert.equal(best, 0);
  });

  test('serves more streams than it has made room for, and is free again once they have ended', async () => {
    const endless = async function* (signal: AbortSignal) {
      for (;;) {
        await new Promise((resolve) => setImmediate(resolve));
        if (signal.aborted) throw signal.reason;
        yield new Float32Array(512);
      }
    };
    const controllers = Array.from({ length: gtcrn.concurrency + 1 }, () => new AbortController());
    const streams = controllers.map(async ({ signal }) => {
      const stream = gtcrn.denoiseLive!(endless(signal), signal)[Symbol.asyncIterator]();
      assert.equal((await stream.next()).done, false);
      return stream;
    });
    const begun = await Promise.all(streams);
    for (const controller of controllers) controller.abort(new SpeechError('cancelled', 'Nobody listens.'));
    for (const stream of begun) await assert.rejects(stream.next(), { code: 'cancelled' });
    assert.equal((await cleaned([new Float32Array(1000)])).length, 1000);
  });

  test('stops after an abort', async () => {
    const controller = new AbortController();
    const cleaning = gtcrn.denoise!({ pcm: new Float32Array(60 * RATE) }, controller.signal);
    setImmediate(() => controller.abort());
    await assert.rejects(cleaning, { code: 'cancelled' });
  });
});

/** Seconds of somebody's turn, or of nobody's. */
type Turn = [person: 0 | 1 | 2 | undefined, seconds: number];

function conversation(turns: readonly Turn[]): Float32Array {
  return Float32Array.from(
    turns.flatMap(([person, seconds]) => {
      const silence = new Float32Array(seconds * RATE);
      return [...(person === undefined ? silence : spokenBy(person, silence))];
    }),
  );
}

describe('a diarizer of two models', () => {
  let diarizer: LoadedModel;
  before(async () => {
    diarizer = await sherpa.open(openModel(await buildMarkDiarizer(folder), folder), { threads: 1 });
  });
  const turnsOf = async (pcm: Float32Array, speakers?: number) => {
    const { spans } = await diarizer.diarize!({ pcm, ...(speakers === undefined ? {} : { speakers }) }, never);
    return spans;
  };
  const near = (ms: number, wanted: number) => Math.abs(ms - wanted) <= 60;

  test('tells who speaks when in a short recording', async () => {
    const [first, second, ...more] = await turnsOf(
      conversation([
        [undefined, 1],
        [0, 2],
        [undefined, 1],
        [1, 2],
      ]),
    );
    assert.deepEqual(more, []);
    assert.ok(near(first!.startMs, 1000) && near(first!.endMs, 3000), JSON.stringify(first));
    assert.ok(near(second!.startMs, 4000) && near(second!.endMs, 6000), JSON.stringify(second));
    assert.notEqual(first!.speaker, second!.speaker);
  });

  test('knows a person again minutes later', async () => {
    const turns: Turn[] = [
      [0, 4],
      [undefined, 1],
      [1, 4],
      [undefined, 30],
      [2, 4],
      [undefined, 20],
      [0, 4],
      [1, 4],
    ];
    const spans = await turnsOf(conversation(turns));
    const speakers = spans.map(({ speaker }) => speaker);
    assert.equal(spans.length, 5, JSON.stringify(spans));
    assert.equal(new Set(speakers).size, 3);
    assert.deepEqual([speakers[3], speakers[4]], [speakers[0], speakers[1]]);
    for (const [at, start] of [0, 5000, 39_000, 63_000, 67_000].entries()) {
      assert.ok(near(spans[at]!.startMs, start), `${JSON.stringify(spans[at])}`);
    }
  });

  test('finds as many people as it is told there are', async () => {
    const pcm = conversation([
      [0, 4],
      [undefined, 2],
      [1, 4],
      [undefined, 10],
      [2, 4],
      [undefined, 1],
    ]);
    const people = async (speakers?: number) => new Set((await turnsOf(pcm, speakers)).map(({ speaker }) => speaker));
    assert.deepEqual([(await people(1)).size, (await people()).size], [1, 3]);
  });

  test('finds nobody in silence, short or long, and in nothing', async () => {
    for (const seconds of [0, 0.001, 3, 25]) assert.deepEqual(await turnsOf(conversation([[undefined, seconds]])), []);
  });

  test('puts voices into numbers as the second model alone does', async () => {
    const own = await mkdtemp(join(folder, 'embedder-'));
    const embedder = await sherpa.open(openModel(await buildMarkEmbedder(own), own), { threads: 1 });
    const vectors = await Promise.all(
      ([0, 1, 2] as const).map(async (person) => {
        const pcm = conversation([[person, 2]]);
        const { vector } = await diarizer.embedSpeaker!({ pcm }, never);
        assert.deepEqual(await embedder.embedSpeaker!({ pcm }, never), { vector });
        return vector;
      }),
    );
    for (const [person, vector] of vectors.entries()) {
      assert.deepEqual(
        [...vector].map(Math.round),
        [0, 1, 2].map((other) => Number(other === person)),
      );
    }
    await assert.rejects(embedder.embedSpeaker!({ pcm: new Float32Array(10) }, never), { code: 'invalid_audio' });
  });
});

describe('a punctuation model', () => {
  test('puts its marks where they belong, in the way of the script', async () => {
    const own = await mkdtemp(join(folder, 'punctuator-'));
    const model = await sherpa.open(openModel(await buildWordPunctuator(own), own), { threads: 1 });
    const punctuated = async (text: string) => (await model.punctuate!({ text }, never)).text;
    assert.equal(await punctuated('hello world why not the world'), 'hello, world. why? not the world.');
    for (const empty of ['', ' ']) assert.equal(await punctuated(empty), empty);
    assert.equal(withLatinMarks('你好，world。我们在2024，和「好」。'), '你好，world. 我们在2024, 和「好」。');
  });
});

test('Whisper names the language of a recording and nothing else', async () => {
  const own = await mkdtemp(join(folder, 'whisper-'));
  const whisper = openModel(await buildScriptedWhisper(own), own);
  const finder = await sherpa.open({ ...whisper, family: 'whisper-language-id' }, { threads: 1 });
  assert.deepEqual(await finder.identifyLanguage!({ pcm: new Float32Array(RATE) }, never), { language: DETECTED });
  assert.deepEqual(await finder.identifyLanguage!({ pcm: new Float32Array(0) }, never), {});
});
