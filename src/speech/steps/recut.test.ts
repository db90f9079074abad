import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { needsData, sharedData } from '../../../test/support/needs.ts';
import { samplesOf } from '../../../test/support/wav.ts';
import type { RecordingPiece } from '../../audio/contract.ts';
import type { OpenModel } from '../../engines/contract.ts';
import { engine as sherpa } from '../../engines/sherpa/engine.ts';
import type { Calls } from './calls.ts';
import { recut } from './recut.ts';

const RATE = 16_000;

test('a recording is cut in the pauses that Silero finds, wherever it was cut before', {
  skip: needsData('silero-vad'),
}, async () => {
  const model: OpenModel = {
    ...{ id: 'silero', engine: 'sherpa', family: 'silero-vad', folder: sharedData, options: {} },
    ...{ assets: { model: join(sharedData, 'silero-vad/silero_vad.onnx') }, languages: ['mul'], voices: [] },
  };
  const silero = await sherpa.open(model, { threads: 1 });
  const signal = new AbortController().signal;
  const calls = {
    one: (_operation: string, _model: unknown, request: { pcm: Float32Array }) => silero.detectSpeech!(request, signal),
  } as unknown as Calls;
  const pcm = samplesOf(readFileSync(join(sharedData, 'silero-vad/test.wav')).subarray(44));

  async function* pieces(pieceMs: number): AsyncGenerator<RecordingPiece> {
    const samples = (pieceMs * RATE) / 1000;
    for (let at = 0; at < pcm.length; at += samples) {
      const part = pcm.subarray(at, at + samples);
      yield { pcm: part, startMs: at / 16, endMs: (at + part.length) / 16, speech: true };
    }
  }

  const { spans } = await silero.detectSpeech!({ pcm }, signal);
  const options = { model: {} as never, maxPieceMs: 8000, calls, atOnce: 3, dispensable: false };
  const found: RecordingPiece[] = [];
  for await (const piece of recut(pieces(20_000), options)) found.push(piece);
  assert.deepEqual(Float32Array.from(found.flatMap((piece) => [...piece.pcm])), pcm, 'every sample is in one piece');
  let end = 0;
  for (const { startMs, endMs, speech } of found) {
    assert.equal(startMs, end);
    assert.ok(endMs - startMs <= 8000);
    if (speech) assert.ok(spans.some((span) => span.startMs < endMs && span.endMs > startMs));
    end = endMs;
    const margin = 60;
    const cutsSpeech = spans.some((span) => span.startMs + margin < endMs && span.endMs - margin > endMs);
    // Only where it speaks on for most of eight seconds there is no pause to cut in.
    if (cutsSpeech) assert.ok(spans.some((span) => span.endMs - span.startMs > 3900 && span.endMs > endMs));
  }
  assert.equal(end, 60_000);
});
