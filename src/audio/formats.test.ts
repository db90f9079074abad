import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AUDIO_FORMATS } from './contract.ts';
import { CONTENT_TYPES, codecRate } from './formats.ts';

test('every format has a media type', () => {
  for (const format of AUDIO_FORMATS) assert.match(CONTENT_TYPES[format], /^audio\/[a-z0-9]+$/);
});

test('a rate that a codec cannot carry becomes the next higher one it can', () => {
  assert.equal(codecRate('mp3', 24_000), 24_000);
  assert.equal(codecRate('opus', 22_050), 24_000);
  assert.equal(codecRate('opus', 44_100), 48_000);
  assert.equal(codecRate('m4a', 50_000), 64_000);
  assert.equal(codecRate('mp3', 96_000), 48_000);
  assert.equal(codecRate('wav', 12_345), 12_345);
});
