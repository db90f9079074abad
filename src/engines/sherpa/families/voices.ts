import type { VoiceFamily } from '../family.ts';
import { options, pathList, paths } from '../family.ts';

/** Piper, Coqui, MeloTTS and other VITS voices. Text becomes sounds by `dataDir` (espeak-ng), `lexicon` or letters. */
export const vits: VoiceFamily = {
  api: 'voice',
  required: () => ['model', 'tokens'],
  sampleRate: 22_050,
  config: (model) => ({
    vits: {
      ...paths(model, 'model', 'tokens', 'dataDir'),
      ...pathList(model, 'lexicon'),
      ...options(model, 'noiseScale', 'noiseScaleW', 'lengthScale'),
    },
  }),
};

/** Kokoro. Models from version 1.0 on also want a `lexicon` or the option `lang`. */
export const kokoro: VoiceFamily = {
  api: 'voice',
  required: () => ['model', 'voices', 'tokens', 'dataDir'],
  sampleRate: 24_000,
  config: (model) => ({
    kokoro: {
      ...paths(model, 'model', 'voices', 'tokens', 'dataDir'),
      ...pathList(model, 'lexicon'),
      ...options(model, 'lang', 'lengthScale'),
    },
  }),
};

export const kitten: VoiceFamily = {
  api: 'voice',
  required: () => ['model', 'voices', 'tokens', 'dataDir'],
  sampleRate: 24_000,
  config: (model) => ({
    kitten: { ...paths(model, 'model', 'voices', 'tokens', 'dataDir'), ...options(model, 'lengthScale') },
  }),
};

/** Matcha: an acoustic model and the vocoder that makes sound of what it says. */
export const matcha: VoiceFamily = {
  api: 'voice',
  required: () => ['acousticModel', 'vocoder', 'tokens'],
  sampleRate: 22_050,
  config: (model) => ({
    matcha: {
      ...paths(model, 'acousticModel', 'vocoder', 'tokens', 'dataDir'),
      ...pathList(model, 'lexicon'),
      ...options(model, 'noiseScale', 'lengthScale'),
    },
  }),
};
