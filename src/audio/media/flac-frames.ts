import { broken } from './mixer.ts';

const FIRST_BYTES = 4096;
/** §9.1: sync, codes, a number of up to seven bytes, block size, sample rate, checksum. */
const MAX_HEADER_BYTES = 16;
/** Signature, header of the first metadata block, and that block: STREAMINFO (§8.2). */
const INFO_AT = 8;
const INFO_BYTES = 34;
const BLOCK_HEADER_BYTES = 4;

const CRC8 = crcTable(8, 0x07);
const CRC16 = crcTable(16, 0x8005);

export interface FlacFrame {
  bytes: Uint8Array;
  /** Where it begins, in samples. */
  sample: number;
}

export interface FlacInfo {
  /** STREAMINFO, as a decoder wants it. */
  bytes: Buffer;
  sampleRate: number;
  /** Samples of a frame, where all have as many. */
  blockSize: number;
}

/**
 * Finds the frames of a FLAC stream (RFC 9639) while it arrives, each as soon as the next begins. A frame tells its
 * length nowhere; it is over where a header follows and its checksum comes out. FFmpeg's own way to be sure is to wait
 * for ten frames, which may be seconds.
 */
export class FlacFrames {
  /** Known once the stream's header has come. */
  info: FlacInfo | undefined;
  /** What lies between `#start` and `#end` is not used yet. */
  #buffer = new Uint8Array(FIRST_BYTES);
  #start = 0;
  #end = 0;
  #lastBlock = false;
  /** Bytes of metadata that nobody needs. */
  #skip = 0;
  /** How far the frame at `#start` was looked through, with its checksum up to there. */
  #looked = 0;
  #crc = 0;
  /** What looked like a header and ended no frame, with the checksum from there: behind damage, frames go on at one. */
  #suspect = 0;
  #suspectCrc = 0;

