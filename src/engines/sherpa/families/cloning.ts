import type { VoiceFamily } from '../family.ts';
import { paths } from '../family.ts';

/**
 * ZipVoice: Chinese and English in the voice of any recording whose words are known. An operator's manifest may bring
 * one recording, which is then the model's voice. Its distilled models take four steps.
 */
export const zipvoice: VoiceFamily = {
  api: 'voice',
  required: () => ['encoder', 'decoder', 'vocoder', 'tokens', 'lexicon', 'dataDir'],
  sampleRate: 24_000,
  imitates: 'transcribed recording',
  config: (model) => ({
    zipvoice: paths(model, 'encoder', 'decoder', 'vocoder', 'tokens', 'lexicon', 'dataDir'),
  }),
  generation: () => ({ numSteps: 4 }),
};

/** Seconds of a recording that Pocket TTS listens to; sherpa-onnx would stop after 10, in the middle of a word maybe. */
const POCKET_REFERENCE_SECONDS = 20;

/** Kyutai's Pocket TTS: English in the voice of any recording. It takes no pace. */
export const pocket: VoiceFamily = {
  api: 'voice',
  required: () => [
    ...['lmFlow', 'lmMain', 'encoder', 'decoder', 'textConditioner'],
    ...['vocabJson', 'tokenScoresJson', 'reference'],
  ],
  sampleRate: 24_000,
  speed: { min: 1, max: 1 },
  imitates: 'recording',
  config: (model) => ({
    pocket: paths(model, 'lmFlow', 'lmMain', 'encoder', 'decoder', 'textConditioner', 'vocabJson', 'tokenScoresJson'),
  }),
  generation: () => ({ numSteps: 5, extra: { max_reference_audio_len: POCKET_REFERENCE_SECONDS } }),
};
