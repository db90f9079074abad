import { createHash, type Hash, randomBytes } from 'node:crypto';
import { constants, type ReadStream } from 'node:fs';
import { type FileHandle, open, rename, unlink } from 'node:fs/promises';

/**
 * A file of the speech cache: the bytes, then a trailer of 48: a magic word, the number of bytes (64 bits, big end
 * first), and SHA-256 over the key and the bytes.
 */
const MAGIC = Buffer.from('OSSPCH01');
export const TRAILER_BYTES = MAGIC.length + 8 + 32;

/** Bytes that may wait for the disk in one writer. */
const MOST_WAITING = 8 * 1024 * 1024;

function hashFor(key: string): Hash {
  return createHash('sha256').update(key);
}

async function isWhole(handle: FileHandle, key: string, bytes: number): Promise<boolean> {
  const hash = hashFor(key);
  const buffer = Buffer.allocUnsafe(64 * 1024);
  for (let at = 0; at < bytes; ) {
    const { bytesRead } = await handle.read(buffer, 0, Math.min(buffer.length, bytes - at), at);
    if (bytesRead === 0) return false;
    hash.update(buffer.subarray(0, bytesRead));
    at += bytesRead;
  }
  const trailer = Buffer.alloc(TRAILER_BYTES);
  const { bytesRead } = await handle.read(trailer, 0, TRAILER_BYTES, bytes);
  return bytesRead === TRAILER_BYTES && trailer.equals(trailerOf(bytes, hash.digest()));
}

function trailerOf(bytes: number, digest: Buffer): Buffer {
  const length = Buffer.alloc(8);
  length.writeBigUInt64BE(BigInt(bytes));
  return Buffer.concat([MAGIC, length, digest]);
}

/**
 * Opens a kept file for reading, after comparing it with its hash unless it was `checked` before, and marks it as
 * used. Undefined where it is gone, not of the expected size, or not what was written.
 */
export async function openChecked(
  path: string,
  key: string,
  fileBytes: number,
  checked: boolean,
): Promise<{ stream: ReadStream; bytes: number } | undefined> {
  const bytes = fileBytes - TRAILER_BYTES;
  let handle: FileHandle | undefined;
  try {
    handle = await open(path, constants.O_RDONLY | (constants.O_NOFOLLOW ?? 0));
    const whole =
      (await handle.stat()).size === fileBytes && bytes > 0 && (checked || (await isWhole(handle, key, bytes)));
    if (whole) {
      const now = new Date();
      await handle.utimes(now, now).catch(() => {}); // only the order after a restart depends on it
      return { stream: handle.createReadStream({ start: 0, end: bytes - 1 }), bytes };
    }
  } catch {
    // Unreadable counts as absent.
  }
  await handle?.close().catch(() => {});
  return undefined;
}

/** How a writer deals with its cache. */
interface Ledger {
  /** Asks for room, as the file grows from `before` to `bytes`. */
  reserve(bytes: number, before: number): boolean;
  /** The writer has ended and gives back its `reserved` bytes; `fileBytes` where the entry is there now. */
  done(reserved: number, fileBytes: number | undefined): void;
}

/** One entry being written, under a name of its own until it is whole. */
export class EntryWriter {
  readonly #path: string;
  readonly #temporary: string;
  readonly #ledger: Ledger;
  readonly #hash: Hash;
  /** Everything asked of the disk so far, one after the other. Never rejects. */
  #disk: Promise<void> = Promise.resolve();
  #ended: Promise<void> | undefined;
  #handle: FileHandle | undefined;
  #bytes = 0;
  #reserved = 0;
  #waiting = 0;
  #failed = false;
  #committed = false;

  constructor(path: string, key: string, ledger: Ledger) {
    this.#path = path;
    this.#temporary = `${path}.${randomBytes(8).toString('hex')}.tmp`;
    this.#ledger = ledger;
    this.#hash = hashFor(key);
    this.#onDisk(async () => {
      this.#handle = await open(this.#temporary, 'wx', 0o600);
    });
  }

  /** Adds bytes, which must not change afterwards. Does not wait for the disk. */
  write(chunk: Uint8Array): void {
    if (this.#ended !== undefined || chunk.length === 0) return;
    this.#bytes += chunk.length;
    this.#waiting += chunk.length;
    const fileBytes = this.#bytes + TRAILER_BYTES;
    if (this.#waiting > MOST_WAITING || !this.#ledger.reserve(fileBytes, this.#reserved)) {
      void this.abort();
      return;
    }
    this.#reserved = fileBytes;
    this.#hash.update(chunk);
    this.#onDisk(async () => {
      await this.#handle!.writeFile(chunk);
      this.#waiting -= chunk.length;
    });
  }

  /** Makes the entry visible if all of it was written. Answers whether it is there. */
  async commit(): Promise<boolean> {
    if (this.#bytes === 0) await this.abort();
    if (this.#ended === undefined) {
      const trailer = trailerOf(this.#bytes, this.#hash.digest());
      this.#onDisk(async () => {
        await this.#handle!.writeFile(trailer);
        await this.#handle!.datasync();
        await this.#handle!.close();
        this.#handle = undefined;
        await rename(this.#temporary, this.#path);
        this.#committed = true;
      });
    }
    await this.#end();
    return this.#committed;
  }

  /** Leaves nothing behind, unless the entry was committed. */
  async abort(): Promise<void> {
    if (this.#ended === undefined) this.#failed = true;
    await this.#end();
  }

  #onDisk(step: () => Promise<void>): void {
    this.#disk = this.#disk.then(async () => {
      if (this.#failed) return;
      try {
        await step();
      } catch {
        void this.abort();
        this.#failed = true;
      }
    });
  }

  #end(): Promise<void> {
    this.#ended ??= this.#disk.then(async () => {
      await this.#handle?.close().catch(() => {});
      if (!this.#committed) await unlink(this.#temporary).catch(() => {});
      this.#ledger.done(this.#reserved, this.#committed ? this.#reserved : undefined);
    });
    return this.#ended;
  }
}
