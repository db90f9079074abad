import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { openModel } from '../../../test/models/files.ts';
import { buildScriptedWhisper, DETECTED } from '../../../test/models/scripted-whisper.ts';
import { buildStreamingToneRecogniser } from '../../../test/models/tone-streaming.ts';
import { buildToneTransducer } from '../../../test/models/tone-transducer.ts';
import { buildToneVoice } from '../../../test/models/tone-voice.ts';
import { inPieces } from '../../../test/support/live-audio.ts';
import type { ModelManifest } from '../../models/manifest.ts';
import type {
  Hearing,
  ListenRequest,
  LoadedModel,
  OpenModel,
  RecognisedSegment,
  TranscribeRequest,
} from '../contract.ts';
import { engine as sherpa } from './engine.ts';

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sherpa-recognisers-'));
});
after(() => rm(folder, { recursive: true, force: true }));

async function open(build: (folder: string) => Promise<ModelManifest>, more: Partial<OpenModel> = {}) {
  const own = await mkdtemp(join(folder, 'model-'));
  return await sherpa.open({ ...openModel(await build(own), own), ...more }, { threads: 1 });
}

async function speak(text: string): Promise<Float32Array> {
  const voice = await open((own) => buildToneVoice(own, { sampleRate: 16_000 }));
  const parts: number[] = [];
  const request = { text, voice: 'tone-0', speed: 1 };
  for await (const { pcm } of voice.speak!(request, new AbortController().signal)) parts.push(...pcm);
  return Float32Array.from(parts);
}

async function hear(model: LoadedModel, request: TranscribeRequest, signal = new AbortController().signal) {
  const segments: RecognisedSegment[] = [];
  for await (const segment of model.transcribe!(request, signal)) segments.push(segment);
  return segments;
}

async function listen(
  model: LoadedModel,
  pieces: Float32Array[],
  request: ListenRequest,
  signal = new AbortController().signal,
): Promise<Hearing[]> {
  const audio = (async function* () {
    yield* pieces;
  })();
  return await Array.fromAsync(model.listen!(request, audio, signal));
}

describe('Whisper', () => {
  const second = new Float32Array(16_000);

  test('is told the language and the task, and finds the language where nobody says it', async () => {
    const whisper = await open(buildScriptedWhisper);
    const said = async (more: Partial<TranscribeRequest>) => {
      const [segment] = await hear(whisper, { pcm: second, ...more });
      return [segment?.text, segment?.language];
    };
    assert.deepEqual(await said({}), [`${DETECTED} transcribed`, DETECTED]);
    assert.deepEqual(await said({ language: 'de' }), ['de transcribed', 'de']);
    assert.deepEqual(await said({ language: 'de', task: 'translate' }), ['de translated', 'de']);
    assert.deepEqual(await said({ language: 'en-GB' }), ['en transcribed', 'en']);
    assert.deepEqual(await said({}), [`${DETECTED} transcribed`, DETECTED]);
  });

  test('answers requests that come at once each in its own language', async () => {
    const whisper = await open(buildScriptedWhisper);
    assert.equal(whisper.concurrency, 1);
    const languages = ['de', 'en', 'fr', 'de', 'en', 'fr', 'fr', 'de'];
    const heard = await Promise.all(languages.map((language) => hear(whisper, { pcm: second, language })));
    assert.deepEqual(
      heard.map(([segment]) => segment?.text),
      languages.map((language) => `${language} transcribed`),
    );
  });

  test('tells where its segments are, unless the manifest forbids it', async () => {
    const times = async (more: Partial<OpenModel>) => {
      const [segment] = await hear(await open(buildScriptedWhisper, more), { pcm: second });
      return [segment?.startMs, segment?.endMs];
    };
    assert.deepEqual(await times({}), [200, 500]);
    assert.deepEqual(await times({ options: { segmentTimes: false } }), [0, 1000]);
  });

  test('survives a language that it does not know', async () => {
    const whisper = await open(buildScriptedWhisper);
    await assert.rejects(hear(whisper, { pcm: second, language: 'xx' }), { code: 'unsupported_value' });
    assert.equal((await hear(whisper, { pcm: second })).length, 1);
  });
});

