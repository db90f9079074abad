import { crc32, createInflateRaw } from 'node:zlib';
import yauzl from 'yauzl';
import type { Entry } from './entry-guard.ts';
import { BadArchive } from './job.ts';

const STORED = 0;
const DEFLATED = 8;
const CHUNK_BYTES = 256 * 1024;
/** The upper byte of "version made by" says which system's file attributes an entry carries. */
const UNIX = 3;
const TYPE_MASK = 0o170000;
const FOLDER = 0o040000;
const FILE = 0o100000;

/** What else the type bits of a Unix mode can say. */
const KINDS: ReadonlyMap<number, string> = new Map([
  [0o120000, 'a symbolic link'],
  [0o060000, 'a device'],
  [0o020000, 'a device'],
  [0o010000, 'a named pipe'],
  [0o140000, 'a socket'],
]);

export interface ZipSink {
  begin(entry: Entry): void;
  /** Called for every unpacked piece before it is written. */
  count(bytes: number): void;
  write(bytes: Uint8Array): void;
  end(): void;
}

/**
 * Reads a zip archive, zip64 included, by its central directory. Takes stored and deflated entries; checks the size and
 * the CRC of each. Throws BadArchive, or yauzl's Error for a broken structure. `onRead` is told of packed bytes.
 */
export async function readZip(path: string, sink: ZipSink, onRead: (bytes: number) => void): Promise<void> {
  const zip = await yauzl.openPromise(path, { strictFileNames: true, autoClose: false });
  try {
    for await (const entry of zip.eachEntry()) await readEntry(zip, entry, sink, onRead);
  } finally {
    zip.close();
  }
}

async function readEntry(
  zip: yauzl.ZipFile,
  entry: yauzl.Entry,
  sink: ZipSink,
  onRead: (bytes: number) => void,
): Promise<void> {
  const described = describe(entry);
  sink.begin(described);
  if (described.type === 'folder') {
    if (entry.uncompressedSize > 0) throw new BadArchive('it has a folder with content');
    return;
  }
  const packed = await zip.openReadStreamPromise(entry, { decodeFileData: false });
  packed.on('data', (chunk: Buffer) => onRead(chunk.length));
  const inflate = entry.compressionMethod === DEFLATED ? createInflateRaw({ chunkSize: CHUNK_BYTES }) : undefined;
  const content = inflate === undefined ? packed : packed.pipe(inflate);
  if (inflate !== undefined) packed.on('error', (error) => inflate.destroy(error));
  let crc = 0;
  let size = 0;
  try {
    for await (const chunk of content as AsyncIterable<Buffer>) {
      size += chunk.length;
      if (size > entry.uncompressedSize) throw new BadArchive('an entry is larger than it says');
      sink.count(chunk.length);
      crc = crc32(chunk, crc);
      sink.write(chunk);
    }
  } finally {
    packed.destroy();
  }
  if (size !== entry.uncompressedSize) throw new BadArchive('an entry is smaller than it says');
  if (crc !== entry.crc32) throw new BadArchive('an entry is damaged');
  sink.end();
}

function describe(entry: yauzl.Entry): Entry {
  const name = entry.fileName;
  if (entry.isEncrypted()) return { name, type: 'other', what: 'encrypted' };
  const isFolder = name.endsWith('/');
  const kind = entry.versionMadeBy >>> 8 === UNIX ? (entry.externalFileAttributes >>> 16) & TYPE_MASK : 0;
  if (kind !== 0 && kind !== FILE && kind !== FOLDER) {
    return { name, type: 'other', what: KINDS.get(kind) ?? 'of an unknown kind' };
  }
  if (kind === FOLDER && !isFolder) return { name, type: 'other', what: 'a folder and a file at once' };
  if (isFolder) return { name, type: 'folder' };
  if (entry.compressionMethod !== STORED && entry.compressionMethod !== DEFLATED) {
    return { name, type: 'other', what: `packed in a way that is not read here (${entry.compressionMethod})` };
  }
  return { name, type: 'file' };
}
