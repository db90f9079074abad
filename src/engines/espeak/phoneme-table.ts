import type { Espeak } from './wasm.ts';

/** A sound of a voice: what eSpeak calls it in `[[...]]`. */
export interface Phoneme {
  mnemonic: string;
  vowel: boolean;
}

const DATA = '/usr/share/espeak-ng-data';
// Classes of sounds in eSpeak's compiled tables (synthesize.h): below are pauses and stress, above are placeholders.
const VOWEL = 2;
const NASAL = 8;

/** The sounds that a voice file may use: those of its own table and of the tables that one builds on. */
export function phonemesOf(espeak: Espeak, voiceFile: string): Phoneme[] {
  const tables = readTables(espeak.files.readFile(`${DATA}/phontab`));
  const sounds = new Map<number, { mnemonic: string; type: number }>();
  let table = tableOf(espeak.files.readFile(`${DATA}/lang/${voiceFile}`, { encoding: 'utf8' }), tables);
  while (table !== undefined) {
    // A table overrides, by code, what it builds on.
    for (const { code, mnemonic, type } of table.entries) {
      if (!sounds.has(code)) sounds.set(code, { mnemonic, type });
    }
    table = table.base === 0 ? undefined : tables[table.base - 1];
  }
  return [...sounds.values()]
    .filter(({ mnemonic, type }) => type >= VOWEL && type <= NASAL && !/[\]<]/.test(mnemonic))
    .map(({ mnemonic, type }) => ({ mnemonic, vowel: type === VOWEL }));
}

interface Table {
  name: string;
  /** 1-based index of the table it builds on, 0 for none. */
  base: number;
  entries: { mnemonic: string; code: number; type: number }[];
}

/** A voice file names its table, else it is the language's own or that of the language without its region. */
function tableOf(voice: string, tables: readonly Table[]): Table | undefined {
  const named = voice.match(/^phonemes\s+(\S+)/m)?.[1];
  const language = voice.match(/^language\s+(\S+)/m)?.[1] ?? '';
  const names = [named, language, language.split('-')[0], 'base1'];
  return names.map((name) => tables.find((table) => table.name === name)).find((table) => table !== undefined);
}

/**
 * `phontab` as espeak-ng's compiledata.c writes it: a count in four bytes, then tables of a header (entries, base, two
 * unused), a name of 32 bytes and entries of 16 bytes (mnemonic, flags, program, code, type, …).
 */
function readTables(bytes: Uint8Array): Table[] {
  const ascii = (from: number, length: number): string =>
    String.fromCharCode(...bytes.subarray(from, from + length)).replace(/\0.*$/s, '');
  const tables: Table[] = [];
  let at = 4;
  for (let count = bytes[0]!; count > 0; count -= 1) {
    const [size, base] = [bytes[at]!, bytes[at + 1]!];
    const name = ascii(at + 4, 32);
    at += 36;
    const entries = Array.from({ length: size }, (_, entry) => {
      const from = at + entry * 16;
      return { mnemonic: ascii(from, 4), code: bytes[from + 10]!, type: bytes[from + 11]! };
    });
    at += size * 16;
    tables.push({ name, base, entries });
  }
  return tables;
}
