import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleFor } from './samples.ts';

test('a sample is in the language of the voice where we have one, else in English', () => {
  assert.match(sampleFor('de-AT', false), /^Guten Morgen/);
  assert.match(sampleFor('tlh', false), /^Good morning/);
});

test('an SSML sample says the same words', () => {
  const words = (text: string): string =>
    text
      .replace(/<[^>]*>/g, ' ')
      .replace(/\s+/g, ' ')
      .trim();
  for (const language of ['en', 'de', 'fr', 'es', 'it', 'pt']) {
    const ssml = sampleFor(language, true);
    assert.match(ssml, /^<speak>[\s\S]*<\/speak>$/);
    assert.equal(words(ssml), sampleFor(language, false));
  }
});
