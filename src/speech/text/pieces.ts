import { CLAUSE, CLOSER, codePoints, isSpeakable, kindAt, STOP } from './characters.ts';
import { MappedText, type Range } from './mapped-text.ts';
import type { TextPart } from './parts.ts';
import type { Pronunciations } from './pronunciation.ts';
import { type SentenceOptions, splitSentences } from './sentences.ts';
import type { Prosody } from './ssml-values.ts';
import { collapseSpace } from './tidy.ts';
import { tooLong } from './too-long.ts';

/** A pause between paragraphs, on top of what the voice leaves after a sentence. */
export const PARAGRAPH_PAUSE_MS = 400;

/** What is handed to an engine at once: a sentence, or the part of one that is spoken in one manner. */
export interface Piece extends Prosody, Range {
  text: string;
  /** IPA to speak instead of `text`. */
  phonemes?: string;
  /** The sentence goes on in the next piece: no silence belongs between the two. */
  continues: boolean;
  /** Silence to add before it. Only the first piece has any. */
  pauseBeforeMs: number;
  pauseAfterMs: number;
  /**
   * SSML marks in order, each by the UTF-16 offset in `text` before which it stands; at the text's end it comes
   * before the pause. A mark with a pause on either side is told with the piece after them.
   */
  marks: { name: string; at: number }[];
  /** The range of the caller's input that a range of `text` stands for: turns the times of words into its terms. */
  origin(from: number, to: number): Range;
}

export interface PieceOptions extends SentenceOptions {
  /** Bound of all text after the dictionary, in code points. */
  maxCharacters: number;
  pronunciations?: Pronunciations;
}

/** Neighbouring text in one manner. */
interface Segment {
  manner: Prosody;
  literal: boolean;
  contents: MappedText[];
}

/** Where in a run one manner of speaking ends. */
interface Edge {
  to: number;
  manner: Prosody;
}

/** A stretch of a run that becomes one piece. */
interface Fragment extends Range {
  manner: Prosody;
  speakable: boolean;
}

function sameManner(a: Prosody, b: Prosody): boolean {
  return a.rate === b.rate && a.pitch === b.pitch && a.volumeDb === b.volumeDb;
}

function edgesOf(run: readonly Segment[], contents: readonly MappedText[]): Edge[] {
  const edges: Edge[] = [];
  let to = 0;
  for (const [i, { manner }] of run.entries()) {
    to += contents[i]!.length;
    const last = edges.at(-1);
    if (last !== undefined && sameManner(last.manner, manner)) last.to = to;
    else edges.push({ to, manner });
  }
  return edges;
}

/**
 * Cuts a sentence where the manner changes; `first` is the edge after its start. Punctuation goes with the word it
 * follows. Empty where nothing can be spoken.
 */
function fragmentsOf({ from, to }: Range, text: string, edges: readonly Edge[], first: number): Fragment[] {
  const fragments: Fragment[] = [];
  let start = from;
  for (let i = first; start < to; i++) {
    const edge = edges[i]!;
    const end = Math.min(edge.to, to);
    const last = fragments.at(-1);
    if (last?.speakable) {
      while (start < end && (kindAt(text, start) & (STOP | CLAUSE | CLOSER)) !== 0) start++;
      last.to = start;
    }
    if (start >= end) continue;
    const speakable = isSpeakable(text.slice(start, end));
    if (last === undefined || (last.speakable && speakable)) {
      fragments.push({ from: start, to: end, manner: edge.manner, speakable });
    } else {
      last.to = end;
      if (speakable) Object.assign(last, { manner: edge.manner, speakable });
    }
    start = end;
  }
  return fragments.filter((fragment) => fragment.speakable);
}

function endsSentence(text: string): boolean {
  let last = text.length - 1;
  while (last > 0 && (kindAt(text, last) & (CLOSER | STOP)) === CLOSER) last--;
  return (kindAt(text, last) & STOP) !== 0;
}

/**
 * Collects parts of speech and makes pieces of them. Text between two pauses or boundaries is one run: its sentences
 * are found over all manners of speaking together and then cut where the manner changes.
 */
export class PieceList {
  /** Code points of all text after the dictionary. */
  characters = 0;
  readonly #options: PieceOptions;
  readonly #pieces: Piece[] = [];
  /** Of each piece. */
  readonly #contents: MappedText[] = [];
  #run: Segment[] = [];
  #marks: { name: string; at: number }[] = [];
  #earlyPauseMs = 0;
  #paragraphEnded = false;

  constructor(options: PieceOptions) {
    this.#options = options;
  }

