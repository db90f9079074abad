import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hearingModels, noticesOf, pickModel, speakingModels, troubleOf } from './models.ts';
import type { Capabilities, Model } from './types.ts';

const speak = { voices: [], speed: null };
const transcribe = { languages: ['en'], detectsLanguage: false, wordTimes: false, translate: false, confidence: false };
const model = (fields: Partial<Model> & Pick<Model, 'id' | 'kind'>): Model => ({
  engine: 'x',
  languages: ['en'],
  aliases: [],
  state: 'ready',
  ...fields,
});
const capabilities = (models: Model[]): Capabilities => ({
  version: '1',
  auth: { required: true },
  limits: {},
  formats: { speech: [], transcription: [] },
  defaults: { tts: null, stt: null, voice: null },
  models,
  live: { conversation: false },
  notices: [],
});

test('only models that can answer now are offered', () => {
  const all = capabilities([
    model({ id: 'voice', kind: 'tts', speak }),
    model({ id: 'broken-voice', kind: 'tts', speak, state: 'unavailable' }),
    model({ id: 'ears', kind: 'stt', transcribe, state: 'loaded' }),
    model({ id: 'broken-ears', kind: 'stt', transcribe, state: 'quarantined' }),
  ]);
  assert.deepEqual(
    speakingModels(all).map(({ id }) => id),
    ['voice'],
  );
  assert.deepEqual(
    hearingModels(all).map(({ id }) => id),
    ['ears'],
  );
});

test('the wanted model comes first, then the default by id or alias, then any', () => {
  const models = [model({ id: 'a', kind: 'tts' }), model({ id: 'b', kind: 'tts', aliases: ['tts-1'] })];
  assert.equal(pickModel(models, 'b', 'a')?.id, 'b');
  assert.equal(pickModel(models, 'gone', 'tts-1')?.id, 'b');
  assert.equal(pickModel(models, null, null)?.id, 'a');
  assert.equal(pickModel([], 'a'), null);
});

test('the remedy in a notice is told apart from its words', () => {
  const ears = model({ id: 'ears', kind: 'stt', state: 'unavailable', remedy: 'npm run setup' });
  const notices = ['There is no recogniser yet. Get one with: npm run setup', 'The disk is nearly full.'];
  assert.deepEqual(noticesOf({ notices, models: [model({ id: 'voice', kind: 'tts' }), ears] }), [
    { text: 'There is no recogniser yet. Get one with:', command: 'npm run setup' },
    { text: 'The disk is nearly full.', command: null },
  ]);
});

test('the trouble of a model is told with its remedy once', () => {
  const told = { text: 'Not installed.', command: 'npm run setup' };
  assert.deepEqual(troubleOf({ reason: 'Not installed. npm run setup', remedy: 'npm run setup' }), told);
  assert.deepEqual(troubleOf({ reason: 'Not installed.', remedy: 'npm run setup' }), told);
  assert.deepEqual(troubleOf({ reason: 'It crashes.' }), { text: 'It crashes.', command: null });
  assert.equal(troubleOf({}), null);
});
