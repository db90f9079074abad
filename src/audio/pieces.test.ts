import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { needsData, sharedData } from '../../test/support/needs.ts';
import type { RecordingPiece } from './contract.ts';
import { PieceCutter } from './pieces.ts';
import { VoiceDetector } from './vad.ts';
import { WavReader } from './wav.ts';

/** `signal(1000, -200)`: a second of sound, then 200 ms of silence, at 16 000 Hz. */
function signal(...parts: number[]): Float32Array {
  return Float32Array.from(
    parts.flatMap((ms) => Array.from({ length: Math.abs(ms) * 16 }, (_, i) => (ms < 0 ? 0 : i % 2 ? 0.5 : -0.5))),
  );
}

const loud = (frame: Float32Array): boolean => frame.some((sample) => Math.abs(sample) > 0.1);

function cut(pcm: Float32Array, maxPieceMs: number, hearsVoice = loud, chunk = 1000): RecordingPiece[] {
  const cutter = new PieceCutter(maxPieceMs, hearsVoice);
  const pieces: RecordingPiece[] = [];
  for (let at = 0; at < pcm.length; at += chunk) pieces.push(...cutter.push(pcm.subarray(at, at + chunk)));
  pieces.push(...cutter.end());
  return pieces;
}

const ends = (pieces: RecordingPiece[]): number[] => pieces.map((piece) => piece.endMs);

test('pieces cover every sample once, follow each other and never exceed the limit', () => {
  const pcm = Float32Array.from({ length: 16_000 * 40 + 123 }, (_, i) => Math.sin(i / 7) * Math.sin(i / 9000));
  for (const maxPieceMs of [2000, 5010, 28_000, 600_000]) {
    for (const chunk of [1, 333, 100_000]) {
      const pieces = cut(pcm, maxPieceMs, loud, chunk);
      assert.deepEqual(Float32Array.from(pieces.flatMap((piece) => [...piece.pcm])), pcm);
      let at = 0;
      for (const piece of pieces) {
        assert.equal(piece.startMs, at);
        assert.equal(piece.endMs, at + Math.round(piece.pcm.length / 16));
        assert.ok(piece.endMs - piece.startMs <= maxPieceMs);
        at = piece.endMs;
      }
    }
  }
});

test('a long stretch is cut in the middle of the longest pause of its second half', () => {
  assert.deepEqual(ends(cut(signal(6000, -400, 1500, -240, 1500, -300, 3000), 10_000)), [6200, 12_940]);
  assert.deepEqual(ends(cut(signal(4000, -1000, 2500, -240, 3000), 10_000)), [7620, 10_740], 'first half: too early');
});

test('a pause of 200 ms is taken before any other place, even where the sound is quieter there', () => {
  const pcm = signal(6000, -200, 1800, 100, 3000);
  // Not silent, but quieter than everything else; heard as voice.
  for (let i = 8000 * 16; i < 8100 * 16; i++) pcm[i]! *= 0.03;
  const voice = (frame: Float32Array): boolean => frame.some((sample) => sample !== 0);
  assert.deepEqual(ends(cut(pcm, 10_000, voice)), [6100, 11_100]);
});

test('a pause that the voice detector misses is found by its level', () => {
  assert.deepEqual(ends(cut(signal(7000, -300, 5000), 10_000, () => true)), [7160, 12_300]);
});

test('without any pause the cut falls on the quietest place of the second half', () => {
  const pcm = signal(12_000);
  for (let i = 3000 * 16; i < 3100 * 16; i++) pcm[i]! *= 0.1;
  for (let i = 7000 * 16; i < 7100 * 16; i++) pcm[i]! *= 0.5;
  assert.deepEqual(ends(cut(pcm, 10_000, () => true)), [7040, 12_000]);
});

test('a silence of two seconds becomes a piece of its own, marked as without speech', () => {
  const pieces = cut(signal(-3000, 1000, -1900, 1000, -5000, 1000), 28_000);
  assert.deepEqual(
    pieces.map(({ startMs, endMs, speech }) => [startMs, endMs, speech]),
    [
      [0, 2700, false],
      [2700, 7200, true],
      [7200, 11_600, false],
      [11_600, 12_900, true],
    ],
  );
});

test('a recording without voice is one silent piece after another; a click is not speech', () => {
  assert.deepEqual(
    cut(signal(-7000, 40, -7000), 10_000).map((piece) => piece.speech),
    [false, false, false],
  );
  assert.deepEqual(cut(new Float32Array(0), 10_000), []);
});

test('real speech is cut only where it pauses', { skip: needsData('silero-vad') }, async () => {
  const pcm = new WavReader().push(readFileSync(resolve(sharedData, 'silero-vad/test.wav')));
  const detector = await VoiceDetector.open();
  for (const maxPieceMs of [28_000, 10_000]) {
    detector.reset();
    const pieces = cut(pcm, maxPieceMs, (frame) => detector.hearsVoice(frame));
    assert.ok(pieces.length >= 60_000 / maxPieceMs);
    for (const piece of pieces) {
      assert.equal(piece.speech, true);
      if (piece.endMs < 60_000) {
        // 60 ms around the cut lie at least 20 dB under the piece.
        const around = power(pcm.subarray(piece.endMs * 16 - 480, piece.endMs * 16 + 480));
        assert.ok(around < power(piece.pcm) / 100, `cut at ${piece.endMs}`);
      }
    }
  }
});

test('quiet speech is still heard as speech', { skip: needsData('silero-vad') }, async () => {
  const pcm = new WavReader().push(readFileSync(resolve(sharedData, 'silero-vad/test.wav')));
  const detector = await VoiceDetector.open();
  const voiced = (gain: number): number => {
    detector.reset();
    let frames = 0;
    for (let at = 0; at + 320 <= pcm.length; at += 320) {
      if (detector.hearsVoice(pcm.subarray(at, at + 320).map((sample) => sample * gain))) frames++;
    }
    return frames;
  };
  assert.ok(voiced(0.01) > 0.9 * voiced(1));
  assert.equal(voiced(0), 0);
});

function power(pcm: Float32Array): number {
  return pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length;
}
