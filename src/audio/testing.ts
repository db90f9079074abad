import type { AudioChunk } from './contract.ts';

export { joined as join } from './join.ts';

/** What the audio tests share. Signals are mono float32. */

export function tone(hz: number, ms: number, sampleRate: number, amplitude = 0.25): Float32Array {
  return Float32Array.from(
    { length: Math.round((ms * sampleRate) / 1000) },
    (_, i) => amplitude * Math.sin((2 * Math.PI * hz * i) / sampleRate),
  );
}

/** A signal as a stream of chunks. */
export async function* inChunks(pcm: Float32Array, sampleRate: number, chunkMs = 250): AsyncGenerator<AudioChunk> {
  const samples = Math.round((chunkMs * sampleRate) / 1000);
  for (let at = 0; at < pcm.length; at += samples) yield { pcm: pcm.subarray(at, at + samples), sampleRate };
}

export async function collect<T>(source: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of source) all.push(item);
  return all;
}

/** How strong one frequency is in a signal, as the amplitude of a sine (Goertzel's algorithm). */
export function amplitudeAt(hz: number, pcm: Float32Array, sampleRate: number): number {
  const step = 2 * Math.cos((2 * Math.PI * hz) / sampleRate);
  let before = 0;
  let last = 0;
  for (const sample of pcm) [before, last] = [last, sample + step * last - before];
  return (2 * Math.sqrt(before * before + last * last - step * before * last)) / pcm.length;
}
