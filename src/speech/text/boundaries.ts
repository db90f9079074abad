import { type Abbreviations, isMonth } from './abbreviations.ts';
import {
  CLAUSE,
  CLOSER,
  FULL_STOP,
  isHighSurrogate,
  isSpaceAt,
  kindAt,
  NEWLINE,
  OPENER,
  SPACE,
  STOP,
  splitsPair,
} from './characters.ts';

/**
 * Whether a sentence ends at one place of a text. Each decision looks at most `LOOK_AHEAD` units past the place (and
 * a word after that) and `LOOK_BEHIND` before it, so that the work is linear and does not depend on how the text
 * arrived: where the text so far is too short to tell, the answer is `wait`.
 */
export type Verdict = 'wait' | 'none' | { end: number; paragraph: boolean };

/** The unfinished text: `start` is where the current sentence begins, `final` that nothing more will come. */
export interface Unfinished {
  text: string;
  start: number;
  final: boolean;
}

const LOOK_AHEAD = 64;
const LOOK_BEHIND = 24;
const LONGEST_WORD = 16;
/** A line at least this long that does not end a sentence was broken by its width, not by its meaning. */
const WRAPPED_LINE = 50;

/** White space from `from` on: where it ends and how many line breaks it holds. */
function pastSpace({ text, final }: Unfinished, from: number): 'wait' | { next: number; newlines: number } {
  let next = from;
  let newlines = 0;
  for (; next - from < LOOK_AHEAD; next++) {
    const kind = kindAt(text, next);
    if ((kind & SPACE) === 0) break;
    if ((kind & NEWLINE) !== 0) newlines += text[next] === '\u2029' ? 2 : 1;
  }
  if (newlines < 2 && next >= text.length && !final && next - from < LOOK_AHEAD) return 'wait';
  return { next, newlines };
}

/** The first character that is not an opening quote or bracket; empty at the end of the text. */
function leadAt({ text, final }: Unfinished, from: number): 'wait' | { lead: string; at: number } {
  let at = from;
  while (at - from < 8 && at < text.length && (kindAt(text, at) & OPENER) !== 0) at++;
  const cut = at >= text.length || (at === text.length - 1 && isHighSurrogate(text.charCodeAt(at)));
  if (cut && !final) return 'wait';
  const code = text.codePointAt(at);
  return { lead: code === undefined ? '' : String.fromCodePoint(code), at };
}

function wordAt({ text, final }: Unfinished, from: number): 'wait' | { word: string } {
  let end = from;
  while (end - from < LONGEST_WORD && end < text.length && /[\p{L}\p{M}]/u.test(text[end]!)) end++;
  return end >= text.length && !final && end - from < LONGEST_WORD ? 'wait' : { word: text.slice(from, end) };
}

