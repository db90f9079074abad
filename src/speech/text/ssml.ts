import { SaxesParser } from 'saxes';
import { SpeechError } from '../../errors.ts';
import { codePoints } from './characters.ts';
import { MappedText } from './mapped-text.ts';
import type { SpeechPart, TextPart } from './parts.ts';
import { DATE_FORMATS, INTERPRETATIONS, sayAs, TIME_FORMATS } from './say-as.ts';
import { ELEMENTS, type Element, NAMESPACE } from './ssml-elements.ts';
import { decode, placeOf } from './ssml-source.ts';
import {
  type Emphasis,
  EXPECTED,
  isIpa,
  PLAIN,
  PROSODY_BOUNDS,
  type Prosody,
  parseEmphasis,
  parsePitch,
  parseRate,
  parseStrength,
  parseTime,
  parseVolume,
} from './ssml-values.ts';
import { collapseSpace, tidy } from './tidy.ts';
import { tooLong } from './too-long.ts';

export interface SsmlOptions {
  /** BCP 47 of the voice; `xml:lang` on `<speak>` goes before it. */
  language: string;
  /** Code points of text after expansion. */
  maxChars: number;
  maxDepth: number;
  /** The longest single pause. */
  maxBreakMs: number;
  /** All pauses together. */
  maxPauseMs: number;
}

export interface Ssml {
  parts: SpeechPart[];
  /** Code points to be spoken, after expansion. */
  characters: number;
  /** Sum of the pauses. */
  pauseMs: number;
  language: string;
}

interface Open {
  name: string;
  /** Where its tag begins and ends in the source. */
  from: number;
  contentFrom: number;
  attributes: Readonly<Record<string, string>>;
  prosody: Prosody;
  emphasis: Emphasis | undefined;
  /** Text inside an element that may hold only text. */
  inner: MappedText[];
}

const brief = (text: string) => (text.length <= 40 ? text : `${text.slice(0, 40).toWellFormed()}…`);

/**
 * Reads SSML as XML: no DTD, no entities beyond XML's five and numeric ones, no processing instructions, no unknown
 * element or attribute. Offsets in the result are UTF-16 offsets into `source`, which the caller has bounded.
 * Errors: `invalid_ssml` with line, column and element, `text_too_long` as soon as the expanded text exceeds its bound.
 */
