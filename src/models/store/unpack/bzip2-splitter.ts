import { type Bits, sliceBits } from './bzip2-block.ts';
import { BadArchive } from './job.ts';

/** The 48-bit marks of bzip2, upper 32 bits and lower 16: before each block, and at the end of a stream. */
const BLOCK = { high: 0x31415926, low: 0x5359 };
const END = { high: 0x17724538, low: 0x5090 };
const MARK_BITS = 48;
const CRC_BITS = 32;
/** 900 kB that do not pack at all grow by about a percent; a longer stretch without a mark is no bzip2. */
const MAX_STRETCH_BYTES = 2 * 1024 * 1024;

export type Piece = { kind: 'block'; block: Bits } | { kind: 'end'; crc: number };

/** The second byte of a mark, for each of the ways it can lie across bytes: a quick test before the slow one. */
const CANDIDATE = new Uint8Array(256);
for (const { high } of [BLOCK, END]) {
  for (let shift = 0; shift < 8; shift++) CANDIDATE[(high >>> (16 + shift)) & 0xff] = 1;
}

/**
 * Cuts bzip2 data into its blocks without unpacking them, so that several threads can do that. Blocks begin at any
 * bit, and only their marks tell where. By chance, once in some terabytes, a mark appears inside a block. Then a block
 * comes in two pieces, which whoever unpacks it joins; if it is the mark of the end, the data is taken for damaged.
 * Throws BadArchive.
 */
export class BlockSplitter {
  #buffer: Buffer = Buffer.alloc(0);
  /** Bit at which the present mark begins; undefined where a stream's head is expected. */
  #mark: number | undefined;
  #scanned = 0;
  #streams = 0;

  /** Adds bytes and yields what they complete. */
  *push(chunk: Buffer): Generator<Piece> {
    this.#buffer = this.#buffer.length === 0 ? chunk : Buffer.concat([this.#buffer, chunk]);
    for (let piece = this.#next(); piece !== 'more'; piece = this.#next()) if (piece !== undefined) yield piece;
  }

  /** Call it after the last byte. Throws BadArchive where the data is cut off. */
  finish(): void {
    if (this.#mark !== undefined || this.#streams === 0) throw new BadArchive('it is cut off');
  }

  #next(): Piece | undefined | 'more' {
    return this.#mark === undefined ? this.#readHead() : this.#readStretch(this.#mark);
  }

  #readHead(): undefined | 'more' {
    if (this.#buffer.length < 4) return 'more';
    const isHead = /^BZh[1-9]$/.test(this.#buffer.toString('latin1', 0, 4));
    if (!isHead && this.#streams === 0) throw new BadArchive('it is not bzip2');
    if (!isHead) {
      // Padding behind the last stream, as bzip2 itself ignores it.
      this.#buffer = Buffer.alloc(0);
      return 'more';
    }
    this.#mark = 32;
    this.#scanned = 0;
    return undefined;
  }

  #readStretch(mark: number): Piece | undefined | 'more' {
    const kind = markAt(this.#buffer, mark);
    if (kind === 'more') return 'more';
    if (kind === 'end') {
      const end = mark + MARK_BITS + CRC_BITS;
      if (this.#buffer.length * 8 < end) return 'more';
      const crc = sliceBits(this.#buffer, mark + MARK_BITS, CRC_BITS).bytes.readUInt32BE();
      this.#buffer = this.#buffer.subarray(Math.ceil(end / 8));
      this.#mark = undefined;
      this.#streams++;
      return { kind: 'end', crc };
    }
    if (kind !== 'block') throw new BadArchive('it is damaged');
    const next = this.#findMark(Math.max(this.#scanned, (mark + MARK_BITS) >>> 3), mark + MARK_BITS);
    if (next === undefined) {
      if (this.#buffer.length > MAX_STRETCH_BYTES + (mark >>> 3)) throw new BadArchive('it is damaged');
      return 'more';
    }
    const block = sliceBits(this.#buffer, mark, next - mark);
    this.#buffer = this.#buffer.subarray(next >>> 3);
    this.#mark = next & 7;
    this.#scanned = 0;
    return { kind: 'block', block };
  }

  /** The bit at which the next mark begins, looking at bytes from `from` on and at bits from `least` on. */
  #findMark(from: number, least: number): number | undefined {
    const buffer = this.#buffer;
    const last = buffer.length - 8;
    let at = Math.max(0, from);
    for (; at <= last; at++) {
      if (CANDIDATE[buffer[at + 1]!] === 0) continue;
      const a = buffer.readUInt32BE(at);
      const b = buffer.readUInt32BE(at + 4);
      for (let shift = 0; shift < 8; shift++) {
        const high = shift === 0 ? a : ((a << shift) | (b >>> (32 - shift))) >>> 0;
        if (high !== BLOCK.high && high !== END.high) continue;
        const low = (b << shift) >>> 16;
        const bit = at * 8 + shift;
        if (bit >= least && low === (high === BLOCK.high ? BLOCK.low : END.low)) return bit;
      }
    }
    this.#scanned = at;
    return undefined;
  }
}

function markAt(buffer: Buffer, bit: number): 'block' | 'end' | 'other' | 'more' {
  if (buffer.length * 8 < bit + MARK_BITS) return 'more';
  const { bytes } = sliceBits(buffer, bit, MARK_BITS);
  const high = bytes.readUInt32BE(0);
  const low = bytes.readUInt16BE(4);
  if (high === BLOCK.high && low === BLOCK.low) return 'block';
  return high === END.high && low === END.low ? 'end' : 'other';
}
