import { CLAUSE, CLOSER, FULL_CLAUSE, isSpaceAt, kindAt, SPACE, splitsPair } from './characters.ts';

/** Units past the limit that a cut looks at, so that it never parts a grapheme it can't see the end of. */
export const CUT_CONTEXT = 64;

const words = new Intl.Segmenter('und', { granularity: 'word' });
const graphemes = new Intl.Segmenter('und', { granularity: 'grapheme' });

/** True where a clause ends right before `at`. Needs the unit at `at`, unless the text ends there. */
export function endsClause(text: string, at: number): boolean {
  const here = kindAt(text, at);
  let last = at - 1;
  if ((kindAt(text, last) & CLOSER) !== 0 && (kindAt(text, last - 1) & CLAUSE) !== 0) last--;
  const kind = kindAt(text, last);
  if ((kind & FULL_CLAUSE) !== 0) return (here & (CLAUSE | CLOSER)) === 0;
  if ((here & SPACE) === 0) return false;
  if ((kind & CLAUSE) !== 0) return true;
  return /[-–]/.test(text[last] ?? '') && isSpaceAt(text, last - 1);
}

/** The last clause end in `(from, to]`, or -1. */
export function lastClause(text: string, from: number, to: number): number {
  for (let at = to; at > from; at--) if (endsClause(text, at)) return at;
  return -1;
}

function lastBoundary(segmenter: Intl.Segmenter, text: string, start: number, max: number): number {
  let last = start;
  for (const { index } of segmenter.segment(text.slice(start, start + max + CUT_CONTEXT))) {
    if (index > max) break;
    last = start + index;
  }
  return last;
}

/**
 * Where to cut `text`, which has no sentence end in its first `max` units from `start`: at the last clause end that
 * leaves at least a quarter of the limit, else at the last white space, else between words (scripts written without
 * spaces), else between graphemes; only one grapheme longer than the limit is cut itself, between code points.
 */
export function cutPoint(text: string, start: number, max: number): number {
  const clause = lastClause(text, start + Math.floor(max / 4), start + max);
  if (clause !== -1) return clause;
  for (let at = start + max; at > start; at--) if (isSpaceAt(text, at)) return at;
  for (const segmenter of [words, graphemes]) {
    const at = lastBoundary(segmenter, text, start, max);
    if (at > start) return at;
  }
  return splitsPair(text, start + max) && max > 1 ? start + max - 1 : start + max;
}
