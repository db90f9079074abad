import assert from 'node:assert/strict';
import { test } from 'node:test';
import { MappedText } from './mapped-text.ts';

test('text that stands as it was maps to itself, shifted by its offset', () => {
  const text = MappedText.of('hello', 10);
  assert.deepEqual(text.range(1, 3), { from: 11, to: 13 });
  assert.deepEqual(text.slice(2, 4).range(0, 2), { from: 12, to: 14 });
});

test('a replacement maps every one of its units to the whole range it stands for', () => {
  const source = MappedText.of('I use SQL daily');
  const text = MappedText.build((builder) => {
    builder.copy(source, 0, 6);
    builder.put('sequel', source.range(6, 9));
    builder.copy(source, 9);
  });
  assert.equal(text.text, 'I use sequel daily');
  assert.deepEqual(text.range(7, 9), { from: 6, to: 9 });
  assert.deepEqual(text.range(2, 18), { from: 2, to: 15 });
  assert.deepEqual(text.range(13, 18), { from: 10, to: 15 });
});

test('ranges outside the text are cut to it', () => {
  const text = MappedText.of('abc', 5);
  assert.deepEqual(text.range(-4, 99), { from: 5, to: 8 });
  assert.deepEqual(text.range(7, 9), { from: 8, to: 8 });
  assert.deepEqual(text.range(1, 1), { from: 6, to: 6 });
  assert.deepEqual(MappedText.of('').range(0, 1), { from: 0, to: 0 });
});

test('a place of the input is found in the text again', () => {
  const text = MappedText.join([MappedText.of('ab', 3), MappedText.of('cd', 9)]);
  assert.equal(text.indexFrom(0), 0);
  assert.equal(text.indexFrom(4), 1);
  assert.equal(text.indexFrom(6), 2);
  assert.equal(text.indexFrom(11), 4);
});

test('trimming keeps the origins', () => {
  const text = MappedText.of(' \n ab  ').trim();
  assert.equal(text.text, 'ab');
  assert.deepEqual(text.range(0, 2), { from: 3, to: 5 });
  assert.equal(MappedText.of('  ').trim().text, '');
});
