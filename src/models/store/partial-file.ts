import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';

/** Bytes that may wait for the disk. */
const MAX_BEHIND_BYTES = 8 * 1024 * 1024;

interface Origin {
  url: string;
  etag?: string;
}

/**
 * A file that is still being fetched: `<stem>.part`, with `<stem>.from` beside it saying where its bytes came from.
 * Survives being killed at any moment; whether the bytes are right is decided by hashing them, never by this file.
 */
export class PartialFile {
  readonly part: string;
  /** Bytes that it has, or will have when `settle` resolves. */
  size = 0;
  /** Bytes that lie in the file. */
  written = 0;
  /** True when its bytes did not all come in one answer. */
  mixed = false;
  #from: string;
  #handle: FileHandle;
  #origin: Origin | undefined;
  #queue: Uint8Array[] = [];
  #writing: Promise<void> | undefined;
  #failure: Error | undefined;

  private constructor(stem: string, handle: FileHandle) {
    this.part = `${stem}.part`;
    this.#from = `${stem}.from`;
    this.#handle = handle;
  }

  /** Goes on with what lies there, or begins. */
  static async open(stem: string): Promise<PartialFile> {
    const handle = await open(`${stem}.part`, constants.O_RDWR | constants.O_CREAT, 0o644);
    const file = new PartialFile(stem, handle);
    file.size = (await handle.stat()).size;
    file.written = file.size;
    file.mixed = file.size > 0;
    file.#origin = await readFile(file.#from, 'utf8')
      .then((text) => JSON.parse(text) as Origin)
      .catch(() => undefined);
    return file;
  }

  /** The entity tag under which this URL gave the bytes so far. */
  etag(url: string): string | undefined {
    return this.#origin?.url === url ? this.#origin.etag : undefined;
  }

  /** Remembers where the following bytes come from. A weak tag says nothing about bytes and is forgotten. */
  async comesFrom(url: string, etag: string | undefined): Promise<void> {
    const strong = etag !== undefined && /^"[\x21\x23-\x7e]{1,256}"$/.test(etag);
    const origin: Origin = strong ? { url, etag } : { url };
    if (this.#origin?.url === origin.url && this.#origin.etag === origin.etag) return;
    this.#origin = origin;
    await writeFile(this.#from, JSON.stringify(origin));
  }

  /**
   * Adds bytes. Writes happen behind it, several pieces at once. What it returns has to be awaited before more is added:
   * undefined, so that most calls cost no turn, or a promise where the writes fall behind. That promise rejects with the
   * system's error of an earlier write.
   */
  append(chunk: Uint8Array): Promise<void> | undefined {
    this.#queue.push(chunk);
    this.size += chunk.length;
    this.#writing ??= this.#writeQueued();
    const behind = this.size - this.written > MAX_BEHIND_BYTES;
    return behind || this.#failure !== undefined ? this.settle() : undefined;
  }

  /** Resolves when every byte has been written. */
  async settle(): Promise<void> {
    await this.#writing;
    const failure = this.#failure;
    if (failure === undefined) return;
    this.#failure = undefined;
    this.size = this.written;
    throw failure;
  }

  async clear(): Promise<void> {
    await this.#writing;
    await this.#handle.truncate(0);
    this.size = 0;
    this.written = 0;
    this.mixed = false;
  }

  /** The first bytes, for telling what was sent in place of the file. */
  async head(bytes: number): Promise<Buffer> {
    await this.settle();
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  }

  /** Flushes it to the disk and gives it its name. */
  async finish(path: string): Promise<void> {
    await this.settle();
    await this.#handle.sync();
    await this.close();
    await rename(this.part, path);
    await rm(this.#from, { force: true });
  }

  async close(): Promise<void> {
    await this.#writing;
    await this.#handle.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(this.part, { force: true });
    await rm(this.#from, { force: true });
  }

  /** Never rejects: a failure is kept for whoever appends or settles next. */
  async #writeQueued(): Promise<void> {
    try {
      while (this.#queue.length > 0) {
        const pieces = this.#queue;
        this.#queue = [];
        for (let left = pieces; left.length > 0; ) {
          const { bytesWritten } = await this.#handle.writev(left, this.written);
          this.written += bytesWritten;
          left = without(left, bytesWritten);
        }
      }
    } catch (error) {
      this.#failure = error as Error;
      this.#queue = [];
    } finally {
      this.#writing = undefined;
    }
  }
}

/** What is left of these pieces without their first `bytes` bytes. */
function without(pieces: readonly Uint8Array[], bytes: number): Uint8Array[] {
  let whole = 0;
  let over = bytes;
  while (whole < pieces.length && pieces[whole]!.length <= over) over -= pieces[whole++]!.length;
  const left = pieces.slice(whole);
  if (over > 0) left[0] = left[0]!.subarray(over);
  return left;
}