  /** SpeechError `invalid_audio` where the stream's header is none. */
  push(bytes: Uint8Array): void {
    const used = this.#end - this.#start;
    if (this.#end + bytes.length > this.#buffer.length) {
      const room = 2 * (used + bytes.length);
      const buffer = room > this.#buffer.length ? new Uint8Array(room) : this.#buffer;
      buffer.set(this.#pending);
      this.#buffer = buffer;
      this.#start = 0;
      this.#end = used;
    }
    this.#buffer.set(bytes, this.#end);
    this.#end += bytes.length;
  }

  /** The next frame that is certainly over. */
  next(): FlacFrame | undefined {
    if (!this.#readMetadata()) return undefined;
    const pending = this.#pending;
    for (; this.#looked + MAX_HEADER_BYTES <= pending.length; this.#step(pending[this.#looked]!)) {
      if (this.#looked === 0 || readHeader(pending.subarray(this.#looked)) === undefined) continue;
      if (this.#crc === 0) return this.#take(0, this.#looked);
      if (this.#suspect > 0 && this.#suspectCrc === 0) return this.#take(this.#suspect, this.#looked);
      this.#suspect = this.#looked;
      this.#suspectCrc = 0;
    }
    return undefined;
  }

  /** What is left, where its checksum says that it is whole. To be asked when `next` has no more. */
  last(): FlacFrame | undefined {
    const pending = this.#pending;
    let crc = this.#crc;
    for (let at = this.#looked; at < pending.length; at++) crc = step16(crc, pending[at]!);
    return this.info === undefined || crc !== 0 ? undefined : this.#take(0, pending.length);
  }

  get #pending(): Uint8Array {
    return this.#buffer.subarray(this.#start, this.#end);
  }

  #step(byte: number): void {
    this.#crc = step16(this.#crc, byte);
    this.#suspectCrc = step16(this.#suspectCrc, byte);
    this.#looked++;
  }

  #take(from: number, to: number): FlacFrame | undefined {
    const bytes = this.#pending.slice(from, to);
    this.#start += to;
    this.#looked = 0;
    this.#crc = 0;
    this.#suspect = 0;
    const header = readHeader(bytes);
    if (header === undefined) return undefined;
    return { bytes, sample: header.variable ? header.number : header.number * this.info!.blockSize };
  }

  /** Whether all of it has been read. */
  #readMetadata(): boolean {
    for (;;) {
      const skipped = Math.min(this.#skip, this.#end - this.#start);
      this.#start += skipped;
      this.#skip -= skipped;
      if (this.#skip > 0) return false;
      if (this.#lastBlock) return true;
      const pending = this.#pending;
      if (this.info !== undefined) {
        if (pending.length < BLOCK_HEADER_BYTES) return false;
        this.#lastBlock = (pending[0]! & 0x80) !== 0;
        this.#skip = (pending[1]! << 16) | (pending[2]! << 8) | pending[3]!;
        this.#start += BLOCK_HEADER_BYTES;
      } else {
        if (pending.length < INFO_AT + INFO_BYTES) return false;
        this.info = readInfo(pending);
        this.#lastBlock = (pending[INFO_AT - BLOCK_HEADER_BYTES]! & 0x80) !== 0;
        this.#start += INFO_AT + INFO_BYTES;
      }
    }
  }
}

function readInfo(head: Uint8Array): FlacInfo {
  const bytes = Buffer.from(head.subarray(INFO_AT, INFO_AT + INFO_BYTES));
  const sampleRate = bytes.readUIntBE(10, 3) >> 4;
  const isInfo = (head[INFO_AT - BLOCK_HEADER_BYTES]! & 0x7f) === 0 && head[INFO_AT - 1] === INFO_BYTES;
  if (Buffer.from(head.subarray(0, 4)).toString('latin1') !== 'fLaC' || !isInfo || sampleRate === 0) throw broken();
  return { bytes, sampleRate, blockSize: bytes.readUInt16BE(2) };
}

/** §9.1. The number is that of the frame, or of its first sample where block sizes vary. */
function readHeader(bytes: Uint8Array): { variable: boolean; number: number } | undefined {
  if (bytes.length < 6 || bytes[0] !== 0xff || (bytes[1]! & 0xfe) !== 0xf8) return undefined;
  const blockCode = bytes[2]! >> 4;
  const rateCode = bytes[2]! & 15;
  if (blockCode === 0 || rateCode === 15 || bytes[3]! >> 4 > 10 || (bytes[3]! & 1) !== 0) return undefined;
  const coded = readNumber(bytes.subarray(4));
  if (coded === undefined) return undefined;
  const blockBytes = blockCode === 6 ? 1 : blockCode === 7 ? 2 : 0;
  const rateBytes = rateCode === 12 ? 1 : rateCode > 12 ? 2 : 0;
  const length = 4 + coded.length + blockBytes + rateBytes;
  if (length >= bytes.length) return undefined;
  let crc = 0;
  for (let at = 0; at <= length; at++) crc = CRC8[crc ^ bytes[at]!]!;
  return crc === 0 ? { variable: (bytes[1]! & 1) !== 0, number: coded.number } : undefined;
}

/** §9.1.5: like UTF-8, of up to 36 bits. */
function readNumber(bytes: Uint8Array): { number: number; length: number } | undefined {
  const length = Math.clz32(~(bytes[0]! << 24));
  if (length === 0) return { number: bytes[0]!, length: 1 };
  if (length === 1 || length > 7 || bytes.length < length) return undefined;
  let number = bytes[0]! & (0x7f >> length);
  for (let at = 1; at < length; at++) {
    if ((bytes[at]! & 0xc0) !== 0x80) return undefined;
    number = number * 64 + (bytes[at]! & 0x3f);
  }
  return { number, length };
}

function step16(crc: number, byte: number): number {
  return ((crc << 8) & 0xffff) ^ CRC16[(crc >> 8) ^ byte]!;
}

/** Unreflected, most significant bit first, starting from zero. */
function crcTable(bits: number, polynomial: number): Uint16Array {
  const top = 1 << (bits - 1);
  return Uint16Array.from({ length: 256 }, (_, byte) => {
    let crc = byte << (bits - 8);
    for (let bit = 0; bit < 8; bit++) crc = crc & top ? (crc << 1) ^ polynomial : crc << 1;
    return crc & (2 * top - 1);
  });
}
