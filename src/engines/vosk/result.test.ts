import assert from 'node:assert/strict';
import { test } from 'node:test';
import { joinWords, readPartial, readResult } from './result.ts';

test('words come with times in milliseconds and the confidence that was measured', () => {
  const heard = readResult(`{
    "result" : [{
        "conf" : 0.997512,
        "end" : 1.110000,
        "start" : 0.841889,
        "word" : "what"
      }, {
        "conf" : 1.000001,
        "end" : 1.530000,
        "start" : 1.110000,
        "word" : "zero"
      }],
    "text" : "what zero"
  }`);
  assert.deepEqual(heard.words, [
    { word: 'what', startMs: 842, endMs: 1110, confidence: 0.997512 },
    { word: 'zero', startMs: 1110, endMs: 1530, confidence: 1 },
  ]);
  assert.equal(heard.text, 'what zero');
  assert.ok(Math.abs(heard.confidence! - 0.998756) < 1e-9);
  assert.deepEqual(heard.readings, [{ text: 'what zero', confidence: heard.confidence }]);
});

test('silence holds no words, in each way that the library says it', () => {
  for (const json of ['{"text": ""}', '{"alternatives" : [{"text": "", "confidence" : 1.0}] }']) {
    const { text, words, confidence } = readResult(json);
    assert.deepEqual([text, words, confidence], ['', [], undefined], json);
  }
});

test('the scores of readings become shares, the best reading first', () => {
  const reading = (text: string, score: number) =>
    `{"confidence" : ${score}, "result" : [{"end" : 0.3, "start" : 0.0, "word" : "${text}"}], "text" : "${text}"}`;
  const heard = readResult(`{"alternatives" : [${reading('two', 676.4)}, ${reading('too', 675.4)}]}`);
  assert.deepEqual(
    heard.readings.map(({ text }) => text),
    ['two', 'too'],
  );
  const [two, too] = heard.readings.map(({ confidence }) => confidence) as [number, number];
  assert.ok(Math.abs(two + too - 1) < 1e-9 && Math.abs(two / too - Math.E) < 1e-6);
  assert.deepEqual([heard.text, heard.confidence], ['two', two]);
  assert.deepEqual(heard.words, [{ word: 'two', startMs: 0, endMs: 300 }]);
});

test('readings that differ only in a noise are one, and noises and unknown words are no words', () => {
  const heard = readResult(
    '{"alternatives": [{"text": "yes [noise]", "confidence": 5}, {"text": "yes", "confidence": 5}, {"text": "<unk>", "confidence": 5}]}',
  );
  assert.deepEqual(
    heard.readings.map(({ text }) => text),
    ['yes', ''],
  );
  assert.ok(Math.abs(heard.readings[0]!.confidence - 2 / 3) < 1e-9);
  const plain = readResult('{"text": "[unk]", "result": [{"word": "[unk]", "start": 0, "end": 1, "conf": 0.4}]}');
  assert.deepEqual([plain.text, plain.words, plain.readings], ['', [], []]);
});

test('a number that is none is unknown, not the end of the answer', () => {
  const json = '{"result": [{"conf": -nan, "end": inf, "start": 0.5, "word": "a: nan"}], "text": "a: nan"}';
  assert.deepEqual(readResult(json).words, [{ word: 'a: nan', startMs: 500, endMs: 500 }]);
  assert.equal(readResult('{"alternatives": [{"text": "a", "confidence": nan}]}').readings[0]!.confidence, 1);
});

test('what is no result fails without telling the log what was said', () => {
  for (const json of [
    null,
    '',
    '{',
    '{"secret": 1}',
    '{"text": 5}',
    '{"result": [{"word": "secret"}], "text": "secret"}',
  ]) {
    assert.throws(
      () => readResult(json),
      (error: { code?: string; detail?: string }) => error.code === 'engine_failed' && !/secret/.test(error.detail!),
      String(json),
    );
  }
});

test('a partial result is its text', () => {
  assert.equal(readPartial('{\n  "partial" : "cyril one eight"\n}'), 'cyril one eight');
  assert.equal(readPartial('{ "partial" : "" }'), '');
  // What it says before it has heard anything.
  assert.equal(readPartial('{"text": ""}'), '');
});

test('Chinese and Japanese words stand together, others with a space', () => {
  assert.equal(joinWords(['今天', '天气', '好']), '今天天气好');
  assert.equal(joinWords(['コーヒー', 'を', '飲む']), 'コーヒーを飲む');
  assert.equal(joinWords(['他', '说', 'ok', '了']), '他说 ok 了');
  assert.equal(joinWords(['', 'один', '<unk>', 'два']), 'один два');
});
