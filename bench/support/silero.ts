import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ModelManifest } from '../../src/models/manifest.ts';
import { describeFile } from '../../test/models/files.ts';
import { sharedData } from '../../test/support/needs.ts';

export const SILERO = 'silero';
export const sileroFile = join(sharedData, 'silero-vad/silero_vad.onnx');
const RECORDING = join(sharedData, 'silero-vad/test.wav');
const WAV_HEADER_BYTES = 44;

/** Ends the benchmark where the project's own recordings are not beside the checkout. */
export function requireSilero(): void {
  if (existsSync(sileroFile)) return;
  process.stderr.write('The Silero model is not beside this checkout.\n');
  process.exit(0);
}

/** Puts the model where a server looks for models. */
export function addSilero(modelDir: string): void {
  const folder = join(modelDir, SILERO);
  mkdirSync(folder, { recursive: true });
  copyFileSync(sileroFile, join(folder, 'model.onnx'));
  const manifest: ModelManifest = {
    ...{ id: SILERO, kind: 'vad', engine: 'sherpa', family: 'silero-vad', revision: 'copied', licence: 'MIT' },
    ...{ files: [describeFile(join(folder, 'model.onnx'), 'model.onnx')], assets: { model: 'model.onnx' } },
    ...{ options: {}, languages: ['mul'], aliases: [], description: 'For benchmarks.' },
  };
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest));
}

/** A minute of real speech: 16-bit, 16 000 Hz. */
export function minuteOfRealSpeech(): Buffer {
  return readFileSync(RECORDING).subarray(WAV_HEADER_BYTES);
}
