import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME_SAMPLES, VoiceDetector } from './vad.ts';

test('digital silence is never a voice, however loud the speech before it was', async () => {
  const detector = await VoiceDetector.open();
  // A buzz with the overtones of a voice, which the detector takes for one.
  const buzz = (frame: number) =>
    Float32Array.from({ length: FRAME_SAMPLES }, (_, i) => {
      const t = (frame * FRAME_SAMPLES + i) / 16_000;
      return 0.1 * [1, 2, 3, 4, 6, 9].reduce((sum, n) => sum + Math.sin(2 * Math.PI * 140 * n * t) / n, 0);
    });
  let heard = 0;
  for (let frame = 0; frame < 100; frame++) if (detector.hearsVoice(buzz(frame))) heard++;
  assert.ok(heard > 50, `${heard} of 100 frames`);
  for (let frame = 0; frame < 100; frame++) assert.equal(detector.hearsVoice(new Float32Array(FRAME_SAMPLES)), false);
});
