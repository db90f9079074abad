import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  fewOf,
  findModels,
  inOrder,
  keepOrder,
  languageChoices,
  languageNames,
  languageSummary,
  searchFrom,
} from './browse.ts';
import { managed } from './managed.fixture.ts';

const models = [
  managed({ id: 'kitten', languages: ['en-US'], description: 'Small and quick' }),
  managed({ id: 'faber', languages: ['pt-BR'], present: true, state: 'available' }),
  managed({ id: 'whisper', kind: 'stt', languages: ['en', 'pt', 'es'], aliases: ['whisper-1'] }),
  managed({ id: 'silero', kind: 'vad', languages: ['en'], present: true, state: 'loaded' }),
];
const ids = (found: { id: string }[]): string[] => found.map(({ id }) => id);

test('models are found by task, by language whatever its region, and by where they are', () => {
  assert.deepEqual(ids(findModels(models, {})), ['kitten', 'faber', 'whisper', 'silero']);
  assert.deepEqual(ids(findModels(models, { task: 'stt' })), ['whisper']);
  assert.deepEqual(ids(findModels(models, { task: 'helper' })), ['silero']);
  assert.deepEqual(ids(findModels(models, { language: 'pt' })), ['faber', 'whisper']);
  assert.deepEqual(ids(findModels(models, { language: 'pt', where: 'here' })), ['faber']);
  assert.deepEqual(ids(findModels(models, { where: 'away', task: 'tts' })), ['kitten']);
});

test('words find names, other names, languages as people call them, and descriptions', () => {
  assert.deepEqual(ids(findModels(models, {}, 'WHISPER-1')), ['whisper']);
  assert.deepEqual(ids(findModels(models, {}, 'brazilian')), ['faber']);
  assert.deepEqual(ids(findModels(models, {}, 'quick kitten')), ['kitten']);
  assert.deepEqual(findModels(models, {}, 'zebra'), []);
});

test('what is on its way comes first, then what is in memory, then what is here, then the rest, each by name', () => {
  const more = [
    ...models,
    managed({ id: 'ant' }),
    managed({ id: 'zoo', state: 'downloading' }),
    managed({ id: 'bad', state: 'failed' }),
  ];
  assert.deepEqual(ids(inOrder(more)), ['zoo', 'silero', 'faber', 'bad', 'ant', 'kitten', 'whisper']);
});

test('of models that have a word, those that have it in their names come first', () => {
  const some = [
    managed({ id: 'a', description: 'A voice like kitten', present: true, state: 'available' }),
    managed({ id: 'b-kitten' }),
    managed({ id: 'z', aliases: ['Kitten'] }),
  ];
  assert.deepEqual(ids(inOrder(some, 'kitten')), ['b-kitten', 'z', 'a']);
  assert.deepEqual(ids(inOrder(some, '')), ['a', 'b-kitten', 'z']);
});

test('a model keeps its place while it changes, and a new one comes last', () => {
  const changed = [managed({ id: 'new' }), managed({ id: 'b', state: 'loaded', present: true }), managed({ id: 'a' })];
  assert.deepEqual(ids(keepOrder(changed, ['a', 'gone', 'b'])), ['a', 'b', 'new']);
});

test('languages to choose from are counted, with those of the reader first', () => {
  assert.deepEqual(
    languageChoices(models, ['pt-PT', 'ja']).map(({ name, count }) => [name, count]),
    [
      ['Portuguese', 2],
      ['English', 3],
      ['Spanish', 1],
    ],
  );
  assert.deepEqual(languageNames(['es', 'en-GB', 'es']), ['British English', 'Spanish']);
});

test('an address with anything in it is read as far as it makes sense', () => {
  const all = { task: 'tts', language: 'de', where: 'here' };
  assert.deepEqual(searchFrom({ ...all, other: 'x' }), all);
  assert.deepEqual(searchFrom({ task: 'fly', language: '<b>', where: 3 }), {});
});

test('a long list is cut short, but never to hide one name', () => {
  assert.equal(fewOf(['a'], 2), 'a');
  assert.equal(fewOf(['a', 'b', 'c'], 2), 'a, b, and c');
  assert.equal(fewOf(['a', 'b', 'c', 'd'], 2), 'a, b and 2 more');
});

test('languages are told in few words: regions where there is one language, those of the reader first elsewhere', () => {
  assert.equal(languageSummary(managed({ languages: ['en-US', 'en-GB'] }), []), 'American English and British English');
  const many = managed({ languages: ['af', 'en-US', 'fr', 'de-DE', 'de-AT', 'sq'] });
  assert.equal(languageSummary(many, ['de-CH', 'en']), 'German, English, Afrikaans and 2 more');
});