export function parseSsml(source: string, options: SsmlOptions): Ssml {
  const reader = new SsmlReader(source, options);
  const parser = new SaxesParser({ xmlns: false, position: false, forceXMLVersion: true, defaultXMLVersion: '1.0' });
  // A '<' can't stand inside a tag's name or a text, so the last one is where the tag begins.
  const tagStart = () => source.lastIndexOf('<', parser.position - 1);

  parser.on('error', ({ message }) => {
    // A lone "&" swallows the rest of the document, and the parser then misses the closing tags.
    const lone = message.startsWith('unclosed tag') ? source.search(/&(?![#\w]+;)/) : -1;
    if (lone !== -1) reader.fail(lone, '"&" must be written "&amp;".');
    reader.fail(parser.position - 1, message);
  });
  parser.on('doctype', () => reader.fail(source.indexOf('<!'), 'a document type is not allowed.'));
  parser.on('processinginstruction', () => reader.fail(reader.cursor, 'processing instructions are not allowed.'));
  parser.on('xmldecl', () => {
    reader.cursor = parser.position;
  });
  parser.on('comment', () => {
    reader.cursor = parser.position + 1; // told at "--", before the ">"
  });
  parser.on('opentagstart', () => {
    reader.tagFrom = tagStart();
  });
  parser.on('text', () => {
    const end = Math.max(reader.cursor, tagStart());
    reader.text(source, reader.cursor, end, true);
    reader.cursor = end;
  });
  parser.on('cdata', () => {
    reader.text(source, reader.cursor + '<![CDATA['.length, parser.position - ']]>'.length, false);
    reader.cursor = parser.position;
  });
  parser.on('opentag', (tag) => {
    reader.open(tag.name, tag.attributes, parser.position);
    reader.cursor = parser.position;
  });
  parser.on('closetag', () => {
    reader.close(Math.max(reader.cursor, tagStart()));
    reader.cursor = parser.position;
  });
  parser.write(source).close();
  return reader.result();
}

class SsmlReader {
  /** Where the text begins that the parser tells of next. */
  cursor = 0;
  tagFrom = 0;
  readonly #source: string;
  readonly #options: SsmlOptions;
  readonly #parts: SpeechPart[] = [];
  readonly #stack: Open[] = [];
  #language: string;
  #characters = 0;
  #pauseMs = 0;

  constructor(source: string, options: SsmlOptions) {
    this.#source = source;
    this.#options = options;
    this.#language = options.language;
  }

  result(): Ssml {
    return {
      parts: this.#parts,
      characters: this.#characters,
      pauseMs: this.#pauseMs,
      language: this.#language,
    };
  }

  fail(offset: number, problem: string): never {
    const { line, column } = placeOf(this.#source, Math.max(0, offset));
    throw new SpeechError('invalid_ssml', `Line ${line}, column ${column}: ${problem}`, { param: 'input' });
  }

  open(name: string, attributes: Record<string, string>, contentFrom: number): void {
    const from = this.tagFrom;
    const parent = this.#stack.at(-1);
    const element = Object.hasOwn(ELEMENTS, name) ? ELEMENTS[name]! : undefined;
    if (element === undefined) {
      this.fail(from, `<${brief(name)}> is not known here; known are ${Object.keys(ELEMENTS).join(', ')}.`);
    }
    if (parent === undefined && name !== 'speak')
      this.fail(from, `the outermost element must be <speak>, not <${name}>.`);
    if (parent !== undefined && name === 'speak') this.fail(from, '<speak> may not stand inside another element.');
    if (parent !== undefined && ELEMENTS[parent.name]!.content !== 'anything') {
      this.fail(from, `<${parent.name}> may not hold <${name}>.`);
    }
    if (this.#stack.length >= this.#options.maxDepth) {
      this.fail(from, `<${name}> is nested more than ${this.#options.maxDepth} levels deep.`);
    }
    this.#checkAttributes(name, element, attributes, from);
    const open: Open = {
      name,
      from,
      contentFrom,
      attributes,
      prosody: parent?.prosody ?? PLAIN,
      emphasis: parent?.emphasis,
      inner: [],
    };
    this.#stack.push(open);
    if (name === 'speak') this.#speak(open);
    else if (name === 'prosody') open.prosody = this.#prosody(open);
    else if (name === 'emphasis') {
      const level = this.#value(open, 'level', parseEmphasis, EXPECTED.level) ?? 'moderate';
      open.emphasis = level === 'none' ? undefined : level;
    } else if (name === 'break') this.#break(open);
    else if (name === 'mark') this.#parts.push({ kind: 'mark', name: this.#required(open, 'name'), at: from });
    else if (name === 'p' || name === 's') this.#boundary(false);
  }

  close(contentTo: number): void {
    const open = this.#stack.pop()!;
    if (open.name === 'p' || open.name === 's') this.#boundary(open.name === 'p');
    if (ELEMENTS[open.name]!.content === 'text') this.#replaced(open, contentTo);
  }

  /** Character data from `from` to `to` of the source; `escaped` unless it is CDATA. */
  text(source: string, from: number, to: number, escaped: boolean): void {
    const open = this.#stack.at(-1);
    if (open === undefined) return; // the parser refuses anything but white space here
    const raw = MappedText.build((builder) => decode(source, from, to, escaped, builder));
    if (ELEMENTS[open.name]!.content === 'nothing') {
      if (raw.text.trim() !== '') this.fail(from, `<${open.name}> may not hold text.`);
      return;
    }
    const content = collapseSpace(tidy(raw));
    if (ELEMENTS[open.name]!.content === 'text') open.inner.push(content);
    else this.#speakText({ content, from, to, literal: false }, open);
  }

  #speakText(part: Pick<TextPart, 'content' | 'from' | 'to' | 'literal' | 'phonemes'>, open: Open): void {
    if (part.content.text === '' && part.phonemes === undefined) return;
    this.#characters += Math.max(codePoints(part.content.text), codePoints(part.phonemes ?? ''));
    if (this.#characters > this.#options.maxChars) {
      throw tooLong(`more than ${this.#options.maxChars}`, this.#options.maxChars);
    }
    const emphasis = open.emphasis === undefined ? {} : { emphasis: open.emphasis };
    this.#parts.push({ kind: 'text', ...part, ...open.prosody, ...emphasis });
  }

  /** An element that says how its text is spoken, at its end. */
  #replaced(open: Open, contentTo: number): void {
    const content = MappedText.join(open.inner);
    const range = { from: open.from, to: contentTo };
    const spoken = (text: string) =>
      MappedText.build((builder) => builder.put(text, { from: open.contentFrom, to: contentTo }));

    if (open.name === 'phoneme') {
      const alphabet = open.attributes.alphabet ?? 'ipa';
      if (alphabet !== 'ipa') this.fail(open.from, `<phoneme> knows the alphabet ipa, not "${brief(alphabet)}".`);
      const phonemes = this.#required(open, 'ph').trim().normalize('NFC');
      if (!isIpa(phonemes)) this.fail(open.from, `ph="${brief(phonemes)}" of <phoneme> is not IPA.`);
      this.#speakText({ content, ...range, literal: true, phonemes }, open);
      return;
    }
    if (open.name === 'sub') {
      const alias = collapseSpace(tidy(MappedText.of(this.#required(open, 'alias')))).text;
      this.#speakText({ content: spoken(alias), ...range, literal: true }, open);
      return;
    }
    const as = this.#choice(open, 'interpret-as', INTERPRETATIONS, this.#required(open, 'interpret-as'));
    let format = open.attributes.format;
    if (format !== undefined) {
      if (as !== 'date' && as !== 'time') this.fail(open.from, '"format" goes only with a date or a time.');
      format = this.#choice<string>(open, 'format', as === 'date' ? DATE_FORMATS : TIME_FORMATS, format);
    }
    const said = sayAs(content.text, as, format, this.#language);
    this.#speakText({ content: said === content.text ? content : spoken(said), ...range, literal: true }, open);
  }

  #speak(open: Open): void {
    const { xmlns, 'xml:lang': language } = open.attributes;
    if (xmlns !== undefined && xmlns !== NAMESPACE) this.fail(open.from, `the namespace of <speak> is ${NAMESPACE}.`);
    if (language === undefined) return;
    if (!/^[A-Za-z]{2,3}(?:-[A-Za-z0-9]{2,8}){0,4}$/.test(language)) {
      this.fail(open.from, 'xml:lang must be a language tag such as en or de-AT.');
    }
    this.#language = language;
  }

  #prosody(open: Open): Prosody {
    if (Object.keys(open.attributes).length === 0) this.fail(open.from, '<prosody> needs rate, pitch or volume.');
    const around = open.prosody;
    const prosody = {
      rate: this.#value(open, 'rate', (text) => parseRate(text, around.rate), EXPECTED.rate) ?? around.rate,
      pitch: this.#value(open, 'pitch', (text) => parsePitch(text, around.pitch), EXPECTED.pitch) ?? around.pitch,
      volumeDb:
        this.#value(open, 'volume', (text) => parseVolume(text, around.volumeDb), EXPECTED.volume) ?? around.volumeDb,
    };
    for (const [key, unit] of [
      ['rate', ' times'],
      ['pitch', ' semitones'],
      ['volumeDb', ' dB'],
    ] as const) {
      const [min, max] = PROSODY_BOUNDS[key];
      if (prosody[key] < min || prosody[key] > max) {
        this.fail(
          open.from,
          `<prosody> may reach from ${min} to ${max}${unit}, not ${Number(prosody[key].toPrecision(4))}.`,
        );
      }
    }
    return prosody;
  }

  #break(open: Open): void {
    const strength = this.#value(open, 'strength', parseStrength, EXPECTED.strength);
    const ms = Math.round(this.#value(open, 'time', parseTime, EXPECTED.time) ?? strength ?? parseStrength('medium')!);
    const { maxBreakMs, maxPauseMs } = this.#options;
    if (ms > maxBreakMs) this.fail(open.from, `<break> may last at most ${maxBreakMs} ms.`);
    this.#pauseMs += ms;
    if (this.#pauseMs > maxPauseMs) this.fail(open.from, `all pauses together may last at most ${maxPauseMs} ms.`);
    if (ms > 0) this.#parts.push({ kind: 'pause', ms });
  }

  #boundary(paragraph: boolean): void {
    this.#parts.push({ kind: 'boundary', paragraph });
  }

  #checkAttributes(name: string, element: Element, attributes: Record<string, string>, from: number): void {
    for (const attribute of Object.keys(attributes)) {
      if (element.attributes.includes(attribute) || (name === 'speak' && attribute.startsWith('xmlns:'))) continue;
      const known = element.attributes.length === 0 ? 'none' : element.attributes.join(', ');
      this.fail(from, `<${name}> has no attribute "${brief(attribute)}" here; known: ${known}.`);
    }
  }

  #required(open: Open, attribute: string): string {
    const value = open.attributes[attribute];
    if (value === undefined || value.trim() === '') this.fail(open.from, `<${open.name}> needs ${attribute}.`);
    return value;
  }

  #value<T>(open: Open, attribute: string, parse: (text: string) => T | undefined, expected: string): T | undefined {
    const text = open.attributes[attribute];
    if (text === undefined) return undefined;
    const value = parse(text.trim());
    if (value === undefined) {
      this.fail(open.from, `${attribute}="${brief(text)}" of <${open.name}> is not ${expected}.`);
    }
    return value;
  }

  #choice<T extends string>(open: Open, attribute: string, values: readonly T[], text: string): T {
    return this.#value(
      open,
      attribute,
      () => values.find((value) => value === text.trim()),
      `one of ${values.join(', ')}`,
    )!;
  }
}
