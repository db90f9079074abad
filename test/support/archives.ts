import { crc32, deflateRawSync, gzipSync } from 'node:zlib';
import { bzip2 } from './bzip2.ts';

/** An entry that an archive shall hold, proper or not. */
export interface TestEntry {
  name: string | Buffer;
  type?: 'file' | 'folder' | 'symlink' | 'hardlink' | 'device' | 'fifo';
  content?: Buffer;
  /** Where a link leads. */
  target?: string;
}

export const ARCHIVE_FORMATS = ['zip', 'tar', 'tar.gz', 'tar.bz2'] as const;
export type ArchiveFormat = (typeof ARCHIVE_FORMATS)[number];

export function makeArchive(format: ArchiveFormat, entries: readonly TestEntry[]): Buffer {
  switch (format) {
    case 'zip':
      return makeZip(entries);
    case 'tar':
      return makeTar(entries);
    case 'tar.gz':
      return gzipSync(makeTar(entries));
    case 'tar.bz2':
      return bzip2(makeTar(entries));
  }
}

const TAR_FLAGS = { file: '0', folder: '5', symlink: '2', hardlink: '1', device: '3', fifo: '6' } as const;
const BLOCK = 512;

export function makeTar(entries: readonly TestEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const name = Buffer.from(entry.name);
    const content = entry.content ?? Buffer.alloc(0);
    const flag = TAR_FLAGS[entry.type ?? 'file'];
    const target = Buffer.from(entry.target ?? '');
    const long =
      name.length > 100 ? [...tarRecord(Buffer.from('././@LongLink'), 'L', Buffer.concat([name, Buffer.of(0)]))] : [];
    return [...long, ...tarRecord(name.subarray(0, 100), flag, content, target)];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

/** A header with its content. `size` may lie. */
export function tarRecord(
  name: Buffer,
  flag: string,
  content: Buffer,
  target = Buffer.alloc(0),
  size = content.length,
): Buffer[] {
  const header = Buffer.alloc(BLOCK);
  name.copy(header, 0, 0, 100);
  header.write('0000777\0', 100);
  header.write('0000000\0', 108);
  header.write('0000000\0', 116);
  header.write(`${size.toString(8).padStart(11, '0')}\0`, 124);
  header.write('00000000000\0', 136);
  header.write('        ', 148);
  header.write(flag, 156);
  target.copy(header, 157, 0, 100);
  header.write('ustar\0', 257);
  header.write('00', 263);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
  return [header, content, padding];
}

/** One pax record: `length key=value\n`, the length counting itself. */
export function paxRecord(key: string, value: string): Buffer {
  const rest = ` ${key}=${value}\n`;
  let length = Buffer.byteLength(rest);
  while (String(length).length + Buffer.byteLength(rest) !== length)
    length = String(length).length + Buffer.byteLength(rest);
  return Buffer.from(`${length}${rest}`);
}

export interface ZipOptions {
  /** Store instead of deflating. */
  stored?: boolean;
  /** Write every size and offset in its 64-bit form. */
  zip64?: boolean;
  encrypted?: boolean;
  /** Lies about the first entry. */
  size?: number;
  crc?: number;
}

const ZIP_MODES = {
  file: 0o100777,
  folder: 0o040777,
  symlink: 0o120777,
  hardlink: 0o100777,
  device: 0o020777,
  fifo: 0o010777,
} as const;

export function makeZip(entries: readonly TestEntry[], options: ZipOptions = {}): Buffer {
  const locals: Buffer[] = [];
  const centrals: Buffer[] = [];
  let offset = 0;
  const flags = 0x0800 | (options.encrypted ? 1 : 0);
  for (const entry of entries) {
    const name = Buffer.from(entry.name);
    const content = entry.type === 'symlink' ? Buffer.from(entry.target ?? '') : (entry.content ?? Buffer.alloc(0));
    const packed = options.stored ? content : deflateRawSync(content);
    const size = options.size ?? content.length;
    const common = Buffer.alloc(22);
    common.writeUInt16LE(flags, 0);
    common.writeUInt16LE(options.stored ? 0 : 8, 2);
    common.writeUInt32LE(options.crc ?? crc32(content), 8);
    common.writeUInt32LE(options.zip64 ? 0xffffffff : packed.length, 12);
    common.writeUInt32LE(options.zip64 ? 0xffffffff : size, 16);
    common.writeUInt16LE(name.length, 20);
    const extra = options.zip64 ? zip64Extra(size, packed.length, offset) : Buffer.alloc(0);
    const extraLength = Buffer.alloc(2);
    extraLength.writeUInt16LE(extra.length);
    const local = Buffer.concat([Buffer.from('504b03042d00', 'hex'), common, extraLength, name, extra, packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE((ZIP_MODES[entry.type ?? 'file'] << 16) >>> 0, 6);
    tail.writeUInt32LE(options.zip64 ? 0xffffffff : offset, 10);
    centrals.push(Buffer.from('504b01022d032d00', 'hex'), common, extraLength, tail, name, extra);
    locals.push(local);
    offset += local.length;
  }
  const central = Buffer.concat(centrals);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 0, 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(central.length, 12);
  end.writeUInt32LE(options.zip64 ? 0xffffffff : offset, 16);
  const end64 = options.zip64 ? zip64End(entries.length, central.length, offset) : Buffer.alloc(0);
  return Buffer.concat([...locals, central, end64, end]);
}

function zip64Extra(size: number, packed: number, offset: number): Buffer {
  const extra = Buffer.alloc(28);
  extra.writeUInt16LE(1, 0);
  extra.writeUInt16LE(24, 2);
  extra.writeBigUInt64LE(BigInt(size), 4);
  extra.writeBigUInt64LE(BigInt(packed), 12);
  extra.writeBigUInt64LE(BigInt(offset), 20);
  return extra;
}

function zip64End(count: number, size: number, offset: number): Buffer {
  const record = Buffer.alloc(56);
  record.write('PK\x06\x06', 0, 'latin1');
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  record.writeBigUInt64LE(BigInt(count), 24);
  record.writeBigUInt64LE(BigInt(count), 32);
  record.writeBigUInt64LE(BigInt(size), 40);
  record.writeBigUInt64LE(BigInt(offset), 48);
  const locator = Buffer.alloc(20);
  locator.write('PK\x06\x07', 0, 'latin1');
  locator.writeBigUInt64LE(BigInt(offset + size), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([record, locator]);
}
