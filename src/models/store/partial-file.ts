import { constants } from 'node:fs';
import { type FileHandle, open, readFile, rename, rm, writeFile } from 'node:fs/promises';

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
  size = 0;
  /** True when its bytes did not all come in one answer. */
  mixed = false;
  #from: string;
  #handle: FileHandle;
  #origin: Origin | undefined;

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

  async append(chunk: Uint8Array): Promise<void> {
    for (let done = 0; done < chunk.length; ) {
      const { bytesWritten } = await this.#handle.write(chunk, done, chunk.length - done, this.size);
      done += bytesWritten;
      this.size += bytesWritten;
    }
  }

  async clear(): Promise<void> {
    await this.#handle.truncate(0);
    this.size = 0;
    this.mixed = false;
  }

  /** The first bytes, for telling what was sent in place of the file. */
  async head(bytes: number): Promise<Buffer> {
    const { buffer, bytesRead } = await this.#handle.read(Buffer.alloc(bytes), 0, bytes, 0);
    return buffer.subarray(0, bytesRead);
  }

  /** Flushes it to the disk and gives it its name. */
  async finish(path: string): Promise<void> {
    await this.#handle.sync();
    await this.close();
    await rename(this.part, path);
    await rm(this.#from, { force: true });
  }

  async close(): Promise<void> {
    await this.#handle.close();
  }

  async remove(): Promise<void> {
    await this.close();
    await rm(this.part, { force: true });
    await rm(this.#from, { force: true });
  }
}
