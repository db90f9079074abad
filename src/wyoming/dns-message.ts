/**
 * As much of DNS messages (RFC 1035 section 4) as announcing one service on the local network takes (RFC 6762, 6763).
 */

export const TYPE = { A: 1, PTR: 12, TXT: 16, AAAA: 28, SRV: 33, ANY: 255 } as const;

export interface Question {
  /** Without the last dot; letter case as it came. */
  name: string;
  type: number;
  /** The asker would rather be answered alone. */
  unicast: boolean;
}

export interface DnsRecord {
  name: string;
  type: number;
  /** Seconds. */
  ttl: number;
  data: Buffer;
  /** Nobody else has a record of this name and type: what was known of it before is void. */
  unique: boolean;
}

export interface Query {
  id: number;
  questions: Question[];
  /** Records that the asker knows already. */
  known: DnsRecord[];
}

const HEADER_BYTES = 12;
export const MAX_LABEL_BYTES = 63;
const MAX_NAME_BYTES = 255;
/** More entries than any real query has; what lies beyond them is not read. */
const MAX_ENTRIES = 64;
const CLASS_IN = 1;
/** Of a question's class: answer to me alone. Of a record's: it is unique. */
const TOP_BIT = 0x8000;
const RESPONSE = 0x8000;
const AUTHORITATIVE = 0x0400;

/** The bytes of a name. Labels stand between dots, and a dot inside one is written `\.`; a label is cut at 63 bytes. */
export function encodeName(name: string): Buffer {
  const labels = name.split(/(?<!\\)\./).map((label) => {
    let bytes = Buffer.from(label.replaceAll('\\.', '.'));
    // Not in the middle of a character.
    while (bytes.length > MAX_LABEL_BYTES) bytes = Buffer.from(bytes.toString().slice(0, -1));
    return Buffer.concat([Buffer.of(bytes.length), bytes]);
  });
  return Buffer.concat([...labels, Buffer.of(0)]);
}

/** Reads a query. Undefined for an answer, and for what is not a DNS message. */
export function readQuery(message: Buffer): Query | undefined {
  if (message.length < HEADER_BYTES || (message.readUInt16BE(2) & RESPONSE) !== 0) return undefined;
  const reader = new Reader(message);
  try {
    const questions: Question[] = [];
    for (let left = Math.min(message.readUInt16BE(4), MAX_ENTRIES); left > 0; left--) {
      const name = reader.name();
      const type = reader.uint16();
      questions.push({ name, type, unicast: (reader.uint16() & TOP_BIT) !== 0 });
    }
    const known: DnsRecord[] = [];
    for (let left = Math.min(message.readUInt16BE(6), MAX_ENTRIES); left > 0; left--) known.push(reader.record());
    return { id: message.readUInt16BE(0), questions, known };
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

export interface Answer {
  id?: number;
  /** Repeated for askers that know plain DNS only. */
  questions?: readonly Question[];
  answers: readonly DnsRecord[];
  additional?: readonly DnsRecord[];
}

export function encodeAnswer({ id = 0, questions = [], answers, additional = [] }: Answer): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  const counts = [id, RESPONSE | AUTHORITATIVE, questions.length, answers.length, 0, additional.length];
  for (const [index, value] of counts.entries()) header.writeUInt16BE(value, index * 2);
  const asked = questions.map(({ name, type }) => Buffer.concat([encodeName(name), uint16(type), uint16(CLASS_IN)]));
  return Buffer.concat([header, ...asked, ...[...answers, ...additional].map(encodeRecord)]);
}

export function uint16(value: number): Buffer {
  return Buffer.of(value >> 8, value & 255);
}

function encodeRecord({ name, type, ttl, data, unique }: DnsRecord): Buffer {
  const seconds = Buffer.alloc(4);
  seconds.writeUInt32BE(ttl);
  const kind = uint16(unique ? CLASS_IN | TOP_BIT : CLASS_IN);
  return Buffer.concat([encodeName(name), uint16(type), kind, seconds, uint16(data.length), data]);
}

/** Throws RangeError at the end of the message and for names that lead in circles. */
class Reader {
  readonly #message: Buffer;
  #at = HEADER_BYTES;

  constructor(message: Buffer) {
    this.#message = message;
  }

  uint16(): number {
    this.#at += 2;
    return this.#message.readUInt16BE(this.#at - 2);
  }

  record(): DnsRecord {
    const name = this.name();
    const type = this.uint16();
    const unique = (this.uint16() & TOP_BIT) !== 0;
    const ttl = this.uint16() * 65_536 + this.uint16();
    const end = this.uint16() + this.#at;
    if (end > this.#message.length) throw new RangeError('the record is longer than the message');
    // Names inside may point to others in the message: they are written out.
    const data = type === TYPE.PTR ? encodeName(this.name()) : this.#message.subarray(this.#at, end);
    this.#at = end;
    return { name, type, ttl, data, unique };
  }

  name(): string {
    const labels: string[] = [];
    let at = this.#at;
    let end: number | undefined;
    let bytes = 0;
    for (;;) {
      const length = this.#message.readUInt8(at);
      if (length >= 0xc0) {
        const target = this.#message.readUInt16BE(at) & 0x3fff;
        end ??= at + 2;
        // Only backwards, so that there is an end.
        if (target >= at) throw new RangeError('the name leads forwards');
        at = target;
        continue;
      }
      if (length > MAX_LABEL_BYTES) throw new RangeError('the label is of an unknown kind');
      at += 1;
      if (length === 0) break;
      bytes += length + 1;
      if (bytes > MAX_NAME_BYTES || at + length > this.#message.length) throw new RangeError('the name is too long');
      labels.push(this.#message.toString('utf8', at, at + length).replaceAll('.', '\\.'));
      at += length;
    }
    this.#at = end ?? at;
    return labels.join('.');
  }
}
