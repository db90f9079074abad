import { closeSync, createReadStream, openSync, readSync, statSync } from 'node:fs';
import { pipeline } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { SpeechError } from '../../../errors.ts';
import { EntryGuard } from './entry-guard.ts';
import { BadArchive, type UnpackJob } from './job.ts';
import { TarReader } from './tar.ts';
import { TreeWriter } from './tree-writer.ts';

const READ_BYTES = 1024 * 1024;

/**
 * Unpacks an archive into an empty folder under the rules of the job. Throws SpeechError `unsafe_archive` or
 * `insufficient_storage`. `onRead` is told of bytes of the archive.
 */
export async function unpack(job: UnpackJob, onRead: (bytes: number) => void): Promise<void> {
  try {
    await unpackEntries(job, onRead);
  } catch (error) {
    throw asError(error);
  }
}

async function unpackEntries(job: UnpackJob, onRead: (bytes: number) => void): Promise<void> {
  const { stripComponents, rules } = job;
  const guard = new EntryGuard({ ...rules, stripComponents, archiveBytes: statSync(job.archive).size });
  const writer = new TreeWriter(job.target, guard);
  if (job.format === 'zip') {
    const sink = {
      begin: writer.begin.bind(writer),
      count: guard.count.bind(guard),
      write: writer.write.bind(writer),
      end: writer.end.bind(writer),
    };
    // What only one format needs is loaded for that one: most of a small unpacking's time is the start.
    const { readZip } = await import('./zip.ts');
    return await readZip(job.archive, sink, onRead);
  }
  const reader = new TarReader(writer);
  if (job.format === 'tar') return readTar(job.archive, guard, reader, onRead);
  for await (const chunk of await tarBytes(job, onRead)) {
    // Headers and padding count too: an archive of a billion empty records is as bad as a big file.
    guard.count(chunk.length);
    reader.push(chunk);
    if (reader.ended) break;
  }
  reader.finish();
}

/** A plain tar is only copied, so it is read into one and the same block. This process has nothing else to do. */
function readTar(path: string, guard: EntryGuard, reader: TarReader, onRead: (bytes: number) => void): void {
  const file = openSync(path, 'r');
  const block = Buffer.allocUnsafeSlow(READ_BYTES);
  try {
    for (let read = readSync(file, block); read > 0 && !reader.ended; read = readSync(file, block)) {
      onRead(read);
      guard.count(read);
      reader.push(block.subarray(0, read));
    }
  } finally {
    closeSync(file);
  }
  reader.finish();
}

async function tarBytes(
  { archive, format }: UnpackJob,
  onRead: (bytes: number) => void,
): Promise<AsyncIterable<Buffer>> {
  const packed = readCounted(archive, onRead);
  if (format === 'tar.bz2') return (await import('./bunzip2.ts')).bunzip2(packed);
  const gunzip = createGunzip({ chunkSize: READ_BYTES });
  // Its failures reach whoever reads from it.
  return pipeline(packed, gunzip, () => {});
}

async function* readCounted(path: string, onRead: (bytes: number) => void): AsyncGenerator<Buffer> {
  for await (const chunk of createReadStream(path, { highWaterMark: READ_BYTES }) as AsyncIterable<Buffer>) {
    onRead(chunk.length);
    yield chunk;
  }
}

function asError(thrown: unknown): SpeechError {
  if (thrown instanceof BadArchive)
    return new SpeechError('unsafe_archive', `The model archive was refused: ${thrown.message}.`);
  const { code = '', message } = thrown as NodeJS.ErrnoException;
  if (code === 'ENOSPC' || code === 'EDQUOT') {
    return new SpeechError('insufficient_storage', 'There is no room on the disk for this model.');
  }
  // What zlib and yauzl say of damaged data.
  return new SpeechError('unsafe_archive', 'The model archive cannot be read.', { detail: `${code} ${message}` });
}
