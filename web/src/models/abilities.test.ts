import assert from 'node:assert/strict';
import { test } from 'node:test';
import { abilities } from './abilities.ts';

test('a voice model tells its voices with their manners and its range of speeds', () => {
  const voices = ['us', 'us+f1', 'gb', 'gb+f1'].map((id) => ({ id, name: id, language: 'en' }));
  assert.deepEqual(abilities({ speak: { voices, speed: { min: 0.5, max: 2 }, wordMarks: true } }), [
    '2 voices in 2 manners',
    'speed 0.5 to 2×',
    'word times',
  ]);
  assert.deepEqual(abilities({ speak: { voices: voices.slice(0, 1), speed: null } }), ['1 voice']);
});

test('a recogniser tells only what it really can', () => {
  const none = { languages: ['en'], detectsLanguage: false, wordTimes: false, translate: false, confidence: false };
  assert.deepEqual(abilities({ transcribe: none }), []);
  assert.deepEqual(abilities({ transcribe: { ...none, translate: true } }), ['translates to English']);
});
