import type { VoiceFamily } from '../family.ts';
import { baseLanguage, options, pathList, paths } from '../family.ts';

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

/**
 * The names that espeak-ng has for the languages in which Kokoro learned from its sounds. English and Chinese words come
 * out of lexicons, and what it learned Japanese from is not in sherpa-onnx.
 */
const ESPEAK_VOICES: Readonly<Record<string, string>> = { es: 'es', fr: 'fr-fr', hi: 'hi', it: 'it', pt: 'pt-br' };

/**
 * Kokoro. Models from version 1.0 on also want a `lexicon` or the option `lang`, and pronounce by the language of the
 * voice where espeak-ng does it.
 */
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
  generation: (_model, { language }) => {
    const lang = ESPEAK_VOICES[baseLanguage(language)];
    return lang === undefined ? {} : { extra: { lang } };
  },
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
