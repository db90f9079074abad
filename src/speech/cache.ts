import { createHash } from 'node:crypto';
import type { ReadStream } from 'node:fs';
import { lstat, mkdir, opendir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { AudioFormat } from '../audio/contract.ts';
import { EntryWriter, openChecked } from './cache-file.ts';
import type { Piece } from './text/pieces.ts';

/** Everything that decides how finished speech sounds and is encoded. A new field of that kind belongs here. */
export interface CacheableSpeech {
  pieces: readonly Pick<
    Piece,
    'text' | 'phonemes' | 'rate' | 'pitch' | 'volumeDb' | 'pauseBeforeMs' | 'pauseAfterMs' | 'continues'
  >[];
  model: string;
  revision: string;
  voice: string;
  speed: number;
  instructions: string | undefined;
  format: AudioFormat;
  sampleRate: number;
  trimmed: boolean;
}

/** One text for one value: keys sorted, strings quoted, so that no two values look alike. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).filter(([, field]) => field !== undefined);
    fields.sort(([a], [b]) => (a < b ? -1 : 1));
    return `{${fields.map(([name, field]) => `${JSON.stringify(name)}:${canonical(field)}`).join(',')}}`;
  }
  if (typeof value === 'number' && !Number.isFinite(value)) throw new TypeError('a cache key needs finite numbers');
  return JSON.stringify(value);
}

/**
 * The key of finished speech: SHA-256 over the whole effective request and over `owner`, the id of the API key whose
 * requests may be answered with it. Speech is never shared between owners.
 */
export function cacheKey(owner: string, speech: CacheableSpeech): string {
  return createHash('sha256')
    .update(canonical({ version: 1, owner, speech }))
    .digest('hex');
}

export interface CacheStats {
  entries: number;
  /** On disk, in whole blocks, with what is being written. */
  bytes: number;
  hits: number;
  misses: number;
  evicted: number;
  /** Entries that were gone or changed when they were asked for. */
  broken: number;
}

interface Kept {
  /** Of the whole file. */
  fileBytes: number;
  /** Its content is known to be what was written. */
  checked: boolean;
}

const BLOCK = 4096;

/** What a file takes on disk. Counting blocks also bounds how many files there can be. */
function blocks(bytes: number): number {
  return Math.ceil(bytes / BLOCK) * BLOCK;
}

/**
 * Opens a cache of finished speech in a folder of its own inside `dir`, made with mode 0700. One process uses it at a
 * time: files that an earlier one left unfinished are removed. Throws Error where the folder cannot be used safely.
 */
export async function openSpeechCache(options: { dir: string; maxBytes: number }): Promise<SpeechCache> {
  const folder = join(options.dir, 'speech');
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const found = await lstat(folder);
  const foreign = process.getuid !== undefined && (found.uid !== process.getuid() || (found.mode & 0o077) !== 0);
  if (!found.isDirectory() || foreign) {
    throw new Error(`The cache folder ${folder} must be a folder of this user that nobody else can open (mode 0700).`);
  }
  const cache = new SpeechCache(folder, options.maxBytes);
  await cache.scan();
  return cache;
}

/**
 * Finished speech on disk, bounded in bytes: the least recently used goes first. Order and content survive a restart.
 * Files appear whole or not at all; each is checked against its hash before it is served for the first time. Trouble
 * with the disk never fails a request: it is a miss.
 */
export class SpeechCache {
  readonly #folder: string;
  readonly #maxBytes: number;
  /** Least recently used first. */
  readonly #kept = new Map<string, Kept>();
  readonly #writers = new Set<EntryWriter>();
  readonly #background = new Set<Promise<unknown>>();
  #keptBytes = 0;
  #writingBytes = 0;
  #counts = { hits: 0, misses: 0, evicted: 0, broken: 0 };
  #closed = false;

  /** Use `openSpeechCache`. */
  constructor(folder: string, maxBytes: number) {
    this.#folder = folder;
    this.#maxBytes = maxBytes;
  }

  get stats(): CacheStats {
    return { entries: this.#kept.size, bytes: this.#keptBytes + this.#writingBytes, ...this.#counts };
  }

  /** Learns what earlier runs kept. Called once, before anything else. */
  async scan(): Promise<void> {
    const files: { key: string; fileBytes: number; usedMs: number }[] = [];
    for await (const { name } of await opendir(this.#folder)) {
      if (/^[0-9a-f]{64}$/.test(name)) {
        const { size, mtimeMs } = await stat(this.#path(name));
        files.push({ key: name, fileBytes: size, usedMs: mtimeMs });
      } else if (/^[0-9a-f]{64}\.[0-9a-f]{16}\.tmp$/.test(name)) await unlink(this.#path(name));
    }
    files.sort((a, b) => a.usedMs - b.usedMs);
    for (const { key, fileBytes } of files) this.#keep(key, { fileBytes, checked: false });
    this.#makeRoom();
  }

  /**
   * The speech kept under a key, or undefined. The stream holds an open file: read it to its end or destroy it.
   * `bytes` is how many it will give.
   */
  async read(key: string): Promise<{ stream: ReadStream; bytes: number } | undefined> {
    const kept = this.#closed ? undefined : this.#kept.get(key);
    const opened =
      kept === undefined ? undefined : await openChecked(this.#path(key), key, kept.fileBytes, kept.checked);
    if (kept === undefined || opened === undefined) {
      if (kept !== undefined && this.#drop(key, kept)) this.#counts.broken++;
      this.#counts.misses++;
      return undefined;
    }
    this.#counts.hits++;
    kept.checked = true;
    if (this.#kept.get(key) === kept) {
      this.#kept.delete(key);
      this.#kept.set(key, kept);
    }
    return opened;
  }

  /**
   * Begins an entry. Nothing is served before `commit`, which answers whether the entry was kept; several writers of
   * one key do not meet, the last to commit wins. Writing never waits for the disk: an entry that the disk is too
   * slow or the cache too small for is given up.
   */
  write(key: string): EntryWriter {
    if (!/^[0-9a-f]{64}$/.test(key)) throw new TypeError('a cache key is a SHA-256 in hexadecimal');
    const writer = new EntryWriter(this.#path(key), key, {
      reserve: (bytes, before) => this.#reserve(blocks(bytes) - blocks(before)),
      done: (reserved, fileBytes) => {
        this.#writers.delete(writer);
        this.#writingBytes -= blocks(reserved);
        if (fileBytes !== undefined) this.#keep(key, { fileBytes, checked: true });
      },
    });
    this.#writers.add(writer);
    if (this.#closed) void writer.abort();
    return writer;
  }

  /** Gives up what is being written and waits for the disk. */
  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#writers].map((writer) => writer.abort()));
    await Promise.all(this.#background);
  }

  #path(name: string): string {
    return join(this.#folder, name);
  }

  #reserve(bytes: number): boolean {
    if (this.#writingBytes + bytes > this.#maxBytes) return false;
    this.#writingBytes += bytes;
    this.#makeRoom();
    return true;
  }

  #keep(key: string, kept: Kept): void {
    const before = this.#kept.get(key);
    if (before !== undefined) this.#forget(key, before);
    this.#kept.set(key, kept);
    this.#keptBytes += blocks(kept.fileBytes);
  }

  #forget(key: string, kept: Kept): void {
    this.#kept.delete(key);
    this.#keptBytes -= blocks(kept.fileBytes);
  }

  /** Removes an entry, unless another has taken its place. */
  #drop(key: string, kept: Kept): boolean {
    if (this.#kept.get(key) !== kept) return false;
    this.#forget(key, kept);
    const removal: Promise<unknown> = unlink(this.#path(key))
      .catch(() => {})
      .finally(() => this.#background.delete(removal));
    this.#background.add(removal);
    return true;
  }

  #makeRoom(): void {
    for (const [key, kept] of this.#kept) {
      if (this.#keptBytes + this.#writingBytes <= this.#maxBytes) return;
      this.#drop(key, kept);
      this.#counts.evicted++;
    }
  }
}
