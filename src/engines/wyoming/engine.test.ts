import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeechError } from '../../errors.ts';
import type { OpenModel } from '../contract.ts';
import { engine } from './engine.ts';

const MODEL: OpenModel = {
  ...{ id: 'far', engine: 'wyoming', family: 'tts', folder: '', assets: {}, languages: ['de', 'en'], voices: [] },
  options: { host: 'localhost', port: 10_200 },
};

test('a voice has the voices of its manifest, or one that leaves the choice to the server', () => {
  assert.deepEqual(
    engine.describe(MODEL).speak?.voices.map(({ id, language }) => [id, language]),
    [['default', 'de']],
  );
  const voices = [{ id: 'a', name: 'A', language: 'en' }];
  assert.deepEqual(
    engine.describe({ ...MODEL, voices, sampleRate: 16_000 }).speak?.voices.map(({ id, speaker }) => [id, speaker]),
    [['a', 'a']],
  );
});

test('a recogniser listens only where its manifest says so', () => {
  const ear = { ...MODEL, family: 'asr' };
  const { speak, transcribe, listen } = engine.describe(ear);
  assert.deepEqual([speak, transcribe?.languages, listen], [undefined, ['de', 'en'], undefined]);
  assert.notEqual(engine.describe({ ...ear, options: { ...ear.options, listen: true } }).listen, undefined);
});

test('a model has the abilities of its kind and no others, and asks nothing of its server before it is used', async () => {
  const voice = await engine.open(MODEL, { threads: 1 });
  assert.deepEqual(
    [typeof voice.speak, typeof voice.transcribe, typeof voice.listen],
    ['function', 'undefined', 'undefined'],
  );
  const ear = await engine.open({ ...MODEL, family: 'asr' }, { threads: 1 });
  assert.deepEqual(
    [typeof ear.speak, typeof ear.transcribe, typeof ear.listen],
    ['undefined', 'function', 'undefined'],
  );
});

test('a manifest that does not say where the server is cannot be opened', async () => {
  for (const options of [
    {},
    { host: '' },
    { host: 7, port: 1 },
    { host: 'a' },
    { host: 'a', port: 0 },
    { host: 'a', port: '1' },
    { host: 'a', port: 65_536 },
    { host: 'a', port: 1, tls: 'yes' },
  ]) {
    await assert.rejects(
      engine.open({ ...MODEL, options: options as OpenModel['options'] }, { threads: 1 }),
      (error) => error instanceof SpeechError && error.code === 'model_unavailable',
      JSON.stringify(options),
    );
  }
});
