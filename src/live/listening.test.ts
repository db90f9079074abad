import assert from 'node:assert/strict';
import { test } from 'node:test';
import { join } from '../audio/testing.ts';
import type { RecognisedSegment, TranscribeRequest } from '../engines/contract.ts';
import { BY_VOICE, buzz, EAR, hear, liveService, MANUAL, silence } from './testing.ts';

/** Tells how much audio it was given. */
async function* measure({ pcm }: TranscribeRequest): AsyncGenerator<RecognisedSegment> {
  yield { text: `${pcm.length / 16} ms`, startMs: 0, endMs: pcm.length / 16, confidence: 0.5 };
}

function measuring(env: Record<string, string> = {}) {
  return liveService({ transcribe: measure }, EAR, { STT_VAD_ENABLED: 'false', ...env });
}

const speech = join([silence(500), buzz(400), silence(700), buzz(600), silence(1000)]);

function inFrames(pcm: Float32Array, ms: number, sampleRate = 16_000): { pcm: Float32Array; sampleRate: number }[] {
  const samples = (sampleRate * ms) / 1000;
  return Array.from({ length: Math.ceil(pcm.length / samples) }, (_, i) => ({
    pcm: pcm.subarray(i * samples, (i + 1) * samples),
    sampleRate,
  }));
}

test('each utterance is told once, in order, the same for frames of every size', async () => {
  const runs: unknown[] = [];
  for (const ms of [1, 7, 10, 20, 100, 1000]) {
    const { session, events } = await hear(measuring(), BY_VOICE);
    for (const frame of inFrames(speech, ms)) session.push(frame);
    await session.finish();
    runs.push(events);
  }
  for (const run of runs) assert.deepEqual(run, runs[0]);
});

test('with manual turns an utterance is what was pushed between two commits', async () => {
  const { session, events } = await hear(measuring(), MANUAL);
  session.push({ pcm: silence(250), sampleRate: 16_000 });
  assert.equal(session.openMs, 250);
  assert.equal(session.commit(), 1);
  assert.equal(session.openMs, 0);
  assert.equal(session.commit(), undefined);
  session.push({ pcm: silence(100), sampleRate: 16_000 });
  session.clear();
  session.push({ pcm: new Float32Array(4800), sampleRate: 48_000 });
  await session.finish();
  assert.deepEqual(
    events.map((event) =>
      event.type === 'final' ? [event.utterance, event.text, event.startMs, event.audioMs] : event,
    ),
    [
      [1, '250 ms', 0, 250],
      [3, '100 ms', 350, 100],
    ],
  );
  assert.equal(session.audioMs, 450);
});
