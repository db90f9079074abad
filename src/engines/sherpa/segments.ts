import type { RecognisedSegment, RecognisedWord } from '../contract.ts';
import type { NativeResult } from './native.ts';

/** A token says when it starts; where it does not say how long it is, its word ends this much later at most. */
const LONGEST_TOKEN_MS = 240;
/** A pause of this length ends a segment after the end of a sentence … */
const SENTENCE_PAUSE_MS = 100;
/** … and of this length anywhere. */
const PAUSE_MS = 1000;

const SENTENCE_END = /[.?!。？！…]["'”’»)]?$/;
const NO_SPACES = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u;
const BYTE = /^<0x([0-9A-F]{2})>$/;

interface TimedWord extends RecognisedWord {
  /** Whether a space stands before it. */
  spaced: boolean;
  /** Of its tokens; empty where the model does not measure. */
  logProbabilities: number[];
}

/**
 * Turns a recogniser's result into segments: those the model found itself, else its words parted at the ends of
 * sentences and at long pauses, else all of it as one. Times are milliseconds within `audioMs`. Nothing heard is no
 * segment.
 */
export function segmentsOf(result: NativeResult, audioMs: number, withWords: boolean): RecognisedSegment[] {
  const text = result.text.trim();
  if (text === '') return [];
  const words = wordsOf(result, audioMs);
  if (result.segment_texts?.length) return ownSegments(result, words, audioMs, withWords);
  if (words.length === 0) return [{ text, startMs: 0, endMs: audioMs }];
  // Rules that rewrite the text, for example numbers as digits, leave the tokens as they were heard.
  if (squeeze(textOf(words)) !== squeeze(text)) return [segment(text, words, withWords)];
  const groups = group(words);
  if (groups.length === 1) return [segment(text, words, withWords)];
  return groups.map((each) => segment(textOf(each), each, withWords));
}

/** All of a recogniser's result as one; its text is empty where nothing was heard. */
export function wholeOf(result: NativeResult, audioMs: number, withWords: boolean): RecognisedSegment {
  const text = result.text.trim();
  const words = text === '' ? [] : wordsOf(result, audioMs);
  return words.length === 0 ? { text, startMs: 0, endMs: text === '' ? 0 : audioMs } : segment(text, words, withWords);
}

/** Joins tokens to words: pieces of words, single letters, bytes, or characters of scripts without spaces. */
function wordsOf(result: NativeResult, audioMs: number): TimedWord[] {
  const { tokens = [], timestamps = [], durations = [] } = result;
  if (tokens.length === 0 || timestamps.length !== tokens.length) return [];
  const logProbabilities = result.ys_log_probs ?? result.ys_probs ?? [];
  const measured = logProbabilities.length === tokens.length;
  // Some models write every token as a word of its own and mark the pieces with a trailing @@.
  const marksPieces = / \S/.test(result.text.trim()) && !tokens.some((token) => token.startsWith(' '));
  const at = (index: number) => Math.min(audioMs, Math.round(timestamps[index]! * 1000));

  const words: (TimedWord & { bytes: Buffer[] })[] = [];
  let previous = '';
  tokens.forEach((token, index) => {
    const visible = token.trimStart().replace(/@@$/, '');
    const spaced = token !== token.trimStart() || (marksPieces && !previous.endsWith('@@') && !NO_SPACES.test(token));
    let word = words.at(-1);
    if (!word || spaced || NO_SPACES.test(token) || (NO_SPACES.test(previous) && /^[\p{L}\p{N}]/u.test(token))) {
      word = { word: '', startMs: at(index), endMs: 0, spaced, logProbabilities: [], bytes: [] };
      words.push(word);
    }
    if (word.bytes.length === 0) word.startMs = at(index);
    const byte = BYTE.exec(visible);
    if (visible !== '') word.bytes.push(byte ? Buffer.from(byte[1]!, 'hex') : Buffer.from(visible));
    const next = index + 1 < tokens.length ? at(index + 1) : audioMs;
    const lasts = durations.length === tokens.length ? Math.round(durations[index]! * 1000) : LONGEST_TOKEN_MS;
    if (visible !== '') word.endMs = Math.max(word.startMs, Math.min(at(index) + lasts, next));
    if (measured) word.logProbabilities.push(logProbabilities[index]!);
    previous = token;
  });
  return words.flatMap(({ bytes, ...word }) => {
    word.word = Buffer.concat(bytes).toString();
    return word.word === '' ? [] : [word];
  });
}

function group(words: readonly TimedWord[]): TimedWord[][] {
  const groups: TimedWord[][] = [];
  let last: TimedWord | undefined;
  for (const word of words) {
    const pause = last ? word.startMs - last.endMs : Number.POSITIVE_INFINITY;
    if (pause >= PAUSE_MS || (last && pause >= SENTENCE_PAUSE_MS && SENTENCE_END.test(last.word))) groups.push([]);
    groups.at(-1)!.push(word);
    last = word;
  }
  return groups;
}

function ownSegments(
  result: NativeResult,
  words: readonly TimedWord[],
  audioMs: number,
  withWords: boolean,
): RecognisedSegment[] {
  const { segment_texts: texts = [], segment_timestamps: starts = [], segment_durations: lengths = [] } = result;
  const ms = (seconds: number) => Math.min(audioMs, Math.max(0, Math.round(seconds * 1000)));
  return texts.flatMap((raw, index) => {
    const text = raw.trim();
    if (text === '') return [];
    const startMs = ms(starts[index] ?? 0);
    const until = index + 1 < texts.length ? ms(starts[index + 1] ?? 0) : Number.POSITIVE_INFINITY;
    const from = index === 0 ? 0 : startMs;
    const own = words.filter((word) => word.startMs >= from && word.startMs < until);
    const endMs = Math.max(startMs, ms((starts[index] ?? 0) + (lengths[index] ?? 0)));
    return [{ text, startMs, endMs, ...(withWords && own.length > 0 ? { words: own.map(plain) } : {}) }];
  });
}

function segment(text: string, words: readonly TimedWord[], withWords: boolean): RecognisedSegment {
  return {
    text,
    startMs: words[0]!.startMs,
    endMs: words.at(-1)!.endMs,
    ...confidence(words.flatMap((word) => word.logProbabilities)),
    ...(withWords ? { words: words.map(plain) } : {}),
  };
}

const plain = ({ word, startMs, endMs, logProbabilities }: TimedWord): RecognisedWord => ({
  word,
  startMs,
  endMs,
  ...confidence(logProbabilities),
});

/** The geometric mean of the tokens' probabilities. */
function confidence(logProbabilities: readonly number[]): { confidence?: number } {
  if (logProbabilities.length === 0) return {};
  const mean = logProbabilities.reduce((sum, each) => sum + each, 0) / logProbabilities.length;
  return { confidence: Math.min(1, Math.exp(mean)) };
}

const textOf = (words: readonly TimedWord[]): string =>
  words
    .map(({ word, spaced }) => (spaced ? ` ${word}` : word))
    .join('')
    .trim();

const squeeze = (text: string): string => text.replace(/\s+/g, '');
