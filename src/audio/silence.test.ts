import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { AudioChunk } from './contract.ts';
import { SilenceTrimmer, trimSilence } from './silence.ts';

const RATE = 16_000;

/** `signal(500, -1000, 200)`: 500 ms of sound, a second of faint noise, 200 ms of sound. */
function signal(...parts: number[]): Float32Array {
  return Float32Array.from(
    parts.flatMap((ms) =>
      Array.from({ length: (Math.abs(ms) * RATE) / 1000 }, (_, i) => (ms < 0 ? 0.001 : 0.5) * (i % 2 ? 1 : -1)),
    ),
  );
}

function trim(pcm: Float32Array, chunkSamples: number): { pcm: Float32Array; skippedMs: number } {
  const trimmer = new SilenceTrimmer();
  const out: AudioChunk[] = [];
  for (let at = 0; at < pcm.length; at += chunkSamples) {
    out.push(...trimmer.push({ pcm: pcm.subarray(at, at + chunkSamples), sampleRate: RATE }));
  }
  out.push(...trimmer.end());
  return { pcm: Float32Array.from(out.flatMap((chunk) => [...chunk.pcm])), skippedMs: trimmer.skippedMs };
}

test('silence at both ends goes but for a moment, pauses inside stay whole', () => {
  for (const chunkSamples of [1_000_000, 160, 777, 16_000]) {
    const trimmed = trim(signal(-700, 300, -2000, 300, -900), chunkSamples);
    assert.deepEqual(trimmed.pcm, signal(-30, 300, -2000, 300, -80), `chunks of ${chunkSamples}`);
    assert.ok(Math.abs(trimmed.skippedMs - 670) < 1e-6);
  }
});

test('sound without silence around it passes unchanged', () => {
  const pcm = signal(500);
  assert.deepEqual(trim(pcm, 512), { pcm, skippedMs: 0 });
});

test('a silence shorter than what is kept is left alone', () => {
  const pcm = signal(-20, 100, -40);
  assert.deepEqual(trim(pcm, 100), { pcm, skippedMs: 0 });
});

test('a stream that is silent throughout keeps only a moment', () => {
  assert.equal(trim(signal(-5000), 160).pcm.length, (30 * RATE) / 1000);
  assert.equal(trim(new Float32Array(0), 160).pcm.length, 0);
});

test('what is held back for a long pause is bounded', () => {
  const trimmer = new SilenceTrimmer();
  trimmer.push({ pcm: signal(100), sampleRate: RATE });
  let passed = 0;
  for (let second = 0; second < 60; second++) {
    for (const chunk of trimmer.push({ pcm: signal(-1000), sampleRate: RATE })) passed += chunk.pcm.length / RATE;
  }
  assert.equal(passed, 50);
});

test('speech leaves as it comes: nothing waits for the end', async () => {
  let asked = 0;
  async function* speech(): AsyncGenerator<AudioChunk> {
    for (;;) {
      asked++;
      yield { pcm: signal(100), sampleRate: RATE };
    }
  }
  for await (const chunk of trimSilence(speech())) {
    assert.equal(chunk.pcm.length, 1600);
    break;
  }
  assert.equal(asked, 1);
});
