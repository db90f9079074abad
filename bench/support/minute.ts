import { fromS16le, toS16le } from '../../src/audio/pcm.ts';
import { resample } from '../../src/audio/resample.ts';
import { wavHeader } from '../../src/audio/wav.ts';
import type { BenchServer } from './server.ts';

const RATE = 16_000;
const SECONDS = 60;

/** 60 s of spoken tones with pauses, as a WAV file of 16 000 Hz mono. */
export async function minuteOfSpeech(server: BenchServer): Promise<Uint8Array> {
  const input = 'the clocks were striking thirteen. it was a cold day in april. '.repeat(12).trim();
  const spoken = await server.client.bytes('/v1/audio/speech', {
    model: 'tone-voice',
    voice: 'tone-0',
    input,
    response_format: 'pcm',
  });
  const pcm = resample(fromS16le(spoken), 24_000, RATE);
  if (pcm.length < RATE * SECONDS) throw new Error(`only ${pcm.length / RATE} s were spoken`);
  const samples = toS16le(pcm.subarray(0, RATE * SECONDS));
  return Buffer.concat([wavHeader(RATE, RATE * SECONDS), samples]);
}
