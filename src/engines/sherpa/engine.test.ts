import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import { openModel } from '../../../test/models/files.ts';
import { buildToneRecogniser } from '../../../test/models/tone-recogniser.ts';
import { buildToneVoice } from '../../../test/models/tone-voice.ts';
import type { LoadedModel, OpenModel, RecognisedSegment, SpeakChunk } from '../contract.ts';
import { engine as sherpa } from './engine.ts';

const run = promisify(execFile);
const child = resolve(import.meta.dirname, 'open-model.child.ts');
const sources = resolve(import.meta.dirname, '../..');

let folder: string;
let voiceModel: OpenModel;
let recogniserModel: OpenModel;
let voice: LoadedModel;
let recogniser: LoadedModel;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sherpa-'));
  voiceModel = openModel(await buildToneVoice(join(folder, 'voice'), { sampleRate: 16_000 }), join(folder, 'voice'));
  recogniserModel = openModel(await buildToneRecogniser(join(folder, 'ear')), join(folder, 'ear'));
  voice = await sherpa.open(voiceModel, { threads: 1 });
  recogniser = await sherpa.open(recogniserModel, { threads: 1 });
});
after(() => rm(folder, { recursive: true, force: true }));

const never = new AbortController().signal;

async function speak(text: string, more: { voice?: string; speed?: number; signal?: AbortSignal } = {}) {
  const chunks: SpeakChunk[] = [];
  const request = { text, voice: more.voice ?? 'tone-0', speed: more.speed ?? 1 };
  for await (const chunk of voice.speak!(request, more.signal ?? never)) chunks.push(chunk);
  return chunks;
}

async function hear(pcm: Float32Array, more: { words?: boolean; signal?: AbortSignal } = {}) {
  const segments: RecognisedSegment[] = [];
  for await (const segment of recogniser.transcribe!({ pcm, ...more }, more.signal ?? never)) segments.push(segment);
  return segments;
}

const joined = (chunks: SpeakChunk[]) => Float32Array.from(chunks.flatMap(({ pcm }) => [...pcm]));
const peak = (pcm: Float32Array) => pcm.reduce((most, sample) => Math.max(most, Math.abs(sample)), 0);

describe('a voice', () => {
  test('speaks at its own rate and length', async () => {
    const chunks = await speak('hello');
    assert.equal(voice.capabilities.speak?.sampleRate, 16_000);
    assert.ok(chunks.every(({ sampleRate }) => sampleRate === 16_000));
    // A pause and five letters of 100 ms.
    assert.equal(joined(chunks).length, 6 * 1600);
  });

  test('yields every sentence as its own chunk, and together all there is', async () => {
    const chunks = await speak('one. two! three');
    assert.deepEqual(
      chunks.map(({ pcm }) => pcm.length / 1600),
      ['one.', ' two!', ' three'].map((text) => 1 + text.length + (/[.!]$/.test(text) ? 1 : 0)),
    );
  });

  test('is as fast as it is asked to be', async () => {
    assert.equal(joined(await speak('hello', { speed: 2 })).length, 6 * 800);
    assert.equal(joined(await speak('hello', { speed: 0.25 })).length, 6 * 6400);
  });

  test('speaks with the speaker that the manifest names', async () => {
    const [first, second] = [peak(joined(await speak('a'))), peak(joined(await speak('a', { voice: 'tone-1' })))];
    assert.ok(Math.abs(first - 2 * second) < 0.001, `${first} and ${second}`);
  });

  test('refuses a voice it does not have', async () => {
    await assert.rejects(speak('hello', { voice: 'nobody' }), { code: 'voice_not_found', param: 'voice' });
  });

  test('is silent where there is nothing to say', async () => {
    assert.deepEqual(await speak(''), []);
    assert.deepEqual(await speak('🙂'), []);
  });

  test('stops after an abort and says why', async () => {
    const controller = new AbortController();
    const text = 'word. '.repeat(60);
    let chunks = 0;
    const speaking = async () => {
      for await (const _ of voice.speak!({ text, voice: 'tone-0', speed: 1 }, controller.signal)) {
        chunks += 1;
        controller.abort();
      }
    };
    await assert.rejects(speaking(), { code: 'cancelled' });
    assert.equal(chunks, 1);
    await assert.rejects(speak('hello', { signal: controller.signal }), { code: 'cancelled' });
  });

  test('is free again after its caller has left early', async () => {
    for await (const _ of voice.speak!({ text: 'word. '.repeat(60), voice: 'tone-0', speed: 1 }, never)) break;
    assert.equal(joined(await speak('hello')).length, 6 * 1600);
  });

  test('speaks several requests at the same time without mixing them', async () => {
    const texts = ['alpha', 'bravo charlie', 'delta', 'echo foxtrot golf', 'hotel'];
    const spoken = await Promise.all(texts.map(async (text) => joined(await speak(text))));
    const heard = await Promise.all(spoken.map((pcm) => hear(pcm)));
    assert.deepEqual(
      heard.map(([segment]) => segment?.text),
      texts,
    );
  });
});

