import type { OpenModel, TranscribeCapability } from '../../contract.ts';
import type { RecogniserFamily } from '../family.ts';
import { baseLanguage, multilingual, options, paths } from '../family.ts';

const capability = (
  model: OpenModel,
  more: Partial<TranscribeCapability>,
): Omit<TranscribeCapability, 'languages'> => ({
  detectsLanguage: multilingual(model),
  wordTimes: true,
  confidence: false,
  translate: false,
  maxAudioMs: 60_000,
  ...more,
});

/** Transducers of icefall: Zipformer, Conformer. */
export const zipformerTransducer: RecogniserFamily = {
  api: 'recogniser',
  required: () => ['encoder', 'decoder', 'joiner', 'tokens'],
  config: (model) => ({ transducer: paths(model, 'encoder', 'decoder', 'joiner'), modelType: 'transducer' }),
  capability: (model) => capability(model, { confidence: true }),
};

/** NeMo's transducers: Parakeet RNNT and TDT. */
export const nemoTransducer: RecogniserFamily = {
  api: 'recogniser',
  required: () => ['encoder', 'decoder', 'joiner', 'tokens'],
  config: (model) => ({ transducer: paths(model, 'encoder', 'decoder', 'joiner'), modelType: 'nemo_transducer' }),
  capability: (model) => capability(model, { confidence: true }),
};

/** CTC recognisers, which sherpa-onnx tells apart by the key of their configuration. */
function ctc(key: string): RecogniserFamily {
  return {
    api: 'recogniser',
    required: () => ['model', 'tokens'],
    config: (model) => ({ [key]: paths(model, 'model') }),
    capability: (model) => capability(model, {}),
  };
}
export const nemoCtc = ctc('nemoCtc');
export const zipformerCtc = ctc('zipformerCtc');
export const wenetCtc = ctc('wenetCtc');

export const paraformer: RecogniserFamily = {
  api: 'recogniser',
  required: () => ['model', 'tokens'],
  config: (model) => ({ paraformer: paths(model, 'model') }),
  // Only some of its models tell times: the manifest says which.
  capability: (model) => capability(model, { wordTimes: model.options.wordTimes === true }),
};

/** SenseVoice finds the language itself. The option `inverseTextNormalisation` (default on) writes numbers as digits. */
export const senseVoice: RecogniserFamily = {
  api: 'recogniser',
  required: () => ['model', 'tokens'],
  config: (model) => ({
    senseVoice: {
      ...paths(model, 'model'),
      language: multilingual(model) ? 'auto' : baseLanguage(model.languages[0] ?? 'auto'),
      useInverseTextNormalization: model.options.inverseTextNormalisation === false ? 0 : 1,
    },
  }),
  capability: (model) => capability(model, {}),
};

/**
 * What the second version of Moonshine hears at once. sherpa-onnx 1.13.8 gives its decoder a mask that is too short for
 * more than 384 frames, which is 9.2 s, and then returns no text at all (k2-fsa/sherpa-onnx#3975).
 */
const MOONSHINE_2_MS = 9000;

/** Moonshine: the first version in four files, the second in two. */
export const moonshine: RecogniserFamily = {
  api: 'recogniser',
  required: (model) =>
    model.assets.mergedDecoder
      ? ['encoder', 'mergedDecoder', 'tokens']
      : ['preprocessor', 'encoder', 'uncachedDecoder', 'cachedDecoder', 'tokens'],
  config: (model) => ({
    moonshine: paths(model, 'preprocessor', 'encoder', 'uncachedDecoder', 'cachedDecoder', 'mergedDecoder'),
  }),
  capability: (model) =>
    capability(model, { wordTimes: false, maxAudioMs: model.assets.mergedDecoder ? MOONSHINE_2_MS : 30_000 }),
};

/** NeMo's Canary has to be told the language: without a hint it takes the model's first. */
export const canary: RecogniserFamily = {
  api: 'recogniser',
  required: () => ['encoder', 'decoder', 'tokens'],
  takesHints: true,
  config: (model, hints) => {
    const spoken = baseLanguage(hints.language ?? model.languages[0] ?? 'en');
    return {
      canary: {
        ...paths(model, 'encoder', 'decoder'),
        srcLang: spoken,
        tgtLang: hints.task === 'translate' ? 'en' : spoken,
        usePnc: 1,
        ...options(model, 'usePnc'),
      },
    };
  },
  capability: (model) =>
    capability(model, { detectsLanguage: false, wordTimes: false, translate: multilingual(model), maxAudioMs: 40_000 }),
};
