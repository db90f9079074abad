import { SpeechError } from '../../errors.ts';
import { type Phoneme, phonemesOf } from './phoneme-table.ts';
import type { Espeak } from './wasm.ts';

/** IPA symbols (decomposed) to the sound of one voice that eSpeak itself writes with them. */
export type IpaTable = ReadonlyMap<string, Phoneme>;

const STRESS = /[ˈˌ]/g;

/**
 * Learns from the engine what each sound of the current voice is in IPA, by saying it alone and between others: the
 * sound that is written with a symbol most steadily is the one for it. Takes some tenths of a second.
 */
export function learnIpa(espeak: Espeak, voiceFile: string): IpaTable {
  const framesOf = (frames: readonly string[]): Frame[] => frames.map((frame) => frameOf(espeak, frame));
  const [vowelFrames, consonantFrames] = [framesOf(VOWEL_FRAMES), framesOf(CONSONANT_FRAMES)];
  const candidates = new Map<string, Map<Phoneme, number>>();
  for (const phoneme of phonemesOf(espeak, voiceFile)) {
    for (const frame of phoneme.vowel ? vowelFrames : consonantFrames) {
      const ipa = within(espeak, phoneme.mnemonic, frame);
      if (ipa === '') continue;
      const counts = candidates.get(ipa) ?? new Map<Phoneme, number>();
      counts.set(phoneme, (counts.get(phoneme) ?? 0) + 1);
      candidates.set(ipa, counts);
    }
  }
  const table = new Map<string, Phoneme>();
  for (const [ipa, counts] of candidates) {
    const ranked = [...counts].sort((a, b) => b[1] - a[1] || a[0].mnemonic.length - b[0].mnemonic.length);
    table.set(ipa, ranked[0]![0]);
  }
  return table;
}

// Where a sound (X) is tried: some change when stressed, at the end or between others. `a` and `t` are in every table.
const VOWEL_FRAMES = ["'X", 'X|t', "t|'X|t", "t|'a|t|X|t"];
const CONSONANT_FRAMES = ['X', 'X|a', 'a|X|a', 'a|X'];

interface Frame {
  before: string;
  after: string;
  /** What the frame itself is in IPA. */
  head: string;
  tail: string;
}

function frameOf(espeak: Espeak, frame: string): Frame {
  const [before = '', after = ''] = frame.split('X');
  const ipaOf = (part: string): string => (part === '' ? '' : trace(espeak, part));
  return { before, after, head: ipaOf(before), tail: ipaOf(after) };
}

/** Empty when the sound cannot be told from its frame. */
function within(espeak: Espeak, mnemonic: string, { before, after, head, tail }: Frame): string {
  const whole = trace(espeak, before + mnemonic + after);
  if (!whole.startsWith(head) || !whole.endsWith(tail)) return '';
  return whole.slice(head.length, whole.length - tail.length);
}

/** The IPA, without stress, that eSpeak writes for mnemonics. */
function trace(espeak: Espeak, mnemonics: string): string {
  const { events } = espeak.speakMnemonics(mnemonics);
  const sounds = events.filter((event) => event.type === 'phoneme').map((event) => event.id);
  return sounds.join('').replace(STRESS, '').normalize('NFD');
}

