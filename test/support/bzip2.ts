/**
 * A small bzip2 packer for tests, which must not need a program of the system. Packs badly and slowly, but what comes
 * out is proper bzip2. Written after the format as the Wikipedia article "bzip2" and libbzip2's manual describe it.
 */

/** Content of one block before runs are packed; the format allows 900 kB. */
const BLOCK_BYTES = 64 * 1024;
const SYMBOLS_PER_SELECTOR = 50;

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 24;
  for (let bit = 0; bit < 8; bit++) crc = crc & 0x80000000 ? (crc << 1) ^ 0x04c11db7 : crc << 1;
  return crc >>> 0;
});

export function bzip2(content: Buffer): Buffer {
  const out = new BitWriter();
  out.bytes(Buffer.from('BZh9'));
  let streamCrc = 0;
  for (let at = 0; at < content.length; at += BLOCK_BYTES) {
    const block = content.subarray(at, at + BLOCK_BYTES);
    const crc = crcOf(block);
    streamCrc = (((streamCrc << 1) | (streamCrc >>> 31)) ^ crc) >>> 0;
    writeBlock(out, packRuns(block), crc);
  }
  out.bytes(Buffer.from('177245385090', 'hex'));
  out.bits(streamCrc >>> 16, 16);
  out.bits(streamCrc & 0xffff, 16);
  return out.done();
}

function crcOf(block: Buffer): number {
  let crc = 0xffffffff;
  for (const byte of block) crc = ((crc << 8) ^ CRC_TABLE[(crc >>> 24) ^ byte]!) >>> 0;
  return ~crc >>> 0;
}

/** Four equal bytes are followed by a byte that says how many more there are. */
function packRuns(block: Buffer): Uint8Array {
  const out: number[] = [];
  for (let at = 0; at < block.length; ) {
    let run = 1;
    while (run < 259 && block[at + run] === block[at]) run++;
    for (let i = 0; i < Math.min(run, 4); i++) out.push(block[at]!);
    if (run >= 4) out.push(run - 4);
    at += run;
  }
  return Uint8Array.from(out);
}

function writeBlock(out: BitWriter, data: Uint8Array, crc: number): void {
  const order = sortRotations(data);
  const last = Uint8Array.from(order, (start) => data[(start + data.length - 1) % data.length]!);
  const used = [...new Set(data)].sort((a, b) => a - b);
  writeSymbols(out, used, moveToFront(last, used), order.indexOf(0), crc);
}

function writeSymbols(out: BitWriter, used: number[], symbols: readonly number[], origin: number, crc: number): void {
  out.bytes(Buffer.from('314159265359', 'hex'));
  out.bits(crc >>> 16, 16);
  out.bits(crc & 0xffff, 16);
  out.bits(0, 1);
  out.bits(origin, 24);

  const rows = Array.from({ length: 16 }, (_, row) => used.filter((byte) => byte >> 4 === row));
  for (const row of rows) out.bits(row.length > 0 ? 1 : 0, 1);
  for (const row of rows) {
    if (row.length > 0) for (let low = 0; low < 16; low++) out.bits(row.some((byte) => (byte & 15) === low) ? 1 : 0, 1);
  }

  const alphabet = used.length + 2;
  const width = Math.ceil(Math.log2(alphabet));
  const selectors = Math.ceil(symbols.length / SYMBOLS_PER_SELECTOR);
  // Two tables are the fewest that are allowed. Both are the same, and every code has the same length.
  out.bits(2, 3);
  out.bits(selectors, 15);
  for (let i = 0; i < selectors; i++) out.bits(0, 1);
  for (let table = 0; table < 2; table++) {
    out.bits(width, 5);
    for (let symbol = 0; symbol < alphabet; symbol++) out.bits(0, 1);
  }
  for (const symbol of symbols) out.bits(symbol, width);
}

