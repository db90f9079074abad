import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseVoice, variantName, voiceId } from './chooseVoice.ts';

const voices = ['en-us', 'de', 'odd+name'].map((id) => ({ id, name: id, language: 'en' }));
const speak = { voices, variants: ['f1', 'whisper'], speed: null };

test('the first voice that the model has is taken', () => {
  assert.equal(chooseVoice(speak, 'gone', 'de')?.id, 'de');
  assert.equal(chooseVoice(speak, null, null)?.id, 'en-us');
  assert.equal(chooseVoice({ ...speak, voices: [] }, 'de'), null);
});

test('a voice keeps its variant where the model has both', () => {
  assert.deepEqual(chooseVoice(speak, 'de+whisper'), { voice: voices[1], variant: 'whisper', id: 'de+whisper' });
  assert.equal(chooseVoice(speak, 'de+f9', 'de')?.id, 'de');
  assert.deepEqual(chooseVoice(speak, 'odd+name'), { voice: voices[2], variant: null, id: 'odd+name' });
});

test('voice and variant make the name that the API takes', () => {
  assert.equal(voiceId('de', 'f1'), 'de+f1');
  assert.equal(voiceId('de', null), 'de');
});

test('variants are shown in words', () => {
  assert.deepEqual(['f2', 'm7', 'whisper'].map(variantName), ['Female 2', 'Male 7', 'Whisper']);
});
