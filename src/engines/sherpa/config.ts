import type { Capabilities, OpenModel, Voice } from '../contract.ts';
import { unavailable } from './errors.ts';
import { families } from './families/index.ts';
import type { Family, Hints } from './family.ts';
import { helps, options, pathList } from './family.ts';

/** Recognisers hear this rate, in Hz. */
export const HEARING_RATE = 16_000;

/** How much of a pause longer than 0.2 s a voice keeps. sherpa-onnx's own default; a manifest may say otherwise. */
const SILENCE_SCALE = 0.2;

/** sherpa's configuration for a model, ready to be handed to the constructor that `api` names. */
export interface FamilyConfig {
  api: Family['api'];
  config: Record<string, unknown>;
}

/** The loader of a model's family. Throws `model_unavailable` for a family that this engine does not have. */
export function familyOf(model: OpenModel): Family {
  const family = Object.hasOwn(families, model.family) ? families[model.family] : undefined;
  if (!family) {
    throw unavailable(model, `no engine here opens the family ${model.family}`);
  }
  return family;
}

/** Maps a manifest to the exact configuration of sherpa-onnx. Reads no file. */
export function familyConfig(model: OpenModel, threads: number, hints: Hints = { task: 'transcribe' }): FamilyConfig {
  const family = familyOf(model);
  const runtime = { numThreads: threads, provider: 'cpu', debug: false };
  if (helps(family)) return { api: family.api, config: family.config(model, runtime) };
  const rules = { ...pathList(model, 'ruleFsts'), ...pathList(model, 'ruleFars') };
  if (family.api === 'voice') {
    return {
      api: family.api,
      config: {
        model: { ...family.config(model), ...runtime },
        maxNumSentences: 1,
        silenceScale: SILENCE_SCALE,
        ...options(model, 'silenceScale'),
        ...rules,
      },
    };
  }
  return {
    api: family.api,
    config: {
      featConfig: { sampleRate: HEARING_RATE, featureDim: 80, ...options(model, 'featureDim') },
      modelConfig: { ...family.config(model, hints), tokens: model.assets.tokens, ...runtime },
      decodingMethod: 'greedy_search',
      ...(family.api === 'streaming' ? { enableEndpoint: false } : {}),
      ...rules,
    },
  };
}

/** What the model can do, from its manifest alone. */
export function capabilitiesOf(model: OpenModel): Capabilities {
  const family = familyOf(model);
  if (helps(family)) return family.capabilities(model);
  if (family.api !== 'voice') {
    const transcribe = { languages: model.languages, ...family.capability(model) };
    if (family.api === 'recogniser') return { transcribe };
    const { languages, detectsLanguage, wordTimes, confidence } = transcribe;
    return { transcribe, listen: { languages, detectsLanguage, wordTimes, confidence } };
  }
  return {
    speak: {
      voices: voicesOf(model),
      languages: model.languages,
      sampleRate: model.sampleRate ?? family.sampleRate,
      // The range of OpenAI's API. These models stretch each sound's predicted length, so any pace works.
      speed: family.speed ?? { min: 0.25, max: 4 },
      pitch: null,
      phonemes: null,
      instructions: false,
      wordMarks: false,
    },
  };
}

/** The manifest's voices; a model without any is one voice with the model's name. */
function voicesOf(model: OpenModel): readonly Voice[] {
  if (model.voices.length > 0) return model.voices;
  return [{ id: model.id, name: model.id, language: model.languages[0] ?? 'en', speaker: 0 }];
}
