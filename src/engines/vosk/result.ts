import { z } from 'zod';
import { SpeechError } from '../../errors.ts';
import type { RecognisedWord } from '../contract.ts';

/** What libvosk heard between two pauses. Times count from the first sample that its recogniser was given. */
export interface Heard {
  text: string;
  words: RecognisedWord[];
  /** 0 to 1; absent where nothing was heard. */
  confidence?: number;
  /** Every reading, the best one first; only that one where no others were asked for. */
  readings: Reading[];
}

export interface Reading {
  text: string;
  confidence: number;
}

// Times are seconds. The library writes `nan` where a lattice was empty: see `readJson`.
const wordSchema = z.object({
  word: z.string(),
  start: z.number().nullable(),
  end: z.number().nullable(),
  conf: z.number().nullish(),
});
const plainSchema = z.object({ text: z.string(), result: z.array(wordSchema).default([]) });
const alternativeSchema = plainSchema.extend({ confidence: z.number().nullish() });
const resultSchema = z.union([z.object({ alternatives: z.array(alternativeSchema) }), plainSchema]);
const partialSchema = z.object({ partial: z.string().default('') });

/** Reads the answer of `vosk_recognizer_result` or `…_final_result`. Throws SpeechError `engine_failed`. */
export function readResult(json: string | null): Heard {
  const read = readJson(resultSchema, json);
  if (!('alternatives' in read)) return oneReading(read);
  const [best = { text: '', result: [] }] = read.alternatives;
  const readings = share(read.alternatives);
  const words = best.result.filter(({ word }) => isWord(word)).map(toWord);
  const text = textOf(best);
  return { text, words, ...(text === '' ? {} : { confidence: readings[0]!.confidence }), readings };
}

/** Reads the answer of `vosk_recognizer_partial_result`. Throws SpeechError `engine_failed`. */
export function readPartial(json: string | null): string {
  return joinWords(readJson(partialSchema, json).partial.split(' '));
}

/** Words as their script writes them: Chinese and Japanese put no space between two of theirs. */
export function joinWords(words: readonly string[]): string {
  return words
    .filter(isWord)
    .join(' ')
    .replace(
      /(?<=\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana}|ー) (?=\p{Script=Han}|\p{Script=Hiragana}|\p{Script=Katakana})/gu,
      '',
    );
}

function oneReading(read: z.infer<typeof plainSchema>): Heard {
  const words = read.result.filter(({ word }) => isWord(word)).map(toWord);
  const text = textOf(read);
  if (words.length === 0) return { text, words, readings: [] };
  const confidence = words.reduce((sum, word) => sum + (word.confidence ?? 0), 0) / words.length;
  return { text, words, confidence, readings: [{ text, confidence }] };
}

const textOf = ({ text }: { text: string }): string => joinWords(text.split(' '));

/**
 * The library scores readings by their logarithmic likelihood, which says nothing by itself: the confidence is a
 * reading's share of what all of them have together.
 */
function share(alternatives: readonly z.infer<typeof alternativeSchema>[]): Reading[] {
  const scores = alternatives.map(({ confidence }) => confidence ?? Number.NEGATIVE_INFINITY);
  const highest = Math.max(...scores);
  const weights = scores.map((score) => (Number.isFinite(highest) ? Math.exp(score - highest) : 1));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  // Two that differ only in what is no word, or in when it was said, are one.
  const shares = new Map<string, number>();
  for (const [at, alternative] of alternatives.entries()) {
    const text = textOf(alternative);
    shares.set(text, (shares.get(text) ?? 0) + weights[at]! / total);
  }
  return [...shares].map(([text, confidence]) => ({ text, confidence }));
}

function toWord({ word, start, end, conf }: z.infer<typeof wordSchema>): RecognisedWord {
  const startMs = Math.round((start ?? 0) * 1000);
  return {
    word,
    startMs,
    endMs: Math.max(startMs, Math.round((end ?? 0) * 1000)),
    // It may be a hair above 1.
    ...(typeof conf === 'number' ? { confidence: Math.min(1, Math.max(0, conf)) } : {}),
  };
}

/** Not a noise, nor what stands for a word outside the vocabulary: `<unk>`, `[unk]`, `[noise]`. */
function isWord(word: string): boolean {
  return word !== '' && !/^(<.*>|\[.*\])$/.test(word);
}

function readJson<T>(schema: z.ZodType<T>, json: string | null): T {
  // Numbers that JSON does not know stand behind a name, which ends with a quotation mark.
  const known = json?.replace(/(?<=")\s*:\s*-?(?:nan|inf)\b/g, ': null') ?? '';
  let value: unknown;
  try {
    value = JSON.parse(known);
  } catch {
    value = undefined;
  }
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  // What was said is no business of the log.
  throw new SpeechError('engine_failed', 'The recogniser gave an answer that cannot be read.', {
    detail: `libvosk answered ${known.length} characters that are not a result`,
  });
}
