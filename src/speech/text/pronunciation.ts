import { readFile, stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { parseDocument } from 'yaml';
import { codePoints } from './characters.ts';
import { MappedText } from './mapped-text.ts';
import { tooLong } from './too-long.ts';

const LONGEST_WORD = 100;
const LONGEST_SPOKEN = 500;
const LARGEST_FILE = 16 * 1024 * 1024;

/** Part of a word. In scripts written without spaces every character stands alone. */
const WORD = /^[\p{L}\p{N}\p{M}_]$/u;
const UNSPACED =
  /^[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]$/u;

function isWord(character: string): boolean {
  if (character < '\u0080') return /^\w$/.test(character);
  return WORD.test(character) && !UNSPACED.test(character);
}

function characterAt(text: string, index: number): string {
  const code = text.codePointAt(index);
  return code === undefined ? '' : String.fromCodePoint(code);
}

function characterBefore(text: string, index: number): string {
  const last = text.charCodeAt(index - 1);
  return characterAt(text, last >= 0xdc00 && last <= 0xdfff && index >= 2 ? index - 2 : index - 1);
}

/** Unit for unit: one kind of apostrophe and of white space. */
function alike(text: string): string {
  return text.replaceAll('’', "'").replace(/\s/g, ' ');
}

/** `alike` in lower case, where that keeps the length. */
function fold(text: string): string {
  const upper = alike(text);
  const lower = upper.toLowerCase();
  if (lower.length === upper.length) return lower;
  return Array.from(upper, (one) => (one.toLowerCase().length === one.length ? one.toLowerCase() : one)).join('');
}

/** The word that begins at `index`, or the one character there that is part of no word. */
function tokenAt(text: string, index: number): string {
  let end = index;
  for (let one = characterAt(text, end); one !== '' && isWord(one); one = characterAt(text, end)) end += one.length;
  return end > index ? text.slice(index, end) : characterAt(text, index);
}

/** Whether a word that ends before `index` ends there: "it's" goes on after its apostrophe, "OpenAI's" does not. */
function wordEnds(folded: string, index: number): boolean {
  const next = characterAt(folded, index);
  if (isWord(next)) return false;
  if (next !== "'") return true;
  const after = tokenAt(folded, index + 1);
  return after === '' || !isWord(characterAt(after, 0)) || after === 's';
}

/** Keys that begin with one word; `lengths` are those of the keys, longest first. */
interface Candidates {
  lengths: number[];
  spoken: Map<string, { exact: string | undefined; spoken: string }[]>;
}

/**
 * A dictionary of words and how to speak them.
 *
 * A key matches whole words only. It matches in any case, unless it has a capital inside a word: then it matches
 * exactly as written ("SQL", "iOS"; but "Nguyen" also finds "NGUYEN"). A key may be several words; the longest key
 * wins. The spoken form is plain text and is never looked up again.
 */
export class Pronunciations {
  readonly size: number;
  readonly #byFirst = new Map<string, Candidates>();

  /** Throws Error naming the entry where a key or a spoken form is empty, too long or there twice. */
  constructor(entries: Iterable<readonly [string, string]>) {
    let size = 0;
    for (const [word, spoken] of entries) {
      this.#add(word.normalize('NFC').trim(), spoken.normalize('NFC').trim());
      size++;
    }
    this.size = size;
    for (const { lengths } of this.#byFirst.values()) lengths.sort((a, b) => b - a);
  }

  #add(word: string, spoken: string): void {
    const name = JSON.stringify(word.slice(0, LONGEST_WORD));
    if (word === '') throw new Error('an entry has no word');
    if (spoken === '') throw new Error(`${name} has no spoken form`);
    if (codePoints(word) > LONGEST_WORD) throw new Error(`${name}… is longer than ${LONGEST_WORD} characters`);
    if (codePoints(spoken) > LONGEST_SPOKEN) {
      throw new Error(`the spoken form of ${name} is longer than ${LONGEST_SPOKEN} characters`);
    }
    if (/\p{Cc}/u.test(word + spoken) || !(word + spoken).isWellFormed()) {
      throw new Error(`${name} or its spoken form holds a control character or half of a surrogate pair`);
    }
    const exact = /[\p{L}\p{N}\p{M}]\p{Lu}/u.test(word) ? alike(word) : undefined;
    const folded = fold(word);
    const first = tokenAt(folded, 0);
    let candidates = this.#byFirst.get(first);
    if (candidates === undefined) {
      candidates = { lengths: [], spoken: new Map() };
      this.#byFirst.set(first, candidates);
    }
    const same = candidates.spoken.get(folded) ?? [];
    if (same.some((other) => other.exact === exact)) throw new Error(`${name} is there twice`);
    // Exact spellings are tried before the one for any case.
    if (exact === undefined) same.push({ exact, spoken });
    else same.unshift({ exact, spoken });
    candidates.spoken.set(folded, same);
    if (!candidates.lengths.includes(folded.length)) candidates.lengths.push(folded.length);
  }

  /**
   * Replaces words by their spoken forms in one pass. `before` and `after` are what stands around the text, so that
   * half a word is not taken for a whole one. Throws `text_too_long` where the replacements alone exceed `maxChars`.
   */
  apply(source: MappedText, maxChars: number, before = '', after = ''): MappedText {
    if (this.size === 0) return source;
    const { text } = source;
    const folded = fold(text + after);
    return MappedText.build((builder) => {
      let copied = 0;
      let room = maxChars * 2; // a code point has at most two units
      let inWord = before !== '' && isWord(characterBefore(before, before.length));
      for (let at = 0; at < text.length; ) {
        const token = tokenAt(folded, at);
        const begins = isWord(characterAt(token, 0));
        const found = begins && inWord ? undefined : this.#find(text, folded, at, token);
        if (found !== undefined) {
          builder.copy(source, copied, at);
          room -= found.spoken.length;
          if (room < 0) throw tooLong(`more than ${maxChars}`, maxChars);
          builder.put(found.spoken, source.range(at, at + found.length));
          copied = at + found.length;
        }
        at += found?.length ?? token.length;
        inWord = isWord(characterBefore(folded, at));
      }
      builder.copy(source, Math.min(copied, text.length));
    });
  }

  #find(text: string, folded: string, at: number, token: string): { length: number; spoken: string } | undefined {
    const candidates = this.#byFirst.get(token);
    if (candidates === undefined) return undefined;
    for (const length of candidates.lengths) {
      const end = at + length;
      if (end > text.length) continue;
      const same = candidates.spoken.get(folded.slice(at, end));
      if (same === undefined || (isWord(characterBefore(folded, end)) && !wordEnds(folded, end))) continue;
      const written = alike(text.slice(at, end));
      const match = same.find(({ exact }) => exact === undefined || exact === written);
      if (match !== undefined) return { length, spoken: match.spoken };
    }
    return undefined;
  }
}

