import { type Abbreviations, abbreviationsFor } from './abbreviations.ts';
import { afterStop, atNewline, type Unfinished, type Verdict } from './boundaries.ts';
import { CLOSER, isSpaceAt, kindAt, NEWLINE, STOP } from './characters.ts';
import { CUT_CONTEXT, cutPoint, endsClause, lastClause } from './cuts.ts';

export interface Sentence {
  /** Exactly the given text from `from` to `to`, without white space at its ends. */
  text: string;
  /** UTF-16 offsets into everything given so far, end exclusive. */
  from: number;
  to: number;
  /** What ends here: a sentence, a paragraph (a blank line follows), or only a piece of a sentence over the limit. */
  end: 'sentence' | 'paragraph' | 'cut';
}

export interface SentenceOptions {
  /** Longest sentence in UTF-16 units, at least 1. Longer ones are cut at clauses, then spaces, then anywhere. */
  maxChars: number;
  /**
   * Where the first sentence is longer than this, it is cut at a clause, so that speech can begin early: at the last
   * clause end that makes a first piece of between a quarter of this and this, else at the first one after it.
   * Never between clauses, because speech would stumble there.
   */
  firstMaxChars?: number;
  /** BCP 47. Sharpens what is known of abbreviations and ordinals; without it all known languages are mixed. */
  language?: string;
}

/**
 * Cuts text into sentences while it arrives. The sentences are the same however the text is cut into pushes, even
 * between the halves of a surrogate pair; only the moment differs: a sentence is given out once the text that
 * decides its end is there, usually the first letter of the next one. Time is linear in the text; what is kept is
 * bounded by `maxChars` and the look-ahead, apart from what one push brings.
 */
export class SentenceStream {
  readonly #max: number;
  readonly #words: Abbreviations;
  #firstMax: number;
  #text = '';
  /** Offset of #text in everything pushed. */
  #base = 0;
  #start = 0;
  #scan = 0;
  /** Where the run of sentence marks begins that #scan is in or behind; -1 outside one. */
  #stop = -1;
  #lineStart = 0;
  #waitsForClause = false;

  constructor(options: SentenceOptions) {
    this.#max = Math.max(1, options.maxChars);
    this.#firstMax = options.firstMaxChars ?? Number.POSITIVE_INFINITY;
    this.#words = abbreviationsFor(options.language);
  }

  /** Adds text and gives the sentences that are now certain. */
  push(piece: string): Sentence[] {
    this.#text += piece;
    return this.#take(false);
  }

  /** Gives what is left. What is pushed afterwards begins a new sentence; offsets count on. */
  flush(): Sentence[] {
    return this.#take(true);
  }

  #take(final: boolean): Sentence[] {
    const found: Sentence[] = [];
    const view: Unfinished = { text: this.#text, start: 0, final };
    for (;;) {
      const sentence = this.#next(view);
      if (sentence === undefined) break;
      found.push(sentence);
    }
    this.#drop(final ? this.#text.length : this.#start);
    return found;
  }

  /** Forgets text that has been given out. */
  #drop(units: number): void {
    this.#text = this.#text.slice(units);
    this.#base += units;
    this.#start = Math.max(0, this.#start - units);
    this.#scan = Math.max(0, this.#scan - units);
    this.#lineStart -= units;
    if (this.#stop !== -1) this.#stop = this.#text === '' ? -1 : this.#stop - units;
  }

  #next(view: Unfinished): Sentence | undefined {
    const { text, final } = view;
    if (this.#scan === this.#start) this.#skipSpace();
    view.start = this.#start;
    for (; ; this.#scan++) {
      const at = this.#scan;
      const kind = kindAt(text, at);
      if (this.#stop !== -1 && (kind & (STOP | CLOSER)) === 0) {
        const verdict = afterStop(view, this.#stop, at, this.#words);
        if (verdict === 'wait') return undefined;
        if (verdict !== 'none') return this.#end(verdict, at);
        this.#stop = -1;
      }
      if (at >= text.length) return final && at > this.#start ? this.#give(at, 'sentence') : undefined;

      const early = this.#earlyCut(text, at);
      if (early !== -1) return this.#give(early, 'cut');
      if (at - this.#start >= this.#max) {
        if (text.length < this.#start + this.#max + CUT_CONTEXT && !final) return undefined;
        return this.#give(cutPoint(text, this.#start, this.#max), 'cut');
      }
      if ((kind & NEWLINE) !== 0) {
        const verdict = atNewline(view, at, this.#lineStart);
        if (verdict === 'wait') return undefined;
        if (verdict !== 'none') return this.#end(verdict, at);
        this.#lineStart = at + 1;
      }
      if (this.#stop === -1 && (kind & STOP) !== 0) this.#stop = at;
    }
  }

  #skipSpace(): void {
    while (isSpaceAt(this.#text, this.#start)) {
      if ((kindAt(this.#text, this.#start) & NEWLINE) !== 0) this.#lineStart = this.#start + 1;
      this.#start++;
    }
    this.#scan = this.#start;
  }

  /** Where the first sentence is to be cut, once `at` has passed `firstMaxChars`; -1 for not here. */
  #earlyCut(text: string, at: number): number {
    if (at - this.#start < this.#firstMax || this.#stop !== -1) return -1;
    if (!this.#waitsForClause) {
      this.#waitsForClause = true;
      const early = lastClause(text, this.#start + Math.floor(this.#firstMax / 4), this.#start + this.#firstMax);
      if (early !== -1) return early;
    }
    return endsClause(text, at) ? at : -1;
  }

  /** A closing mark set off by a space is left to the next sentence where it would break the limit. */
  #end(verdict: Exclude<Verdict, string>, at: number): Sentence {
    const end = verdict.end - this.#start > this.#max ? at : verdict.end;
    return this.#give(end, verdict.paragraph ? 'paragraph' : 'sentence');
  }

  #give(end: number, kind: Sentence['end']): Sentence {
    let to = end;
    while (to > this.#start && isSpaceAt(this.#text, to - 1)) to--;
    const sentence: Sentence = {
      text: this.#text.slice(this.#start, to),
      from: this.#base + this.#start,
      to: this.#base + to,
      end: kind,
    };
    if (this.#lineStart > end) this.#lineStart = this.#start; // a cut goes back behind line breaks it had passed
    this.#start = this.#scan = end;
    this.#stop = -1;
    this.#firstMax = Number.POSITIVE_INFINITY;
    return sentence;
  }
}

/** All sentences of a text, in order. Nothing but white space lies between them. */
export function splitSentences(text: string, options: SentenceOptions): Sentence[] {
  const stream = new SentenceStream(options);
  return [...stream.push(text), ...stream.flush()];
}
