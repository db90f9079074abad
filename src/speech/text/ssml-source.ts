import { codePoints } from './characters.ts';
import { MappedText, type MappedTextBuilder } from './mapped-text.ts';

/** Line and column, from 1, of a place in the source; columns count code points. */
export function placeOf(source: string, offset: number): { line: number; column: number } {
  const before = source.slice(0, offset).split(/\r\n|\r|\n/);
  return { line: before.length, column: codePoints(before.at(-1)!) + 1 };
}

/** Resolves entities and line endings of well-formed character data, keeping the origin of every unit. */
export function decode(source: string, from: number, to: number, escaped: boolean, builder: MappedTextBuilder): void {
  const plain = MappedText.of(source.slice(from, to), from);
  let done = 0;
  for (const match of plain.text.matchAll(escaped ? /&(#x[0-9a-f]+|#\d+|\w+);|\r\n?/gi : /\r\n?/g)) {
    builder.copy(plain, done, match.index);
    done = match.index + match[0].length;
    builder.put(match[1] === undefined ? '\n' : character(match[1]), { from: from + match.index, to: from + done });
  }
  builder.copy(plain, done);
}

const ENTITIES: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" };

/** The parser has refused every reference that is not one of XML's. */
function character(reference: string): string {
  if (!reference.startsWith('#')) return ENTITIES[reference]!;
  const hex = /^#x/i.test(reference);
  return String.fromCodePoint(Number.parseInt(reference.slice(hex ? 2 : 1), hex ? 16 : 10));
}