function entriesOf(file: string, text: string): [string, unknown][] {
  let content: unknown;
  if (extname(file).toLowerCase() === '.json') content = JSON.parse(text);
  else {
    // The failsafe schema knows text only, so that `yes`, `1.0` and `007` stay what they are; no aliases.
    const document = parseDocument(text, { schema: 'failsafe', prettyErrors: true });
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) throw new Error(problem.message.split('\n')[0]);
    content = document.toJS({ maxAliasCount: 0 }) ?? {};
  }
  if (typeof content !== 'object' || content === null || Array.isArray(content)) {
    throw new Error('it must hold one flat list of "word: spoken form"');
  }
  return Object.entries(content);
}

/**
 * Reads a dictionary from a `.json`, `.yaml` or `.yml` file. Throws Error with the file and the reason: a missing or
 * broken file stops the start.
 */
export async function loadPronunciations(file: string, maxEntries: number): Promise<Pronunciations> {
  try {
    if (!/\.(?:json|ya?ml)$/i.test(file)) throw new Error('its name must end in .json, .yaml or .yml');
    const { size } = await stat(file);
    if (size > LARGEST_FILE) throw new Error(`it is larger than ${LARGEST_FILE / 1024 / 1024} MB`);
    const entries = entriesOf(file, await readFile(file, 'utf8'));
    if (entries.length > maxEntries)
      throw new Error(`it has ${entries.length} entries; at most ${maxEntries} are allowed`);
    return new Pronunciations(
      entries.map(([word, spoken]) => {
        if (typeof spoken !== 'string') throw new Error(`the spoken form of ${JSON.stringify(word)} must be text`);
        return [word, spoken] as const;
      }),
    );
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Error(`The pronunciation dictionary ${file} cannot be used: ${reason}`, { cause: error });
  }
}