// One spelling for what people write in several ways, applied in order to decomposed text.
const SPELLINGS: readonly (readonly [RegExp, string])[] = [
  [/\u0361|\u035c|\u200d|[./[\]|‖‿ˑ-]/g, ''],
  [/g/g, 'ɡ'],
  [/['’]/g, 'ˈ'],
  [/:/g, 'ː'],
  [/ʧ/g, 'tʃ'],
  [/ʤ/g, 'dʒ'],
  [/ʦ/g, 'ts'],
  [/ʣ/g, 'dz'],
];
// Refinements that may be left out where a voice does not have them: length, aspiration, combining diacritics, …
const REFINEMENT = /^(?:[ːʰʱʲʷˠˤ˞ⁿˡ]|\p{M})$/u;
// The nearest sounds for symbols that many voices lack, best first.
const NEAREST: Readonly<Record<string, readonly string[]>> = {
  a: ['æ', 'ɑ', 'ɑː', 'aː'],
  æ: ['a', 'ɛ'],
  ɐ: ['ʌ', 'ə', 'a'],
  ɑ: ['ɑː', 'a', 'aː'],
  ɒ: ['ɔ', 'ɑː', 'o', 'a'],
  ʌ: ['ɐ', 'a'],
  ə: ['ɐ', 'ɛ', 'e'],
  ɚ: ['ə'],
  ɜ: ['ɜː', 'œ', 'ə', 'ɛ', 'e'],
  ɝ: ['ɜː', 'ɚ', 'œ', 'ə'],
  e: ['eː', 'eɪ', 'ɛ'],
  ɛ: ['e', 'æ'],
  i: ['iː', 'ɪ'],
  ɪ: ['i', 'iː'],
  ɨ: ['ᵻ', 'ɪ', 'i'],
  o: ['oː', 'oʊ', 'ɔ'],
  ɔ: ['ɔː', 'o', 'oː'],
  ø: ['øː', 'œ', 'ɜː', 'e'],
  œ: ['ø', 'øː', 'ɜː', 'ɛ'],
  u: ['uː', 'ʊ'],
  ʊ: ['u', 'uː'],
  ʉ: ['y', 'uː', 'u'],
  ɯ: ['u', 'uː'],
  y: ['yː', 'ʏ', 'uː', 'u'],
  ʏ: ['y', 'yː', 'ʊ', 'u'],
  ɸ: ['f'],
  ħ: ['h', 'x'],
  ɥ: ['j'],
  ʕ: ['ʔ'],
};
const LONGEST_SYMBOL = 8;
const PIECE_SOUNDS = 40;

/**
 * IPA as mnemonics for eSpeak, in pieces short enough for one clause each. Symbols that the voice lacks become their
 * nearest relatives. SpeechError `unsupported_value` names a symbol that has none.
 */
export function ipaToMnemonics(ipa: string, table: IpaTable): string[] {
  const pieces: string[] = [];
  let piece: string[] = [];
  let sounds = 0;
  for (const word of spelled(ipa)
    .split(/\s+/)
    .filter((part) => part !== '')) {
    for (const [index, sound] of wordSounds(word, table).entries()) {
      if (sounds === PIECE_SOUNDS) {
        pieces.push(piece.join(''));
        piece = [];
        sounds = 0;
      }
      const separator = sounds === 0 ? '' : index === 0 ? ' ' : '|';
      piece.push(separator + sound);
      sounds += 1;
    }
  }
  if (sounds > 0) pieces.push(piece.join(''));
  return pieces;
}

function spelled(ipa: string): string {
  return SPELLINGS.reduce((text, [from, to]) => text.replace(from, to), ipa.normalize('NFD'));
}

function wordSounds(word: string, table: IpaTable): string[] {
  const sounds: string[] = [];
  // IPA puts stress before the syllable, eSpeak before the vowel.
  let stress = '';
  for (let at = 0; at < word.length; ) {
    if (word[at] === 'ˈ' || word[at] === 'ˌ') {
      stress = word[at] === 'ˈ' ? "'" : ',';
      at += 1;
      continue;
    }
    const symbol = longestSymbol(word, at, table);
    const phoneme = symbol === undefined ? nearest(word, at, table) : table.get(symbol);
    if (phoneme !== undefined) {
      sounds.push(phoneme.vowel ? stress + phoneme.mnemonic : phoneme.mnemonic);
      if (phoneme.vowel) stress = '';
    }
    at += symbol?.length ?? String.fromCodePoint(word.codePointAt(at)!).length;
  }
  return sounds;
}

function longestSymbol(word: string, at: number, table: IpaTable): string | undefined {
  for (let length = Math.min(LONGEST_SYMBOL, word.length - at); length > 0; length -= 1) {
    const symbol = word.slice(at, at + length);
    if (table.has(symbol)) return symbol;
  }
  return undefined;
}

/** Undefined for a refinement that is simply left out. */
function nearest(word: string, at: number, table: IpaTable): Phoneme | undefined {
  const symbol = String.fromCodePoint(word.codePointAt(at)!);
  if (REFINEMENT.test(symbol)) return undefined;
  const relative = NEAREST[symbol]?.find((other) => table.has(other));
  if (relative === undefined) {
    throw new SpeechError('unsupported_value', `This voice cannot say the phoneme "${symbol.toWellFormed()}".`, {
      param: 'phonemes',
    });
  }
  return table.get(relative);
}
