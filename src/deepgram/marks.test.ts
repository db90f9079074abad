import assert from 'node:assert/strict';
import { test } from 'node:test';
import { markedWords } from './marks.ts';

test('each word gets the marks that the text has around it, and its case', () => {
  const cases: [words: string[], text: string, marked: string[]][] = [
    [['hello', 'world', 'why'], 'Hello, world. Why?', ['Hello,', 'world.', 'Why?']],
    [['hola', 'qué', 'tal'], 'Hola. ¿Qué tal?', ['Hola.', '¿Qué', 'tal?']],
    [['he', 'said', 'no'], 'he said: “no”', ['he', 'said:', '“no”']],
    [['你', '好', '吗'], '你好，吗？', ['你', '好，', '吗？']],
    [['the', 'the'], 'the, the', ['the,', 'the']],
    [['Hello,', 'world.'], 'Hello, world.', ['Hello,', 'world.']],
    [[], 'hello', []],
  ];
  for (const [words, text, marked] of cases) assert.deepEqual(markedWords(words, text), marked, text);
});

test('words that the text does not hold stay as they are', () => {
  for (const [words, text] of [
    [['hello', 'there'], 'Hello, world.'],
    [['b', 'a'], 'a b'],
    [['istanbul'], 'İstanbul, istanbul.'],
    [[''], 'a'],
  ] as const) {
    assert.deepEqual(markedWords(words, text), words);
  }
});
