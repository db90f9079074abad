import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { sharedData } from './needs.ts';
import { samplesOf } from './wav.ts';

const WAV_HEADER_BYTES = 44;
const PAUSE_MS = 2000;

/** Two sentences with two seconds around each, and a street outside that never stops, 10 dB below them. 16 000 Hz. */
export interface Street {
  audio: Float32Array;
  /** Without the street. */
  speech: Float32Array;
  /** Where they begin and end, in ms. */
  sentences: { fromMs: number; toMs: number }[];
}

/** Needs the recordings of `librivox`. */
export function street(): Street {
  const said = ['0880', '0930'].map((number) => {
    const file = resolve(sharedData, `librivox/sense_and_sensibility_01_austen_64kb-${number}.wav`);
    return samplesOf(readFileSync(file).subarray(WAV_HEADER_BYTES));
  });
  const sentences: Street['sentences'] = [];
  const speech = new Float32Array(said.reduce((sum, { length }) => sum + length + PAUSE_MS * 16, PAUSE_MS * 16));
  let at = PAUSE_MS * 16;
  for (const pcm of said) {
    speech.set(pcm, at);
    sentences.push({ fromMs: at / 16, toMs: (at + pcm.length) / 16 });
    at += pcm.length + PAUSE_MS * 16;
  }
  const noise = rumble(speech.length);
  const loudness = Math.max(...said.map(rms)) / rms(noise) / 10 ** (10 / 20);
  return { audio: speech.map((sample, index) => sample + loudness * noise[index]!), speech, sentences };
}

export function rms(pcm: Float32Array): number {
  return Math.sqrt(pcm.reduce((sum, sample) => sum + sample * sample, 0) / pcm.length);
}

/** More of the low tones than of the high ones; the same each time. */
function rumble(length: number): Float32Array {
  let state = 1;
  let low = 0;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    const white = state / 2 ** 31 - 1;
    low += (white - low) * 0.2;
    return low + white * 0.3;
  });
}