/** What stands directly before a full stop, without spaces: a word, a number, an abbreviation with inner stops. */
function tokenBefore(text: string, start: number, stop: number): { token: string; at: number } {
  let at = stop;
  while (at > start && stop - at < LOOK_BEHIND && /[\p{L}\p{N}\p{M}.\-'’§]/u.test(text[at - 1]!)) at--;
  if (splitsPair(text, at)) at--;
  return { token: text.slice(at, stop), at };
}

function followsColon(text: string, start: number, at: number): boolean {
  let before = at - 1;
  while (before > start && at - before < 4 && isSpaceAt(text, before)) before--;
  return text[before] === ':' || text[before] === '：';
}

/** For a single full stop with nothing but white space after it: does it belong to the word before it? */
function belongsToWord(
  view: Unfinished,
  stop: number,
  lead: string,
  at: number,
  words: Abbreviations,
): 'wait' | boolean {
  const { token, at: tokenAt } = tokenBefore(view.text, view.start, stop);
  // Part of something longer, such as an address or a price.
  if (token === '' || (tokenAt > view.start && (kindAt(view.text, tokenAt - 1) & (SPACE | OPENER | CLAUSE)) === 0)) {
    return false;
  }
  const beforeDigit = /^\p{N}$/u.test(lead);
  const needsWord = (test: (word: string) => boolean): 'wait' | boolean => {
    const next = wordAt(view, at);
    return next === 'wait' ? 'wait' : test(next.word);
  };

  if (/^\p{Nd}{1,3}$/u.test(token)) {
    if (tokenAt === view.start || followsColon(view.text, view.start, tokenAt)) return true; // "1. First"
    if (token.length > 2) return false;
    if (beforeDigit) return true; // "3. 4. 2020"
    return needsWord((word) => isMonth(word) || (words.ordinals && word !== '' && !words.starters.has(word)));
  }
  const lower = token.toLowerCase();
  if (words.titles.has(token) || words.inner.has(lower)) return true;
  const initials = /^[\p{Lu}\p{Ll}]$/u.test(token) || /^(?:\p{L}{1,2}\.)+\p{L}{1,2}$/u.test(token);
  const ordinal = words.ordinals && /^[IVXLC]{2,7}$/.test(token);
  if (beforeDigit && (words.number.has(lower) || words.either.has(lower))) return true;
  if (words.either.has(lower) && /^\p{Ll}$/u.test(lead)) return true;
  if (words.number.has(lower) && /^[IVXLC]$/.test(lead)) {
    return needsWord((word) => /^[IVXLC]+$/.test(word) && !(lower === 'no' && word === 'I'));
  }
  if (initials || ordinal) return needsWord((word) => !words.starters.has(word));
  return false;
}

/**
 * The verdict after a run of sentence marks and closers: it began at `stop` and `at` is the first unit behind it.
 */
export function afterStop(view: Unfinished, stop: number, at: number, words: Abbreviations): Verdict {
  const { text, final } = view;
  if (at >= text.length) return final ? { end: at, paragraph: false } : 'wait';

  let full = false;
  let closed = false;
  let emphatic = false;
  for (let i = stop; i < at; i++) {
    const kind = kindAt(text, i);
    if ((kind & FULL_STOP) !== 0) full = true;
    else if ((kind & STOP) === 0 && (kind & CLOSER) !== 0) closed = true;
    if (/[!?‼⁇⁈⁉]/.test(text[i]!)) emphatic = true;
  }

  if (!isSpaceAt(text, at)) {
    const next = leadAt(view, at);
    if (next === 'wait') return 'wait';
    if (full) {
      const quoted = closed && /\p{Script=Hiragana}/u.test(next.lead); // 「…！」と言った
      const decimal = text[stop] === '．' && /\p{Nd}/u.test(next.lead);
      return quoted || decimal ? 'none' : { end: at, paragraph: false };
    }
    const asian = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}]/u.test(next.lead);
    return emphatic && !closed && asian ? { end: at, paragraph: false } : 'none';
  }

  let end = at;
  let space = pastSpace(view, end);
  if (space === 'wait') return 'wait';
  // French sets its closing mark off with a space: « Oui. » A German opening mark is followed by a letter instead.
  if (space.newlines === 0 && space.next - at <= 2 && text[space.next] === '»') {
    if (space.next + 1 >= text.length && !final) return 'wait';
    if (space.next + 1 >= text.length || isSpaceAt(text, space.next + 1)) {
      closed = true;
      end = space.next + 1;
      space = pastSpace(view, end);
      if (space === 'wait') return 'wait';
    }
  }
  if (space.newlines >= 2) return { end, paragraph: true };
  const boundary = { end, paragraph: false };
  if (space.next >= text.length || space.next - end >= LOOK_AHEAD) return boundary;
  const next = leadAt(view, space.next);
  if (next === 'wait') return 'wait';
  if (full) return boundary;
  const single = text[stop] === '.' && end === stop + 1;
  if (/^\p{Ll}$/u.test(next.lead) && !(single && space.newlines > 0)) {
    const spanish = /[¿¡]/.test(text.slice(space.next, next.at));
    return (emphatic && !closed) || spanish ? boundary : 'none';
  }
  const belongs = single && belongsToWord(view, stop, next.lead, next.at, words);
  if (belongs === 'wait') return 'wait';
  return belongs ? 'none' : boundary;
}

/** The verdict at a line break at `at`; `lineStart` is where its line begins. */
export function atNewline(view: Unfinished, at: number, lineStart: number): Verdict {
  const { text, start, final } = view;
  const space = pastSpace(view, at);
  if (space === 'wait') return 'wait';
  if (space.newlines >= 2) return { end: at, paragraph: true };
  const boundary = { end: at, paragraph: false };
  const next = text.slice(space.next, space.next + 6);
  if (next.length < 6 && !final) return 'wait';
  if (next === '' || /^(?:[-*•‣◦·–—]\s|\p{Nd}{1,3}[.)]\s)/u.test(next)) return boundary;

  let last = at - 1;
  while (last > start && isSpaceAt(text, last)) last--;
  if (/[\p{Pd}\u00ad,،、，]/u.test(text[last] ?? '')) return 'none';
  const lead = leadAt(view, space.next);
  if (lead === 'wait') return 'wait';
  if (/^\p{Ll}$/u.test(lead.lead)) return 'none';
  return at - lineStart >= WRAPPED_LINE && !/[:：]/.test(text[last] ?? '') ? 'none' : boundary;
}