describe('a NeMo transducer', () => {
  test('tells words, times and how sure it is', async () => {
    const transducer = await open(buildToneTransducer);
    const [segment, ...more] = await hear(transducer, { pcm: await speak('hello world'), words: true });
    assert.deepEqual(more, []);
    assert.equal(segment?.text, 'hello world');
    assert.deepEqual(
      segment.words?.map(({ word, startMs, endMs }) => [word, startMs, endMs]),
      [
        ['hello', 100, 510],
        ['world', 700, 1110],
      ],
    );
    for (const { confidence } of [segment, ...segment.words!]) assert.ok(confidence! > 0.98 && confidence! <= 1);
  });
});

describe('a streaming model', () => {
  test('hears a whole recording, from the first letter to the last', async () => {
    const streaming = await open(buildStreamingToneRecogniser);
    const [segment, ...more] = await hear(streaming, { pcm: await speak('every letter is here'), words: true });
    assert.deepEqual(more, []);
    assert.equal(segment?.text, 'every letter is here');
    const starts = segment.words!.map(({ startMs }) => startMs);
    // Letters are 100 ms; it hears in steps of 40 ms.
    for (const [index, expected] of [100, 700, 1400, 1700].entries()) {
      assert.ok(Math.abs(starts[index]! - expected) <= 40, `${starts}`);
    }
  });

  test('hears nothing in silence and in nothing', async () => {
    const streaming = await open(buildStreamingToneRecogniser);
    for (const samples of [0, 1, 40_000]) {
      assert.deepEqual(await hear(streaming, { pcm: new Float32Array(samples) }), []);
    }
  });

  test('says what it can do live', async () => {
    const { listen, transcribe } = (await open(buildStreamingToneRecogniser)).capabilities;
    assert.deepEqual(listen, { languages: ['en'], detectsLanguage: false, wordTimes: true, confidence: false });
    assert.ok(transcribe);
    assert.equal((await open(buildToneTransducer)).capabilities.listen, undefined);
  });

  test('hears the same while it is spoken, in pieces of any length, with words that come one by one', async () => {
    const streaming = await open(buildStreamingToneRecogniser);
    const pcm = await speak('every letter is here');
    const [segment] = await hear(streaming, { pcm, words: true });
    for (const ms of [1, 20, 200, 1000]) {
      const hearings = await listen(streaming, inPieces(pcm, ms), { words: true });
      assert.deepEqual(hearings.at(-1), { ...segment, final: true }, `pieces of ${ms} ms`);
      const partials = hearings.slice(0, -1);
      assert.ok(partials.length >= 2, `${partials.length} partial hearings in pieces of ${ms} ms`);
      for (const [index, { text, final }] of partials.entries()) {
        assert.equal(final, false);
        assert.ok(segment!.text.startsWith(text), text);
        assert.notEqual(text, partials[index - 1]?.text);
      }
    }
  });

  test('hears several people at once, each their own words', async () => {
    const streaming = await open(buildStreamingToneRecogniser);
    assert.ok(streaming.concurrency >= 2);
    const texts = ['one at a time', 'or all at once', 'nobody has to wait', 'for anybody else'];
    const heard = await Promise.all(
      texts.map(async (text) => await listen(streaming, inPieces(await speak(text), 20), {})),
    );
    assert.deepEqual(
      heard.map((hearings) => hearings.at(-1)!.text),
      texts,
    );
  });

  test('hears nothing live in silence and in nothing, and says so once', async () => {
    const streaming = await open(buildStreamingToneRecogniser);
    const nothing = { text: '', startMs: 0, endMs: 0, language: 'en', final: true };
    for (const samples of [0, 1, 40_000]) {
      assert.deepEqual(await listen(streaming, [new Float32Array(samples)], { words: true }), [nothing]);
    }
  });

  test('refuses a language that it does not know, live too', async () => {
    const streaming = await open(buildStreamingToneRecogniser);
    await assert.rejects(listen(streaming, [], { language: 'xx' }), { code: 'unsupported_value' });
  });

  test('stops in the middle of what is being said when it is aborted', async () => {
    const streaming = await open(buildStreamingToneRecogniser);
    const controller = new AbortController();
    const hearing = listen(streaming, [new Float32Array(16_000 * 60)], {}, controller.signal);
    setImmediate(() => controller.abort());
    await assert.rejects(hearing, { code: 'cancelled' });
  });

  test('stops in the middle of a long recording when it is aborted', async () => {
    const streaming = await open(buildStreamingToneRecogniser);
    const controller = new AbortController();
    const hearing = hear(streaming, { pcm: new Float32Array(16_000 * 60) }, controller.signal);
    setImmediate(() => controller.abort());
    await assert.rejects(hearing, { code: 'cancelled' });
  });
});
