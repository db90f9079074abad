import type { Hearing, RecognisedSegment, RecognisedWord } from '../engines/contract.ts';
import { joinText } from '../speech/transcript-formats.ts';

/** What was recognised of a stretch of audio, in the session's time. */
export interface Recognised {
  text: string;
  startMs: number;
  endMs: number;
  words?: RecognisedWord[];
  language?: string;
  confidence?: number;
  alternatives?: { text: string; confidence?: number }[];
}

/** Where a stretch lies, in milliseconds of the session. */
export interface Stretch {
  fromMs: number;
  toMs: number;
}

/** Moves what a streaming recogniser heard from the clock of its utterance to the session's. */
export function ofHearing(hearing: Hearing, stretch: Stretch): Recognised {
  const { text, language, confidence, words, alternatives } = hearing;
  return {
    text: text.trim(),
    ...placed(hearing, stretch),
    ...(words === undefined ? {} : { words: words.map((word) => ({ ...word, ...placed(word, stretch) })) }),
    ...(language === undefined ? {} : { language }),
    ...(confidence === undefined ? {} : { confidence }),
    ...(alternatives === undefined ? {} : { alternatives }),
  };
}

/** Puts the segments of a recording together. A confidence is that of all its words, so each counts by its length. */
export function ofSegments(segments: readonly RecognisedSegment[], stretch: Stretch): Recognised {
  const spoken = segments.filter(({ text }) => text.trim() !== '');
  if (spoken.length === 0) return { text: '', startMs: stretch.fromMs, endMs: stretch.toMs };
  const moved = spoken.map((segment) => ({
    ...segment,
    ...placed(segment, stretch),
    text: segment.text.trim(),
    words: segment.words?.map((word) => ({ ...word, ...placed(word, stretch) })),
  }));
  const language = moved.find((segment) => segment.language !== undefined)?.language;
  const confidence = meanConfidence(moved);
  return {
    text: joinText(moved),
    startMs: moved[0]!.startMs,
    endMs: moved.at(-1)!.endMs,
    ...(moved.some(({ words }) => words !== undefined) ? { words: moved.flatMap(({ words }) => words ?? []) } : {}),
    ...(language === undefined ? {} : { language }),
    ...(confidence === undefined ? {} : { confidence }),
  };
}

function placed({ startMs, endMs }: { startMs: number; endMs: number }, { fromMs, toMs }: Stretch) {
  const at = (ms: number): number => Math.min(toMs, fromMs + Math.max(0, ms));
  return { startMs: at(startMs), endMs: Math.max(at(startMs), at(endMs)) };
}

function meanConfidence(segments: readonly RecognisedSegment[]): number | undefined {
  let sum = 0;
  let weights = 0;
  for (const { text, confidence } of segments) {
    if (confidence === undefined) return undefined;
    sum += confidence * text.length;
    weights += text.length;
  }
  return sum / weights;
}
