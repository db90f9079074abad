/** A stretch of bits that begins at the first bit of `bytes`; what follows its last bit means nothing. */
export interface Bits {
  bytes: Buffer;
  length: number;
}

/** What a stream of one block looks like around it: 900 kB blocks, the mark of the end, the block's checksum again. */
const STREAM_HEAD = Buffer.from('BZh9');
const END_MARK = Buffer.from('177245385090', 'hex');
const MARK_BITS = 48;
const CRC_BITS = 32;

/** Copies bits out of a buffer, beginning at any bit. */
export function sliceBits(from: Buffer, start: number, length: number): Bits {
  const bytes = Buffer.alloc(Math.ceil(length / 8));
  const first = start >>> 3;
  const shift = start & 7;
  if (shift === 0) from.copy(bytes, 0, first, first + bytes.length);
  else {
    for (let i = 0; i < bytes.length; i++) {
      bytes[i] = (from[first + i]! << shift) | ((from[first + i + 1] ?? 0) >>> (8 - shift));
    }
  }
  return { bytes, length };
}

/** Two stretches, one after the other. */
export function joinBits(a: Bits, b: Bits): Bits {
  const length = a.length + b.length;
  const bytes = Buffer.alloc(Math.ceil(length / 8) + 1);
  a.bytes.copy(bytes, 0, 0, Math.ceil(a.length / 8));
  const at = a.length >>> 3;
  const shift = a.length & 7;
  // The bits behind the last one of `a` mean nothing, so they have to go.
  bytes[at] = shift === 0 ? 0 : bytes[at]! & (0xff << (8 - shift));
  for (let i = 0; i < Math.ceil(b.length / 8); i++) {
    bytes[at + i] = bytes[at + i]! | (b.bytes[i]! >>> shift);
    if (shift !== 0) bytes[at + i + 1] = b.bytes[i]! << (8 - shift);
  }
  return { bytes, length };
}

/** The checksum that a block carries behind its mark. */
export function blockCrc(block: Bits): number {
  return sliceBits(block.bytes, MARK_BITS, CRC_BITS).bytes.readUInt32BE();
}

/** Makes a complete bzip2 stream of one block: the checksum of such a stream is that of its block. */
export function asStream(block: Bits): Buffer {
  const crc = Buffer.alloc(4);
  crc.writeUInt32BE(blockCrc(block));
  const end = { bytes: Buffer.concat([END_MARK, crc]), length: MARK_BITS + CRC_BITS };
  const body = joinBits(block, end);
  return Buffer.concat([STREAM_HEAD, body.bytes.subarray(0, Math.ceil(body.length / 8))]);
}

/** Adds a block's checksum to that of its stream. */
export function addCrc(stream: number, block: number): number {
  return (((stream << 1) | (stream >>> 31)) ^ block) >>> 0;
}
