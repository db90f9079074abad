import assert from 'node:assert/strict';
import { test } from 'node:test';
import { playableAudio, savedAudio, wavHeader } from './containers.ts';

test('headerless PCM is played as the WAV file it describes, and saved as it came', async () => {
  const pcm = [new Uint8Array([1, 2]), new Uint8Array([3, 4])];
  const played = playableAudio('pcm', pcm);
  assert.equal(played.type, 'audio/wav');
  assert.equal(played.size, 48);
  assert.deepEqual([...new Uint8Array(await savedAudio('pcm', pcm).arrayBuffer())], [1, 2, 3, 4]);
});

test('the WAV header names the rate and the true size', () => {
  const view = new DataView(wavHeader(480, 24_000).buffer);
  assert.equal(view.getUint32(4, true), 36 + 480);
  assert.equal(view.getUint32(24, true), 24_000);
  assert.equal(view.getUint32(28, true), 48_000);
  assert.equal(view.getUint32(40, true), 480);
});

test('other formats are played as they came', () => {
  assert.equal(playableAudio('opus', [new Uint8Array(3)]).type, 'audio/ogg');
  assert.equal(playableAudio('m4a', []).type, 'audio/mp4');
});
