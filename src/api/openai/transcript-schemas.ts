import { z } from 'zod';

const usage = z.object({ type: z.literal('duration'), seconds: z.number() });
/** The answer to `response_format: "json"`. */
export const transcription = z.object({ text: z.string(), usage }).meta({ id: 'Transcription' });
const seconds = z.number().describe('From the start of the recording, in seconds');
/** The answer to `response_format: "verbose_json"`. */
export const verboseTranscription = z
  .object({
    task: z.enum(['transcribe', 'translate']),
    language: z.string().describe('In English and lower case: `english`'),
    duration: z.number().describe('In seconds'),
    text: z.string(),
    segments: z
      .array(
        z.object({
          id: z.int(),
          seek: z.int(),
          start: seconds,
          end: seconds,
          text: z.string(),
          tokens: z.array(z.int()),
          temperature: z.number(),
          avg_logprob: z.number(),
          compression_ratio: z.number(),
          no_speech_prob: z.number(),
          speaker: z.string().optional().describe('Where `diarize` asked for it'),
        }),
      )
      .optional(),
    words: z.array(z.object({ word: z.string(), start: seconds, end: seconds })).optional(),
    usage,
  })
  .meta({ id: 'VerboseTranscription' });

/** The answer to `response_format: "diarized_json"`. */
export const diarizedTranscription = z
  .object({
    task: z.enum(['transcribe', 'translate']),
    duration: z.number().describe('In seconds'),
    text: z.string(),
    segments: z.array(
      z.object({
        type: z.literal('transcript.text.segment'),
        id: z.string(),
        start: seconds,
        end: seconds,
        text: z.string(),
        speaker: z.string().describe('A name from `known_speaker_names`, else A, B, …'),
      }),
    ),
    usage,
  })
  .meta({ id: 'DiarizedTranscription' });
