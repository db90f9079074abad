import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { KnownModel } from '../backend/known-models.ts';
import { description, listing } from './listing.ts';

const model = (
  id: string,
  kind: KnownModel['kind'],
  languages: string[],
  changes: Partial<KnownModel> = {},
): KnownModel => ({
  ...{ id, kind, languages, engine: 'sherpa', licence: 'MIT', aliases: [], state: 'available', default: true },
  ...changes,
});

test('a model is said to do what it does, and one for every language to know any', () => {
  const list = listing([
    model('voice', 'tts', ['en']),
    model('ear', 'stt', ['en', 'de'], { default: false }),
    model('gtcrn', 'denoise', ['mul']),
  ]);
  assert.match(list, /\nvoice \* +speaks +available +en +MIT/);
  assert.match(list, /\near +hears +available +en, de +MIT/);
  assert.match(list, /\ngtcrn \* +denoise +available +any +MIT/);
});

test('what a model is the default for is said in the words of its work', () => {
  assert.match(description(model('voice', 'tts', ['en'])), /voice \(the default that speaks\)/);
  assert.match(
    description(model('gtcrn', 'denoise', ['mul'])),
    /gtcrn \(the default for denoise\)\n.*\nlanguages +any\n/s,
  );
  assert.doesNotMatch(description(model('ear', 'stt', ['en'], { default: false })), /default/);
});
