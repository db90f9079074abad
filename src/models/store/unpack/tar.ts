import type { Entry } from './entry-guard.ts';
import { BadArchive } from './job.ts';

const BLOCK = 512;
/** A long name or a set of pax records; real ones have a few hundred bytes. */
const MAX_META_BYTES = 64 * 1024;
const utf8 = new TextDecoder('utf-8', { fatal: true });

/** What is in an archive that a model never needs, by tar's type flag. */
const REFUSED: Readonly<Record<string, string>> = {
  1: 'a hard link',
  2: 'a symbolic link',
  3: 'a device',
  4: 'a device',
  6: 'a named pipe',
  S: 'a sparse file',
};

export interface TarSink {
  begin(entry: Entry): void;
  write(bytes: Uint8Array): void;
  end(): void;
}

/**
 * Reads a tar archive as it comes: POSIX ustar and pax (IEEE 1003.1-2017, "pax Interchange Format") and GNU tar's long
 * names and big sizes. Everything but files and folders goes to the sink as `other`. Throws BadArchive.
 */
export class TarReader {
  #sink: TarSink;
  #header = Buffer.alloc(BLOCK);
  #filled = 0;
  /** Bytes of content still to come, and of the padding after it. */
  #left = 0;
  #padding = 0;
  /** Where content goes: to the sink, or into a record about the next entry. */
  #inFile = false;
  #meta: { flag: string; chunks: Buffer[] } | undefined;
  #next: { path?: string; size?: number } = {};
  #zeroBlocks = 0;

  constructor(sink: TarSink) {
    this.#sink = sink;
  }

  /** True once the mark for the end has been read; what follows means nothing. */
  get ended(): boolean {
    return this.#zeroBlocks >= 2;
  }

  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0 && !this.ended) {
      if (this.#left > 0) {
        const part = rest.subarray(0, this.#left);
        rest = rest.subarray(part.length);
        this.#left -= part.length;
        if (this.#meta !== undefined) this.#meta.chunks.push(Buffer.from(part));
        else this.#sink.write(part);
        if (this.#left === 0) this.#contentEnded();
      } else if (this.#padding > 0) {
        const skipped = Math.min(this.#padding, rest.length);
        this.#padding -= skipped;
        rest = rest.subarray(skipped);
      } else {
        const copied = rest.copy(this.#header, this.#filled, 0, BLOCK - this.#filled);
        this.#filled += copied;
        rest = rest.subarray(copied);
        if (this.#filled < BLOCK) continue;
        this.#filled = 0;
        this.#headerRead();
      }
    }
  }

  /** Call it after the last byte. Throws BadArchive where the archive is cut off inside an entry. */
  finish(): void {
    if (this.#left > 0 || this.#filled > 0 || this.#inFile) throw new BadArchive('it is cut off');
  }

  #headerRead(): void {
    const header = this.#header;
    if (header.every((byte) => byte === 0)) {
      this.#zeroBlocks++;
      return;
    }
    this.#zeroBlocks = 0;
    checkSum(header);
    const flag = String.fromCharCode(header[156]!);
    const isMeta = 'xgLK'.includes(flag);
    const size = (isMeta ? undefined : this.#next.size) ?? numberAt(header, 124, 12);
    this.#left = size;
    this.#padding = (BLOCK - (size % BLOCK)) % BLOCK;
    if (isMeta) {
      if (size > MAX_META_BYTES) throw new BadArchive('it has a name that is too long');
      this.#meta = { flag, chunks: [] };
    } else {
      const name = this.#next.path ?? nameOf(header);
      this.#next = {};
      this.#begin(name, flag, size);
    }
    if (size === 0) this.#contentEnded();
  }

  #begin(name: string, flag: string, size: number): void {
    const plain = flag === '0' || flag === '\0' || flag === '7';
    // Before POSIX, a folder was a file whose name ends with a slash.
    const isFolder = flag === '5' || (plain && name.endsWith('/'));
    if (!plain && !isFolder) this.#sink.begin({ name, type: 'other', what: REFUSED[flag] ?? 'of an unknown kind' });
    if (isFolder) {
      if (size > 0) throw new BadArchive('it has a folder with content');
      this.#sink.begin({ name, type: 'folder' });
    } else {
      this.#sink.begin({ name, type: 'file' });
      this.#inFile = true;
    }
  }

  #contentEnded(): void {
    if (this.#meta !== undefined) {
      const { flag, chunks } = this.#meta;
      this.#meta = undefined;
      const content = Buffer.concat(chunks);
      if (flag === 'x') this.#paxRead(content);
      else if (flag === 'L') this.#next.path = textOf(content.subarray(0, zeroAt(content)));
      // `K` is the target of a link, which is refused by its own entry; `g` sets defaults that no model needs.
    } else if (this.#inFile) {
      this.#inFile = false;
      this.#sink.end();
    }
  }

  /** Records of the form `length key=value\n`, where the length counts all of the record. */
  #paxRead(content: Buffer): void {
    for (let at = 0; at < content.length; ) {
      const space = content.indexOf(0x20, at);
      const length = Number(content.subarray(at, space).toString('latin1'));
      const equals = content.indexOf(0x3d, space);
      const end = at + length;
      if (space === -1 || !Number.isInteger(length) || equals === -1 || equals >= end || end > content.length) {
        throw new BadArchive('it has a damaged pax record');
      }
      const key = textOf(content.subarray(space + 1, equals));
      const value = textOf(content.subarray(equals + 1, end - 1));
      if (key === 'path') this.#next.path = value;
      if (key === 'size') {
        if (!/^\d{1,15}$/.test(value)) throw new BadArchive('it has a damaged size');
        this.#next.size = Number(value);
      }
      if (key.startsWith('GNU.sparse')) throw new BadArchive('it has a sparse file');
      at = end;
    }
  }
}

function nameOf(header: Buffer): string {
  const name = header.subarray(0, zeroAt(header.subarray(0, 100)));
  // GNU tar's own format marks itself with two spaces and has other things where ustar keeps the prefix.
  const isUstar = header.subarray(257, 263).toString('latin1') === 'ustar\0';
  const field = header.subarray(345, 500);
  const prefix = isUstar ? field.subarray(0, zeroAt(field)) : Buffer.alloc(0);
  return prefix.length === 0 ? textOf(name) : `${textOf(prefix)}/${textOf(name)}`;
}

/** The sum of all bytes of the header, with the field of the sum itself as spaces. */
function checkSum(header: Buffer): void {
  let sum = 8 * 0x20;
  for (let i = 0; i < BLOCK; i++) if (i < 148 || i >= 156) sum += header[i]!;
  if (sum !== numberAt(header, 148, 8)) throw new BadArchive('it is damaged');
}

/** Octal digits, or GNU's base 256 where the first bit is set. */
function numberAt(header: Buffer, at: number, length: number): number {
  const field = header.subarray(at, at + length);
  if ((field[0]! & 0x80) !== 0) {
    let value = BigInt(field[0]! & 0x7f);
    for (const byte of field.subarray(1)) value = (value << 8n) | BigInt(byte);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new BadArchive('it has a damaged size');
    return Number(value);
  }
  const digits = field.subarray(0, zeroAt(field)).toString('latin1').trim();
  if (!/^[0-7]*$/.test(digits)) throw new BadArchive('it has a damaged number');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function zeroAt(bytes: Buffer): number {
  const at = bytes.indexOf(0);
  return at === -1 ? bytes.length : at;
}

function textOf(bytes: Buffer): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new BadArchive('it has a name that is not UTF-8');
  }
}
