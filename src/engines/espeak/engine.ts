import type { Availability, Capabilities, Engine, LoadedModel, OpenModel } from '../contract.ts';
import { PITCH, SPEED } from './delivery.ts';
import { espeakManifest } from './manifest.ts';
import { packageFiles } from './package-files.ts';
import { LANGUAGES, VOICES } from './voices.ts';

/** eSpeak NG, the packaged voice. The WASM build is loaded by `open` and lives in that process alone. */
export const engine: Engine = {
  name: 'espeak',
  families: ['espeak-ng'],

  async availability(): Promise<Availability> {
    if (packageFiles() !== undefined) return { available: true };
    return {
      available: false,
      reason: 'The optional package @echogarden/espeak-ng-emscripten is not installed.',
      remedy: 'npm ci --include=optional',
    };
  },

  describe(model: OpenModel): Capabilities {
    return {
      speak: {
        voices: model.voices.length > 0 ? model.voices : VOICES,
        languages: model.voices.length > 0 ? model.languages : LANGUAGES,
        sampleRate: espeakManifest.sampleRate!,
        speed: SPEED,
        pitch: PITCH,
        phonemes: 'ipa',
        instructions: false,
        wordMarks: true,
        sentencePauseMs: 300,
      },
    };
  },

  readablePaths(): readonly string[] {
    const files = packageFiles();
    return files === undefined ? [] : [files.folder];
  },

  async open(model: OpenModel): Promise<LoadedModel> {
    const { EspeakModel } = await import('./model.ts');
    return EspeakModel.load(engine.describe(model));
  },
};