  /** Adds text. Throws `text_too_long`. */
  text(part: TextPart, manner: Prosody): void {
    if (part.phonemes !== undefined) {
      this.#endRun(true);
      this.#count(part.phonemes.length > part.content.length ? part.phonemes : part.content.text);
      const begun = this.#pieces.length;
      this.#add(part.content, manner, part).phonemes = part.phonemes;
      this.#placeMarks(begun);
      return;
    }
    const last = this.#run.at(-1);
    if (last !== undefined && last.literal === part.literal && sameManner(last.manner, manner)) {
      last.contents.push(part.content);
    } else this.#run.push({ manner, literal: part.literal, contents: [part.content] });
  }

  pause(ms: number): void {
    this.#endRun(false);
    const last = this.#pieces.at(-1);
    if (last === undefined) this.#earlyPauseMs += ms;
    else last.pauseAfterMs += ms;
  }

  /** Adds a mark; `at` is its place in the caller's input. */
  mark(name: string, at: number): void {
    this.#marks.push({ name, at });
  }

  /** Ends the sentence, and the paragraph if so said. */
  boundary(paragraph: boolean): void {
    this.#endRun(false);
    this.#paragraphEnded ||= paragraph;
  }

  /** Everything that can be spoken, in order. */
  finish(): Piece[] {
    this.#endRun(false);
    const last = this.#pieces.at(-1);
    for (const { name } of this.#marks) last?.marks.push({ name, at: last.text.length });
    return this.#pieces;
  }

  #count(text: string): void {
    this.characters += codePoints(text);
    const { maxCharacters } = this.#options;
    if (this.characters > maxCharacters) throw tooLong(`more than ${maxCharacters}`, maxCharacters);
  }

  /** Makes pieces of the run. `open`: the sentence may go on behind it. */
  #endRun(open: boolean): void {
    const run = this.#run;
    this.#run = [];
    const contents = this.#pronounced(run);
    const text = MappedText.join(contents);
    this.#count(text.text);
    const begun = this.#pieces.length;
    const { firstMaxChars, ...rest } = this.#options;
    const early = begun === 0 && firstMaxChars !== undefined ? { firstMaxChars } : {};
    const edges = edgesOf(run, contents);
    let edge = 0;
    for (const sentence of splitSentences(text.text, { ...rest, ...early })) {
      while (edges[edge]!.to <= sentence.from) edge++;
      const fragments = fragmentsOf(sentence, text.text, edges, edge);
      for (const fragment of fragments) this.#add(text.slice(fragment.from, fragment.to), fragment.manner);
      const last = this.#pieces.at(-1);
      if (last === undefined) continue;
      last.continues = sentence.end === 'cut' && fragments.length > 0;
      this.#paragraphEnded ||= sentence.end === 'paragraph';
    }
    this.#placeMarks(begun);
    const last = this.#pieces.at(-1);
    if (last === undefined) return;
    if (!open) last.continues = false;
    else if (this.#pieces.length > begun) last.continues = !endsSentence(last.text);
  }

  #pronounced(run: readonly Segment[]): MappedText[] {
    const { pronunciations, maxCharacters } = this.#options;
    const contents = run.map((segment) => MappedText.join(segment.contents));
    if (pronunciations === undefined) return contents;
    return contents.map((content, i) =>
      run[i]!.literal
        ? content
        : pronunciations.apply(content, maxCharacters, contents[i - 1]?.text, contents[i + 1]?.text),
    );
  }

  #add(content: MappedText, manner: Prosody, place?: Range): Piece {
    const tidied = collapseSpace(content).trim();
    const before = this.#pieces.at(-1);
    if (before !== undefined && this.#paragraphEnded) before.pauseAfterMs += PARAGRAPH_PAUSE_MS;
    const { from, to } = place ?? tidied.range(0, tidied.length);
    const piece: Piece = {
      text: tidied.text,
      from,
      to,
      ...manner,
      continues: true,
      pauseBeforeMs: before === undefined ? this.#earlyPauseMs : 0,
      pauseAfterMs: 0,
      marks: [],
      origin: (start, end) => tidied.range(start, end),
    };
    this.#paragraphEnded = false;
    this.#contents.push(tidied);
    this.#pieces.push(piece);
    return piece;
  }

  /** Gives the marks before this point to the pieces since `begun`; without one they wait for the next piece. */
  #placeMarks(begun: number): void {
    if (this.#pieces.length === begun) return;
    let index = begun;
    for (const { name, at } of this.#marks) {
      while (
        index < this.#pieces.length - 1 &&
        this.#contents[index]!.indexFrom(at) === this.#contents[index]!.length
      ) {
        index++;
      }
      this.#pieces[index]!.marks.push({ name, at: this.#contents[index]!.indexFrom(at) });
    }
    this.#marks = [];
  }
}
