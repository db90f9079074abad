import assert from 'node:assert/strict';
import { test } from 'node:test';
import { groupVoices, voiceMatches } from './voices.ts';

const voices = [
  { id: 'de', name: 'Greta', language: 'de', gender: 'female' as const },
  { id: 'en-us', name: 'Sam', language: 'en-US' },
  { id: 'en-gb', name: 'Ann', language: 'en-GB' },
  { id: 'fr', name: 'French', language: 'fr' },
];

test('voices stand under their language, the reader’s own languages first', () => {
  assert.deepEqual(
    groupVoices(voices, ['fr-CA', 'de']).map(({ group, items }) => [group, items.map(({ value }) => value)]),
    [
      ['French', ['fr']],
      ['German', ['de']],
      ['English', ['en-gb', 'en-us']],
    ],
  );
});

test('a voice says its language where its name does not', () => {
  const labels = groupVoices(voices, []).flatMap(({ items }) => items.map(({ label }) => label));
  assert.deepEqual(labels, ['Ann · British English', 'Sam · American English', 'French', 'Greta · German']);
});

test('an id that comes twice is offered once, even in two languages', () => {
  const twice = [...voices, { id: 'de', name: 'Again', language: 'fr' }];
  const ids = groupVoices(twice, []).flatMap(({ items }) => items.map(({ value }) => value));
  assert.equal(new Set(ids).size, ids.length);
});

test('a voice is found by words of its name, language, id or gender, in any order', () => {
  const greta = { id: 'de+greta', name: 'Gréta', language: 'de-AT', gender: 'female' as const };
  for (const query of ['greta', 'GERMAN female', 'austrian', 'de-at', 'de+gre', '  ', 'female gre']) {
    assert.equal(voiceMatches(greta, query), true, query);
  }
  assert.equal(voiceMatches(greta, 'german male french'), false);
});