describe('a recogniser', () => {
  test('tells words and when they were said', async () => {
    const [segment, ...more] = await hear(joined(await speak('hello world')), { words: true });
    assert.deepEqual(more, []);
    // Letters are 100 ms, half of it sound, after a pause of 100 ms.
    assert.deepEqual(segment, {
      text: 'hello world',
      startMs: 100,
      endMs: segment!.endMs,
      language: 'en',
      words: [
        { word: 'hello', startMs: 100, endMs: 600 },
        { word: 'world', startMs: 700, endMs: segment!.endMs },
      ],
    });
    assert.ok(segment.endMs > 1100 && segment.endMs <= 1200);
  });

  test('gives sentences as segments of their own', async () => {
    const segments = await hear(joined(await speak('first one. second one')));
    assert.deepEqual(
      segments.map(({ text }) => text),
      ['first one.', 'second one'],
    );
    assert.ok(segments[0]!.endMs < segments[1]!.startMs);
  });

  test('finds nothing in silence, in noise, in a click, in nothing', async () => {
    const noise = Float32Array.from({ length: 32_000 }, (_, index) => Math.sin(index * index) / 4);
    for (const pcm of [new Float32Array(32_000), noise, Float32Array.of(0.5), new Float32Array(0)]) {
      assert.deepEqual(await hear(pcm), []);
    }
  });

  test('ends with the signal’s reason after an abort', async () => {
    const controller = new AbortController();
    const hearing = hear(new Float32Array(160_000), { signal: controller.signal });
    controller.abort();
    await assert.rejects(hearing, { code: 'cancelled' });
  });

  test('refuses a language and a task it does not know', async () => {
    const ask = async (more: { language?: string; task?: 'translate' }) => {
      for await (const _ of recogniser.transcribe!({ pcm: new Float32Array(16_000), ...more }, never));
    };
    await ask({ language: 'en-GB' });
    await assert.rejects(ask({ language: 'de' }), { code: 'unsupported_value', param: 'language' });
    await assert.rejects(ask({ task: 'translate' }), { code: 'unsupported_by_model' });
  });
});

describe('opening', () => {
  test('loads nothing native before it is asked to', async () => {
    const program = `await import(${JSON.stringify(join(sources, 'engines/sherpa/engine.ts'))});
      console.log(process.report.getReport().sharedObjects.some((name) => name.includes('onnx')));`;
    const { stdout } = await run(process.execPath, ['--input-type=module', '--eval', program]);
    assert.equal(stdout.trim(), 'false');
  });

  test('is possible on this machine', async () => {
    assert.deepEqual(await sherpa.availability({}), { available: true });
  });

  test('refuses what can be seen to be wrong, with the reason', async () => {
    const open = (more: Partial<OpenModel>) => sherpa.open({ ...voiceModel, ...more }, { threads: 1 });
    const refused = (message: RegExp) => ({ code: 'model_unavailable', message });
    await assert.rejects(open({ family: 'toString' }), refused(/no engine here opens the family toString/));
    await assert.rejects(open({ assets: { model: voiceModel.assets.model! } }), refused(/names no tokens/));
    const elsewhere = { ...voiceModel.assets, lexicon: join(folder, 'nowhere.txt') };
    await assert.rejects(open({ assets: elsewhere }), refused(/its lexicon is missing or empty/));
    await assert.rejects(open({ assets: { ...elsewhere, lexicon: 'a,b' } }), refused(/has a comma/));
    const ninth = [{ id: 'ninth', name: 'Ninth', language: 'en', speaker: 8 }];
    await assert.rejects(open({ voices: ninth }), refused(/is speaker 8, and it has 2 speakers/));
  });

  test('a broken file is an error or the end of the process, never a hang', async () => {
    const broken = join(folder, 'broken.onnx');
    await writeFile(broken, 'not a model');
    const answer = await inChild({ ...voiceModel, assets: { ...voiceModel.assets, model: broken } });
    assert.equal(answer.code, 'model_unavailable');
    // A whole model of the wrong kind: sherpa-onnx misses its metadata and calls exit().
    const swapped = { ...voiceModel, assets: { ...voiceModel.assets, model: recogniserModel.assets.model! } };
    await assert.rejects(inChild(swapped), { code: 255 });
  });

  test('works with read access to nothing but our sources, the engine’s paths and the model', async () => {
    const readable = [sources, ...sherpa.readablePaths(voiceModel)];
    for (const model of [voiceModel, recogniserModel]) {
      const permissions = [...readable, model.folder].map((path) => `--allow-fs-read=${path}`);
      const answer = await inChild(model, ['--permission', '--allow-addons', ...permissions]);
      assert.deepEqual(answer, { messages: model === voiceModel ? 1 : 0 });
    }
  });
});

async function inChild(model: OpenModel, flags: string[] = []): Promise<{ code?: string; messages?: number }> {
  const { stdout } = await run(process.execPath, [...flags, child, JSON.stringify(model)]);
  return JSON.parse(stdout);
}
