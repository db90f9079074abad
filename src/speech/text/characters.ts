/** What single UTF-16 units mean to the sentence splitter. Bit flags, because a quotation mark both opens and closes. */
export const SPACE = 1;
/** Also SPACE. */
export const NEWLINE = 2;
/** May end a sentence when white space follows: the Latin full stop and its kin. */
export const STOP = 4;
/** Also STOP. Ends a sentence whatever follows: scripts that write no space after it. */
export const FULL_STOP = 8;
/** Belongs to the sentence it follows: closing quotes and brackets, and Markdown's emphasis marks. */
export const CLOSER = 16;
/** Belongs to the sentence it precedes. */
export const OPENER = 32;
/** Divides clauses when white space follows. */
export const CLAUSE = 64;
/** Also CLAUSE. Divides clauses whatever follows. */
export const FULL_CLAUSE = 128;

const kinds = new Uint8Array(0x10000);

function mark(units: string, kind: number): void {
  for (let i = 0; i < units.length; i++) kinds[units.charCodeAt(i)]! |= kind;
}

// Everything that \s matches, and NEL.
for (let code = 0; code < 0x10000; code++) if (/\s/.test(String.fromCharCode(code))) kinds[code] = SPACE;
mark('\n\u0085\u2028\u2029', SPACE | NEWLINE);
mark('.!?…‼⁇⁈⁉։', STOP);
// CJK and full-width, Arabic and Urdu, Devanagari, Ethiopic, Myanmar, Khmer, Thai, Tibetan, Sinhala, Mongolian.
mark('。！？｡．؟۔।॥።፧፨။។៕๚๛།༎෴᠃᠉', STOP | FULL_STOP);
mark('"\'”“’‘»«›‹)]}」』】）］｝〉》〕〗*_`', CLOSER);
mark('"\'“‘„‚«»‹›([{「『【（［｛〈《〔〖¿¡*_`', OPENER);
mark(',;:', CLAUSE);
mark('—，、；：،؛၊፣፤፥', CLAUSE | FULL_CLAUSE);

/** The flags of the unit at `index`; 0 beyond the end. */
export function kindAt(text: string, index: number): number {
  return kinds[text.charCodeAt(index)] ?? 0;
}

export function isSpaceAt(text: string, index: number): boolean {
  return (kindAt(text, index) & SPACE) !== 0;
}

/** True for the first half of a surrogate pair. */
export function isHighSurrogate(code: number): boolean {
  return code >= 0xd800 && code <= 0xdbff;
}

/** True where cutting before `index` would part the two halves of a surrogate pair. */
export function splitsPair(text: string, index: number): boolean {
  const after = text.charCodeAt(index);
  return after >= 0xdc00 && after <= 0xdfff && isHighSurrogate(text.charCodeAt(index - 1));
}

/** Characters as people and OpenAI count them: Unicode code points. */
export function codePoints(text: string): number {
  let count = text.length;
  for (let i = 1; i < text.length; i++) if (splitsPair(text, i)) count--;
  return count;
}

/** Whether a voice could say anything of it: letters, digits, symbols, and the few signs that have names. */
export function isSpeakable(text: string): boolean {
  return /[\p{L}\p{N}\p{S}%&@#]/u.test(text);
}
