import type { RecogniserFamily } from '../family.ts';
import { baseLanguage, multilingual, options, paths } from '../family.ts';

/**
 * OpenAI's Whisper. Options: `translate: false` for models that were not trained for it (turbo, distil);
 * `wordTimes: true` for models exported with attention outputs; `segmentTimes: false` to switch off the model's own
 * segment boundaries; `tailPaddings`.
 */
export const whisper: RecogniserFamily = {
  api: 'recogniser',
  required: () => ['encoder', 'decoder', 'tokens'],
  takesHints: true,
  config: (model, hints) => ({
    whisper: {
      ...paths(model, 'encoder', 'decoder'),
      // An empty language is found by the model; models for English alone know no other.
      language: multilingual(model) && hints.language ? whisperLanguage(hints.language) : '',
      task: hints.task,
      ...options(model, 'tailPaddings'),
      enableSegmentTimestamps: model.options.segmentTimes === false ? 0 : 1,
      enableTokenTimestamps: model.options.wordTimes === true ? 1 : 0,
    },
  }),
  capability: (model) => ({
    detectsLanguage: multilingual(model),
    wordTimes: model.options.wordTimes === true,
    confidence: false,
    translate: multilingual(model) && model.options.translate !== false,
    // sherpa-onnx drops what lies beyond 29.5 s.
    maxAudioMs: 29_000,
  }),
};

/** Where Whisper's language codes differ from BCP 47. */
const WHISPER_CODES: Readonly<Record<string, string>> = { jv: 'jw', nb: 'no', fil: 'tl' };

function whisperLanguage(tag: string): string {
  const base = baseLanguage(tag);
  return WHISPER_CODES[base] ?? base;
}
