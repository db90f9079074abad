import assert from 'node:assert/strict';
import { test } from 'node:test';
import { checkDepth, readBase64, readFrame } from './client-events.ts';
import { RealtimeProblem } from './problem.ts';

const refused = (code: string) => (thrown: unknown) => thrown instanceof RealtimeProblem && thrown.code === code;

test('a message of many values is refused before it is read, one of much text is read', () => {
  const audio = 'A'.repeat(4_000_000);
  assert.equal(readFrame(`{"type":"x","audio":"${audio}"}`).audio, audio);
  assert.equal((readFrame(`{"a":[${'1,'.repeat(99_000)}1]}`).a as number[]).length, 99_001);
  for (const frame of [
    `{"a":${'['.repeat(2_000_000)}`,
    `{"a":[${'{},'.repeat(60_000)}{}]}`,
    `{"a":[${'1,'.repeat(100_001)}1]}`,
    '{"a":'.repeat(100_001),
  ]) {
    // Read, the first would be no JSON at all.
    assert.throws(() => readFrame(frame), refused('invalid_event'));
  }
});

test('values are nested as deeply as permitted', () => {
  const nested = (levels: number): object => JSON.parse(`${'{"a":['.repeat(levels / 2)}${']}'.repeat(levels / 2)}`);
  checkDepth(nested(64));
  assert.throws(() => checkDepth(nested(66)), refused('invalid_event'));
});

test('base64 is read, with and without its padding, and nothing else is', () => {
  for (const bytes of ['', 'a', 'ab', 'abc', 'abcd', '\u00ff\u00fe\u00fd']) {
    const text = Buffer.from(bytes, 'latin1').toString('base64');
    assert.equal(readBase64(text, 'audio').toString('latin1'), bytes);
    assert.equal(readBase64(text.replaceAll('=', ''), 'audio').toString('latin1'), bytes);
  }
  for (const text of [
    'A',
    'AAAAA',
    '!AAA',
    'AA A',
    'AA==AAAA',
    'AA\n==',
    '__-8',
    'AAA-',
    '=',
    '====',
    'AAA===',
    'ÄÖÜ=',
  ]) {
    assert.throws(() => readBase64(text, 'audio'), refused('invalid_value'), text);
  }
});
