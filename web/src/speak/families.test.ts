import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chooseVoice, mannerName, sameManner, type VoiceFamily, voiceFamilies } from './families.ts';

const voice = (id: string, name = id) => ({ id, name, language: 'en' });
const families = voiceFamilies([
  voice('us', 'America'),
  voice('us+f1', 'America, female 1'),
  voice('us+croak', 'America, croak'),
  voice('odd+name'),
  voice('gb', 'Britain'),
  voice('gb+f1', 'Britain, female 1'),
]);

test('manners stand under the voice they belong to, and a plus sign alone makes none', () => {
  assert.deepEqual(
    families.map(({ voice: { id }, variants }) => [id, variants.map((variant) => variant.id)]),
    [
      ['us', ['us+f1', 'us+croak']],
      ['odd+name', []],
      ['gb', ['gb+f1']],
    ],
  );
});

test('the first voice that there is, is taken', () => {
  assert.equal(chooseVoice(families, 'gone', 'gb+f1')?.voice.id, 'gb+f1');
  assert.equal(chooseVoice(families, 'gone', 'gb+f1')?.family.voice.id, 'gb');
  assert.equal(chooseVoice(families, null)?.voice.id, 'us');
  assert.equal(chooseVoice([], 'us'), null);
});

test('another voice keeps the manner where it has it', () => {
  const [us, odd, gb] = families;
  const from = (id: string, to?: VoiceFamily) => sameManner(to!, chooseVoice(families, id)!);
  assert.equal(from('us+f1', gb), 'gb+f1');
  assert.equal(from('us+croak', gb), 'gb');
  assert.equal(from('us+f1', odd), 'odd+name');
  assert.equal(from('gb', us), 'us');
});

test('a manner is named by what makes it different', () => {
  assert.equal(mannerName(families[0]!, voice('us+f1', 'America, female 1')), 'Female 1');
  assert.equal(mannerName(families[0]!, voice('us+x', 'Something')), 'Something');
});
