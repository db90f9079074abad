/**
 * The little of ASN.1's distinguished encoding rules (ITU-T X.690) that a certificate needs. Each function returns a
 * whole element: tag, length, content.
 */
function element(tag: number, ...content: Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  if (body.length < 0x80) return Buffer.concat([Buffer.of(tag, body.length), body]);
  const hex = body.length.toString(16);
  const length = Buffer.from(hex.length % 2 === 0 ? hex : `0${hex}`, 'hex');
  return Buffer.concat([Buffer.of(tag, 0x80 | length.length), length, body]);
}

export const sequence = (...items: Uint8Array[]): Buffer => element(0x30, ...items);
export const set = (...items: Uint8Array[]): Buffer => element(0x31, ...items);
export const octetString = (bytes: Uint8Array): Buffer => element(0x04, bytes);
export const utf8String = (text: string): Buffer => element(0x0c, Buffer.from(text));
export const boolean = (value: boolean): Buffer => element(0x01, Buffer.of(value ? 0xff : 0));
/** A context-specific element that wraps others: `[tag] EXPLICIT`. */
export const explicit = (tag: number, ...items: Uint8Array[]): Buffer => element(0xa0 | tag, ...items);
/** A context-specific element in place of a plain one: `[tag] IMPLICIT`. */
export const implicit = (tag: number, bytes: Uint8Array): Buffer => element(0x80 | tag, bytes);
/** Whole bytes, or the last one without its `unused` low bits. */
export const bitString = (bytes: Uint8Array, unused = 0): Buffer => element(0x03, Buffer.of(unused), bytes);

/** A whole number that is not negative, most significant byte first, in its shortest form. */
export function integer(bytes: Uint8Array): Buffer {
  const start = bytes.findIndex((byte) => byte !== 0);
  const shortest = start === -1 ? Buffer.of(0) : Buffer.from(bytes.subarray(start));
  return element(0x02, shortest[0]! >= 0x80 ? Buffer.concat([Buffer.of(0), shortest]) : shortest);
}

/** An object identifier such as `2.5.4.3`. */
export function objectId(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second, ...rest].flatMap((arc) => {
    const digits = [arc & 0x7f];
    for (let left = arc >> 7; left > 0; left >>= 7) digits.unshift((left & 0x7f) | 0x80);
    return digits;
  });
  return element(0x06, Buffer.from(bytes));
}

/** A time to the second: UTCTime before 2050 and GeneralizedTime from then on (RFC 5280 section 4.1.2.5). */
export function time(at: Date): Buffer {
  const digits = at
    .toISOString()
    .replace(/\.\d+Z$/, 'Z')
    .replace(/[-:T]/g, '');
  return at.getUTCFullYear() < 2050 ? element(0x17, Buffer.from(digits.slice(2))) : element(0x18, Buffer.from(digits));
}
