import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { needsData, sharedData } from '../../test/support/needs.ts';
import { WavReader } from '../audio/wav.ts';
import { buzz, silence } from './testing.ts';
import { openVoiceActivity } from './voice-activity.ts';

function noise(ms: number, amplitude: number): Float32Array {
  let state = 1;
  return Float32Array.from({ length: ms * 16 }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return amplitude * (state / 2 ** 31 - 1);
  });
}

/** Frames in which a voice is heard. */
async function voiced(pcm: Float32Array, threshold = 0.5): Promise<boolean[]> {
  const voice = await openVoiceActivity();
  voice.setThreshold(threshold);
  const frames: boolean[] = [];
  for (let at = 0; at + voice.frameSamples <= pcm.length; at += voice.frameSamples) {
    frames.push(voice.hearsVoice(pcm.subarray(at, at + voice.frameSamples)));
  }
  voice.close();
  return frames;
}

const count = (frames: readonly boolean[]) => frames.filter(Boolean).length;

test('a voice is heard at every threshold, and silence at none', async () => {
  for (const threshold of [0, 0.3, 0.5, 0.8, 1]) {
    assert.ok(count(await voiced(buzz(1000), threshold)) > 40, `at ${threshold}`);
    assert.equal(count(await voiced(silence(1000), threshold)), 0);
  }
});

test('the noise of a quiet room is no voice, from the first moment on', async () => {
  for (const amplitude of [0.0003, 0.001, 0.003, 0.008]) {
    assert.equal(count(await voiced(noise(5000, amplitude))), 0, `noise of ${amplitude}`);
  }
});

test('real speech is heard alike when it is clear, quiet or noisy', { skip: needsData('silero-vad') }, async () => {
  const pcm = new WavReader().push(readFileSync(resolve(sharedData, 'silero-vad/test.wav')));
  const hiss = noise(60_000, 0.003);
  const loud = Array.from({ length: pcm.length / 320 }, (_, i) => {
    const power = pcm.subarray(i * 320, (i + 1) * 320).reduce((sum, sample) => sum + sample * sample, 0) / 320;
    return power > 0.001;
  });
  const versions = {
    clear: pcm,
    quiet: pcm.map((sample) => sample * 0.05),
    noisy: pcm.map((sample, i) => sample * 0.3 + hiss[i]!),
  };
  for (const [name, version] of Object.entries(versions)) {
    const frames = await voiced(version);
    const missed = loud.filter((is, i) => is && !frames[i]).length;
    assert.ok(missed < 0.05 * count(loud), `${name}: ${missed} of ${count(loud)} loud frames are missed`);
  }
});
