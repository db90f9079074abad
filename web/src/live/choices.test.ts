import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Model } from '../api/types.ts';
import { choicesFrom, languageChoices, liveModels } from './choices.ts';

const ability = {
  languages: ['de', 'en'],
  detectsLanguage: false,
  wordTimes: true,
  translate: false,
  confidence: false,
};
const model = (id: string, fields: Partial<Model>): Model => ({
  ...{ id, kind: 'stt', engine: 'sherpa', languages: [], aliases: [], state: 'available' },
  ...fields,
});

test('recognisers that hear live come first, and those that cannot be used are left out', () => {
  const models = [
    model('whole', { transcribe: ability }),
    model('live', { transcribe: ability, listen: ability }),
    model('broken', { listen: ability, state: 'quarantined' }),
    model('voice', { kind: 'tts' }),
  ];
  assert.deepEqual(
    liveModels({ models }).map(({ id }) => id),
    ['live', 'whole'],
  );
});

test('a model with one language has no choice to leave, the others have', () => {
  const one = languageChoices({ ...ability, languages: ['ru'] }, null);
  assert.deepEqual([one.choices.length, one.language], [1, 'ru']);
  const two = languageChoices(ability, null);
  assert.deepEqual([two.choices.map(({ value }) => value), two.language], [['', 'en', 'de'], '']);
  assert.equal(languageChoices(ability, 'de').language, 'de');
  assert.equal(languageChoices(ability, 'fr').language, '');
});

test('of what an earlier visit left only what makes sense is taken', () => {
  assert.deepEqual(choicesFrom({ mode: 'conversation', pauseMs: 800, voice: 'v', instructions: 'x' }), {
    ...{ mode: 'conversation', pauseMs: 800, voice: 'v' },
  });
  assert.deepEqual(choicesFrom({ mode: 'opera', pauseMs: 3, model: 7 }), {});
  assert.deepEqual(choicesFrom(null), {});
});
