/**
 * Text that eSpeak cannot take for anything but text. Control characters carry commands inside eSpeak's input
 * (U+0001 starts one that changes rate or voice), NUL ends it, and one U+FFFD makes it read all that follows as
 * Latin-1. They become spaces, lone surrogates too, so that every position stays what it was.
 */
export function plainText(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what we look for
  return text.toWellFormed().replace(/[\0-\x08\x0b-\x1f\x7f-\x9f\ufffd]/g, ' ');
}

/** A stretch of a text, in UTF-16 units, end exclusive. */
export interface Range {
  from: number;
  to: number;
}

// Scripts that write words without spaces between them.
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
const OPENING = /^[\p{Ps}\p{Pi}\p{Pf}"'¿¡]+/u;
const CLOSING = /[\p{Pe}\p{Pi}\p{Pf}"'.,;:!?…、。，！？；：।॥؟،؛]+$/u;

/** The words of a text without the punctuation around them, in order. */
export function wordsOf(text: string): Range[] {
  const words: Range[] = [];
  for (const match of text.matchAll(/\S+/gu)) {
    if (UNSPACED.test(match[0])) words.push(...segmented(match[0], match.index));
    else words.push(trimmed(match[0], match.index));
  }
  return words;
}

function segmented(token: string, offset: number): Range[] {
  const words: Range[] = [];
  for (const part of new Intl.Segmenter(undefined, { granularity: 'word' }).segment(token)) {
    const from = offset + part.index;
    if (part.isWordLike) words.push({ from, to: from + part.segment.length });
  }
  return words.length > 0 ? words : [trimmed(token, offset)];
}

function trimmed(token: string, offset: number): Range {
  const opened = token.match(OPENING)?.[0].length ?? 0;
  const closed = token.slice(opened).match(CLOSING)?.[0].length ?? 0;
  // A token of nothing but punctuation is the word, if anything is.
  if (opened + closed === token.length) return { from: offset, to: offset + token.length };
  return { from: offset + opened, to: offset + token.length - closed };
}

/** The next part of a text for one call, with the UTF-16 index of each of its code points and of its end. */
export interface Window {
  text: string;
  offsets: number[];
}

/** Cuts at most `points` code points from a well-formed text, starting at a UTF-16 index. */
export function windowOf(text: string, start: number, points: number): Window {
  const offsets = [start];
  let at = start;
  while (at < text.length && offsets.length <= points) {
    at += text.codePointAt(at)! > 0xffff ? 2 : 1;
    offsets.push(at);
  }
  return { text: text.slice(start, at), offsets };
}
