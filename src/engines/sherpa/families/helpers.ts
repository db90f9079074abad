import type { HelperFamily } from '../family.ts';
import { options, paths } from '../family.ts';

/** Hz; every model here hears this rate. */
const RATE = 16_000;

/**
 * Silero's voice detector. Pauses and voices are told from 100 ms on, which is what cutting at pauses needs; no stretch
 * is cut for being long. Option: `threshold`, the probability that counts as a voice.
 */
export const sileroVad: HelperFamily = {
  api: 'vad',
  required: () => ['model'],
  config: (model, runtime) => ({
    sileroVad: {
      ...paths(model, 'model'),
      threshold: 0.5,
      ...options(model, 'threshold'),
      minSilenceDuration: 0.1,
      minSpeechDuration: 0.1,
      windowSize: 512,
      maxSpeechDuration: 86_400,
    },
    sampleRate: RATE,
    ...runtime,
  }),
  capabilities: () => ({ detectSpeech: true, watchSpeech: true }),
};

/** GTCRN gives each 256 samples back once it has heard the 256 behind them. */
export const gtcrn: HelperFamily = {
  api: 'denoiser',
  required: () => ['model'],
  config: (model, runtime) => ({ model: { gtcrn: paths(model, 'model'), ...runtime } }),
  capabilities: () => ({ denoise: true, denoiseLive: { delaySamples: 512 } }),
};

/**
 * pyannote's segmentation with a model that tells voices apart. Options: `clusterThreshold`, the distance from which
 * two stretches are two people where their number is not known; `sameSpeaker`.
 */
export const pyannote: HelperFamily = {
  api: 'diarizer',
  required: () => ['segmentation', 'embedding'],
  config: (model, runtime) => ({
    segmentation: { pyannote: { model: model.assets.segmentation }, ...runtime },
    embedding: { model: model.assets.embedding, ...runtime },
    clustering: { numClusters: -1, threshold: model.options.clusterThreshold ?? 0.5 },
    // Shorter stretches are dropped, shorter pauses closed; sherpa-onnx's own defaults, in seconds.
    minDurationOn: 0.3,
    minDurationOff: 0.5,
  }),
  capabilities: (model) => ({ diarize: true, embedSpeaker: { sameSpeaker: sameSpeaker(model.options) } }),
};

/** WeSpeaker, 3D-Speaker and NeMo: sherpa-onnx tells them apart by what the file says. Option: `sameSpeaker`. */
export const speakerEmbedding: HelperFamily = {
  api: 'embedder',
  required: () => ['model'],
  config: (model, runtime) => ({ ...paths(model, 'model'), ...runtime }),
  capabilities: (model) => ({ embedSpeaker: { sameSpeaker: sameSpeaker(model.options) } }),
};

/** FunASR's punctuation for Chinese and English. */
export const ctTransformer: HelperFamily = {
  api: 'punctuator',
  required: () => ['model'],
  config: (model, runtime) => ({ model: { ctTransformer: model.assets.model, ...runtime } }),
  capabilities: (model) => ({ punctuate: { languages: model.languages } }),
};

/** Edge-Punct-Casing: punctuation and capitals for English. */
export const cnnBilstm: HelperFamily = {
  api: 'casing-punctuator',
  required: () => ['model', 'vocabulary'],
  config: (model, runtime) => ({
    model: { cnnBilstm: model.assets.model, bpeVocab: model.assets.vocabulary, ...runtime },
  }),
  capabilities: (model) => ({ punctuate: { languages: model.languages } }),
};

/** A Whisper model for several languages, asked for nothing but the language. */
export const whisperLanguageId: HelperFamily = {
  api: 'language-id',
  required: () => ['encoder', 'decoder'],
  config: (model, runtime) => ({
    whisper: { ...paths(model, 'encoder', 'decoder'), ...options(model, 'tailPaddings') },
    ...runtime,
  }),
  capabilities: () => ({ identifyLanguage: true }),
};

/** sherpa-onnx's examples ask for a similarity of 0.5 to 0.6. */
const sameSpeaker = ({ sameSpeaker: own }: Readonly<Record<string, unknown>>): number =>
  typeof own === 'number' ? own : 0.5;
