import { z } from 'zod';
import type { Settings } from '../../config/kinds.ts';
import { TRANSCRIPT_FORMATS } from '../../speech/transcript-formats.ts';
import {
  booleanField,
  jsonField,
  languageField,
  listField,
  modelField,
  numberField,
  oneOf,
  wholeField,
} from './fields.ts';

/** The most speakers that a request may tell of or ask for. */
const MOST_KNOWN = 4;
const MOST_SPEAKERS = 32;

const CHUNKING =
  'must be auto, or an object with type server_vad, a threshold from 0 to 1, and prefix_padding_ms and ' +
  'silence_duration_ms from 0 to 60000';

/** The file, as the documentation shows it. It has been checked when the form was received. */
const fileField = z.any().meta({ type: 'string', format: 'binary', description: 'The recording.' });

/** The forms of transcription and translation: OpenAI's fields, and the steps that this server takes besides. */
export function transcriptionForms({ promptChars }: Settings['limits']) {
  const common = {
    file: fileField,
    model: modelField.optional(),
    prompt: z.string().max(promptChars, `must not be longer than ${promptChars} characters`).optional(),
    temperature: numberField(0, 1).optional(),
    denoise: booleanField.optional().describe('Take out noise first. Default: STT_NOISE_REDUCE.'),
  };
  const transcription = z.object({
    ...common,
    language: languageField.optional(),
    languages: listField(languageField).optional().describe('The first one counts.'),
    keywords: listField(z.string().max(200)).optional().describe('Words to expect; they are added to the prompt.'),
    response_format: oneOf(TRANSCRIPT_FORMATS).default('json'),
    timestamp_granularities: listField(oneOf(['word', 'segment'])).optional(),
    include: listField(oneOf(['logprobs']))
      .optional()
      .describe('Accepted; no engine of this server tells tokens apart.'),
    stream: booleanField.default(false),
    chunking_strategy: jsonField(
      z.union(
        [
          oneOf(['auto']),
          z.object({
            type: oneOf(['server_vad']),
            threshold: numberField(0, 1).optional(),
            prefix_padding_ms: numberField(0, 60_000).optional(),
            silence_duration_ms: numberField(0, 60_000).optional(),
          }),
        ],
        { error: CHUNKING },
      ),
    )
      .optional()
      .describe('Accepted: long recordings are always cut at pauses.'),
    diarize: booleanField.default(false).describe('Tell who says what; `json` then is `diarized_json`.'),
    num_speakers: wholeField(1, MOST_SPEAKERS).optional().describe('How many people speak, where that is known.'),
    known_speaker_names: listField(z.string().min(1).max(200), MOST_KNOWN).optional(),
    known_speaker_references: listField(z.string(), MOST_KNOWN)
      .optional()
      .describe('A data URL with 2 to 10 seconds of each known speaker.'),
    punctuate: booleanField.default(false).describe('Add punctuation marks to what the recogniser wrote.'),
  });
  const translation = z.object({
    ...common,
    response_format: oneOf(['json', 'text', 'srt', 'verbose_json', 'vtt']).default('json'),
  });
  return { transcription, translation };
}

export type TranscriptionForm = z.output<ReturnType<typeof transcriptionForms>['transcription']>;

/** The predecessor read `diarize` from the address. */
export const transcriptionQuery = z.object({
  diarize: booleanField.optional().describe('The same as the field; clients of earlier versions send it here.'),
});
