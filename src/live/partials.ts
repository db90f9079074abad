/**
 * What may be shown of an utterance before it is over. Each hypothesis of a recogniser replaces the one before; here
 * they become text that never takes back what it has confirmed: words are confirmed when two hypotheses in a row agree
 * on them and both have heard a further word, since the last one may still be growing.
 */

export interface Partial {
  text: string;
  /** Characters at its beginning that no later partial will change. */
  confirmed: number;
}

/** A word with what stands before it; in scripts without spaces, one character. */
const WORD =
  /\s*(?:[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]\p{M}*|[^\s\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]+)/gu;
const PUNCTUATION_AT_END = /\p{P}+$/u;

interface Word {
  /** Without space before it and punctuation behind it, which a longer hypothesis often changes. */
  text: string;
  /** Where that ends in the hypothesis. */
  end: number;
}

/** The partial results of one utterance. */
export class Partials {
  #confirmed = '';
  #confirmedWords = 0;
  #previous: Word[] = [];
  #told: Partial = { text: '', confirmed: 0 };

  /** Takes the next hypothesis; undefined where it changes nothing that was told. */
  next(hypothesis: string): Partial | undefined {
    const text = hypothesis.trim();
    const words = wordsOf(text);
    this.#confirm(text, words);
    this.#previous = words;
    const kept = words[this.#confirmedWords - 1]?.end;
    const rest = this.#confirmedWords === 0 ? text : kept === undefined ? '' : text.slice(kept);
    const partial = { text: this.#confirmed + rest, confirmed: this.#confirmed.length };
    if (partial.text === this.#told.text && partial.confirmed === this.#told.confirmed) return undefined;
    this.#told = partial;
    return partial;
  }

  #confirm(text: string, words: readonly Word[]): void {
    const most = Math.min(words.length, this.#previous.length) - 1;
    let agreed = this.#confirmedWords;
    while (agreed < most && words[agreed]!.text === this.#previous[agreed]!.text) agreed++;
    if (agreed <= this.#confirmedWords) return;
    const from = words[this.#confirmedWords - 1]?.end ?? 0;
    this.#confirmed += text.slice(from, words[agreed - 1]!.end);
    this.#confirmedWords = agreed;
  }
}

function wordsOf(text: string): Word[] {
  return Array.from(text.matchAll(WORD), ({ 0: found, index }) => {
    const trimmed = found.trimStart();
    const word = trimmed.replace(PUNCTUATION_AT_END, '') || trimmed;
    return { text: word, end: index + found.length - trimmed.length + word.length };
  });
}