/** Symbols of the block: runs of the front in base two (0 and 1), places shifted by one, and the end. */
function moveToFront(bytes: Uint8Array, used: number[]): number[] {
  const list = [...used];
  const symbols: number[] = [];
  let run = 0;
  const endRun = (): void => {
    for (let left = run; left > 0; left = (left - 1) >> 1) symbols.push((left & 1) === 1 ? 0 : 1);
    run = 0;
  };
  for (const byte of bytes) {
    const place = list.indexOf(byte);
    if (place === 0) run++;
    else {
      endRun();
      symbols.push(place + 1);
      list.splice(place, 1);
      list.unshift(byte);
    }
  }
  endRun();
  symbols.push(used.length + 1);
  return symbols;
}

/** Starts of all rotations in their order, by doubling the length that is compared. */
function sortRotations(data: Uint8Array): number[] {
  const n = data.length;
  let rank = Int32Array.from(data);
  const order = Array.from({ length: n }, (_, i) => i);
  for (let length = 1; ; length *= 2) {
    const second = (i: number): number => rank[(i + length) % n]!;
    order.sort((a, b) => rank[a]! - rank[b]! || second(a) - second(b));
    const next = new Int32Array(n);
    for (let i = 1; i < n; i++) {
      const [a, b] = [order[i - 1]!, order[i]!];
      next[b] = next[a]! + (rank[a] === rank[b] && second(a) === second(b) ? 0 : 1);
    }
    rank = next;
    if (length >= n || rank[order[n - 1]!] === n - 1) return order;
  }
}

/**
 * A stream whose one block holds these bytes (2 to 254) among its bits, and its content. That is how the mark of a block
 * gets inside one, which by chance takes terabytes. With 254 different bytes in use, every symbol takes eight bits, so
 * the wanted bytes are the symbols, and the content is whatever undoing the transform makes of them.
 */
export function bzip2Holding(bytes: readonly number[]): { packed: Buffer; content: Buffer } {
  const used = Array.from({ length: 254 }, (_, byte) => byte);
  const list = [...used];
  const last = bytes.map((symbol) => {
    const [byte] = list.splice(symbol - 1, 1);
    list.unshift(byte!);
    return byte!;
  });
  // Row by row, in order of their first byte, where the row of the following byte is.
  const next = last.map((byte, row) => ({ byte, row })).sort((a, b) => a.byte - b.byte || a.row - b.row);
  let row = next[0]!.row;
  const data = last.map(() => {
    const byte = last[row]!;
    row = next[row]!.row;
    return byte;
  });
  const content: number[] = [];
  for (let at = 0, run = 1; at < data.length; at++) {
    content.push(data[at]!);
    run = at > 0 && data[at] === data[at - 1] ? run + 1 : 1;
    if (run === 4 && at + 1 < data.length) {
      content.push(...new Array<number>(data[at + 1]!).fill(data[at]!));
      at++;
      run = 0;
    }
  }
  const out = new BitWriter();
  out.bytes(Buffer.from('BZh9'));
  const crc = crcOf(Buffer.from(content));
  writeSymbols(out, used, [...bytes, used.length + 1], 0, crc);
  out.bytes(Buffer.from('177245385090', 'hex'));
  out.bits(crc >>> 16, 16);
  out.bits(crc & 0xffff, 16);
  return { packed: out.done(), content: Buffer.from(content) };
}

class BitWriter {
  #out: number[] = [];
  #bits = 0;
  #held = 0;

  bits(value: number, count: number): void {
    for (let bit = count - 1; bit >= 0; bit--) {
      this.#held = (this.#held << 1) | ((value >>> bit) & 1);
      if (++this.#bits === 8) {
        this.#out.push(this.#held);
        this.#bits = 0;
        this.#held = 0;
      }
    }
  }

  bytes(bytes: Buffer): void {
    for (const byte of bytes) this.bits(byte, 8);
  }

  done(): Buffer {
    while (this.#bits !== 0) this.bits(0, 1);
    return Buffer.from(this.#out);
  }
}
