import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MappedText } from './mapped-text.ts';
import { collapseSpace, tidy } from './tidy.ts';

const tidied = (text: string) => tidy(MappedText.of(text)).text;

test('all line endings become line feeds', () => {
  assert.equal(tidied('a\r\nb\rc\nd\u0085e\u2028f\u2029g'), 'a\nb\nc\nd\ne\nf\n\ng');
});

test('control characters, soft hyphens and direction marks go, tabs stay', () => {
  assert.equal(tidied('\ufeffa\u0000b\u001b[1mc\u007f\td\u00ade\u202ef\ufffe'), 'ab[1mc\tdef');
});

test('joiners that shape Persian and emoji stay', () => {
  assert.equal(tidied('می‌خواهم 👩‍👧'), 'می‌خواهم 👩‍👧');
});

test('the text is normalised to NFC exactly as Unicode does it', () => {
  const samples = [
    'e\u0301te\u0301',
    'A\u030a \u212b \u2126',
    '\u1112\u1161\u11ab\u1100\u1173\u11af',
    '\ud55c\u11ab',
    'क\u093c \u0958',
    '\u0bc6\u0bbe',
    'q\u0323\u0307',
    '\u0301x',
  ];
  for (const sample of [...samples, samples.join('')]) assert.equal(tidied(sample), sample.normalize('NFC'));
});

test('offsets lead back through normalisation and removal', () => {
  const text = tidy(MappedText.of('a\r\ne\u0301\u0000 ok'));
  assert.equal(text.text, 'a\né ok');
  assert.deepEqual(text.range(2, 3), { from: 3, to: 5 });
  assert.deepEqual(text.range(4, 6), { from: 7, to: 9 });
});

test('half of a surrogate pair is refused', () => {
  for (const broken of ['a\ud83d', '\ude00b', '\ude00\ud83d']) {
    assert.throws(() => tidied(broken), { code: 'invalid_request', param: 'input' });
  }
});

test('a pile of combining marks is cut before it can slow normalisation down', () => {
  const pile = `a${'\u0301\u0316'.repeat(500_000)}b`;
  const text = tidied(pile);
  assert.ok(text.startsWith('a') || text.startsWith('á'));
  assert.ok(text.endsWith('b'));
  assert.ok(text.length <= 33);
});

test('every run of white space becomes one space', () => {
  const text = collapseSpace(MappedText.of('a \n\t b\u00a0c d'));
  assert.equal(text.text, 'a b c d');
  assert.deepEqual(text.range(1, 3), { from: 1, to: 6 });
});
