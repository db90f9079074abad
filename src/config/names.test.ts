import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileName, flagName, nearestName } from './names.ts';

test('one name gives the flag and the name in a settings file', () => {
  assert.equal(flagName('OS_MAX_UPLOAD_MB'), 'max-upload-mb');
  assert.equal(fileName('OS_MAX_UPLOAD_MB'), 'maxUploadMb');
  assert.equal(flagName('TTS_SPEED'), 'tts-speed');
  assert.equal(fileName('TTS_SPEED'), 'ttsSpeed');
});

test('the nearest name takes the fewest edits; two swapped letters are one', () => {
  const known = ['OS_PORT', 'OS_HOST', 'OS_DATA_DIR'];
  assert.equal(nearestName('OS_PROT', known), 'OS_PORT');
  assert.equal(nearestName('OS_HOTS', known), 'OS_HOST');
  assert.equal(nearestName('OS_DATADIR', known), 'OS_DATA_DIR');
});

test('a name far from all others suggests nothing', () => {
  assert.equal(nearestName('QQQQQQQQ', ['OS_PORT', 'OS_HOST']), undefined);
});
