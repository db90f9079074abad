import type { ModelManifest } from '../../models/manifest.ts';
import { LANGUAGES } from './voices.ts';

/** The packaged voice: no files to fetch, its voices are known to the engine. */
export const espeakManifest: ModelManifest = {
  id: 'espeak',
  kind: 'tts',
  engine: 'espeak',
  family: 'espeak-ng',
  files: [],
  assets: {},
  options: {},
  revision: '@echogarden/espeak-ng-emscripten 0.3.5',
  licence: 'GPL-3.0-or-later',
  // The licence binds whoever passes the program on, not whoever uses it, for money or not.
  commercialUse: true,
  // Measured, rounded up: one process after its first sentence.
  memoryBytes: 160_000_000,
  languages: [...LANGUAGES],
  aliases: [],
  sampleRate: 22_050,
  description: 'eSpeak NG: a small formant voice for more than a hundred languages that works with no download.',
};
