import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nameFor, withExtension } from './fileName.ts';

test('a transcript is named after its recording', () => {
  assert.equal(withExtension('lecture.final.mp3', 'srt'), 'lecture.final.srt');
  assert.equal(withExtension('lecture', 'txt'), 'lecture.txt');
  assert.equal(withExtension('.mp3', 'txt'), '.mp3.txt');
  assert.equal(withExtension('', 'txt'), 'recording.txt');
});

test('speech is named after its first words, without what file systems refuse', () => {
  assert.equal(nameFor('Good morning. The kettle is on, and on.', 'mp3'), 'Good morning The kettle is on.mp3');
  assert.equal(nameFor('<speak><s>a/b: "c"?</s></speak>', 'wav'), 'a b c.wav');
  assert.equal(nameFor('../../etc', 'wav'), 'etc.wav');
  assert.equal(nameFor('…', 'wav'), 'speech.wav');
});
