import assert from 'node:assert/strict';
import { test } from 'node:test';
import { languageName, primaryLanguage } from './language.ts';

test('a language tag is shown by its English name', () => {
  assert.equal(languageName('de'), 'German');
  assert.equal(languageName('en-GB'), 'British English');
});

test('a private accent is shown beside the language it belongs to', () => {
  assert.equal(languageName('en-GB-x-rp'), 'British English (rp)');
});

test('a tag nobody has a name for is shown as it is', () => {
  assert.equal(languageName('qqq'), 'qqq');
  assert.equal(languageName('not a tag'), 'not a tag');
});

test('regions share one primary language', () => {
  assert.equal(primaryLanguage('pt-BR'), 'pt');
  assert.equal(primaryLanguage('EN'), 'en');
});

test('what knows no difference between languages is for any of them', () => {
  assert.equal(languageName('mul'), 'Any language');
});
