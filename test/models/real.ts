import { existsSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ModelManifest, modelManifestSchema } from '../../src/models/manifest.ts';
import { sharedData } from '../support/needs.ts';

/** A sentence read by one English reader, its words, and more by the same reader. */
export const RECORDING = join(sharedData, 'librivox/sense_and_sensibility_01_austen_64kb-0880.wav');
export const LONG_RECORDING = join(sharedData, 'librivox/sense_and_sensibility_01_austen_64kb-0870.wav');
const SPOKEN = 'he was not an ill disposed young man'.split(' ');

/**
 * Real models of an engine, where OS_TEST_MODELS points at a folder of them that is laid out as the server keeps its
 * own. None without it.
 */
export async function realModels(engine: string): Promise<{ manifest: ModelManifest; folder: string }[]> {
  const root = process.env.OS_TEST_MODELS ?? '';
  const found: { manifest: ModelManifest; folder: string }[] = [];
  for (const id of root === '' ? [] : await readdir(root)) {
    const folder = join(root, id);
    const path = join(folder, 'manifest.json');
    if (!existsSync(path)) continue;
    const manifest = modelManifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
    if (manifest.engine === engine) found.push({ manifest, folder });
  }
  return found;
}

/** Samples of one of these recordings: 16-bit mono at 16 000 Hz. */
export async function samplesOf(recording: string): Promise<Float32Array> {
  const wav = await readFile(recording);
  return Float32Array.from(new Int16Array(new Uint8Array(wav.subarray(44)).buffer), (sample) => sample / 32_768);
}

/** How many of the eight words of the recording a recogniser has found. */
export function wordsFound(text: string): number {
  const heard = text.toLowerCase().split(/[^a-z]+/);
  return SPOKEN.filter((word) => heard.includes(word)).length;
}
