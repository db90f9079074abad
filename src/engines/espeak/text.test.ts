import assert from 'node:assert/strict';
import { test } from 'node:test';
import { plainText, windowOf, wordsOf } from './text.ts';

const words = (text: string): string[] => wordsOf(text).map(({ from, to }) => text.slice(from, to));

test('what eSpeak takes for commands becomes spaces and every position stays', () => {
  const text = 'a\x01 90Sb\0c\ufffdd\ud800e\u009ff\n\tg😀';
  const plain = plainText(text);
  assert.equal(plain, 'a  90Sb c d e f\n\tg😀');
  assert.equal(plain.length, text.length);
});

test('words lose the punctuation around them and keep the one inside', () => {
  assert.deepEqual(words('“Well-known,” he said: $3.50 (50%) — U.S.A.!'), [
    'Well-known',
    'he',
    'said',
    '$3.50',
    '50%',
    '—',
    'U.S.A',
  ]);
});

test('scripts without spaces are cut into words', () => {
  assert.deepEqual(words('你好，世界。ok'), ['你好', '世界', 'ok']);
  assert.deepEqual(words('สวัสดีครับ'), ['สวัสดี', 'ครับ']);
});

test('a window counts code points and knows their place in the text', () => {
  assert.deepEqual(windowOf('a😀bc', 0, 3), { text: 'a😀b', offsets: [0, 1, 3, 4] });
  assert.deepEqual(windowOf('a😀bc', 3, 10), { text: 'bc', offsets: [3, 4, 5] });
});
