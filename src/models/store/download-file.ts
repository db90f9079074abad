import { rm, stat } from 'node:fs/promises';
import type { Settings } from '../../config/kinds.ts';
import { abortError, SpeechError } from '../../errors.ts';
import type { Log } from '../../telemetry/log.ts';
import {
  announcedLength,
  checkLinked,
  checkRange,
  checkStatus,
  firstBytes,
  header,
  standIn,
  type Wanted,
  wrongSize,
} from './answer-checks.ts';
import { storageError } from './disk.ts';
import type { Follower, Hashing } from './hashing.ts';
import { PartialFile } from './partial-file.ts';
import type { Answer, Requester } from './request.ts';
import { Interrupted, retrying } from './retry.ts';
import { StallWatch } from './stall-watch.ts';

/** Bytes that count as progress: an attempt that brought them starts the count of failures anew. */
const PROGRESS_BYTES = 1024 * 1024;
const HEAD_BYTES = 512;

/** A file with a known content at a URL. */
export interface Download {
  url: string;
  /** Where it goes, in a folder that is there. */
  path: string;
  /** While it is fetched, `<stem>.part` and `<stem>.from` lie there, on the same disk. */
  stem: string;
  bytes: number;
  sha256: string;
  /** What the manifest calls it. */
  name: string;
  /** Its source asks for an account that agreed to terms. */
  gated: boolean;
}

export interface DownloadTools {
  requester: Requester;
  hashing: Hashing;
  limits: Settings['limits'];
  log: Pick<Log, 'warn' | 'info'>;
  signal: AbortSignal;
  /**
   * Told of every change in the bytes that are there: received just now, or found from before. Negative where what was
   * there turned out useless.
   */
  onBytes(change: number, how: 'received' | 'found'): void;
}

/**
 * Fetches one file and verifies it, going on from what an earlier call left behind. The file has its name only once
 * its size and SHA-256 are right. Throws SpeechError `download_failed`, `integrity_failed`, `gated_model`,
 * `source_not_allowed`, `insufficient_storage` or `cancelled`; after `integrity_failed` nothing of it is left.
 */
export async function downloadFile(download: Download, tools: DownloadTools): Promise<void> {
  const { path, bytes, sha256 } = download;
  const there = await stat(path).catch(() => undefined);
  if (there !== undefined) {
    // Finished by a call that was ended afterwards.
    if (there.size === bytes && (await tools.hashing.follow(path).finish(bytes)) === sha256) {
      tools.onBytes(bytes, 'found');
      return;
    }
    await rm(path);
  }
  const located = tools.requester.sources.locate(download.url);
  const file = await PartialFile.open(download.stem);
  const running = new FileDownload(download, located, file, tools);
  try {
    await running.run();
    await file.finish(path);
  } catch (error) {
    running.stop();
    if (error instanceof SpeechError && error.code === 'integrity_failed') await file.remove();
    else await file.close();
    throw storageError(error);
  }
}

class FileDownload {
  #located: URL;
  #url: string;
  #wanted: Wanted;
  #file: PartialFile;
  #tools: DownloadTools;
  #follower: Follower | undefined;

  constructor(download: Download, located: URL, file: PartialFile, tools: DownloadTools) {
    const { bytes, sha256, name, gated, url } = download;
    this.#wanted = { bytes, sha256, gated, what: `${name} from ${located.hostname}` };
    this.#url = url;
    this.#located = located;
    this.#file = file;
    this.#tools = tools;
  }

  /** Resolves when the partial file has the right bytes. */
  async run(): Promise<void> {
    const { limits, signal, log, onBytes } = this.#tools;
    const { bytes, sha256, what } = this.#wanted;
    const file = this.#file;
    onBytes(file.size, 'found');
    if (file.size > bytes) await this.#startOver();
    for (;;) {
      let before = file.size;
      const attempt = async (): Promise<void> => {
        before = file.size;
        if (file.size < bytes) await this.#fetchRest();
      };
      await retrying(attempt, {
        maxAttempts: limits.downloadAttempts,
        maxPauseMs: limits.downloadBackoffMs,
        progressed: () => file.size - before >= PROGRESS_BYTES,
        ...{ signal, what },
      });
      const found = await this.#hash().finish(bytes);
      this.#follower = undefined;
      if (found === sha256) return;
      if (!file.mixed) throw new SpeechError('integrity_failed', `${what} does not have the SHA-256 of its manifest.`);
      // An older part may have been damaged by a crash of the machine: the source deserves a second look.
      log.warn('A resumed model file was not right and is fetched again from its start', { file: what });
      await this.#startOver();
    }
  }

  stop(): void {
    this.#follower?.drop();
  }

  #hash(): Follower {
    this.#follower ??= this.#tools.hashing.follow(this.#file.part);
    return this.#follower;
  }

  async #startOver(): Promise<void> {
    this.#tools.onBytes(-this.#file.size, 'found');
    this.#follower?.drop();
    this.#follower = undefined;
    await this.#file.clear();
  }

  /** One request for what is missing. Throws Interrupted where another one may help. */
  async #fetchRest(): Promise<void> {
    const { requester, limits, signal } = this.#tools;
    const answer = await requester
      .get(this.#located, {
        range: { from: this.#file.size, etag: this.#file.etag(this.#url) },
        maxRedirects: limits.downloadRedirects,
        headersMs: limits.downloadIdleMs,
        signal,
      })
      .catch((error: unknown) => {
        throw connectionError(error, this.#wanted.what, requester.sources.proxy(this.#located) !== undefined);
      });
    try {
      checkStatus(answer, this.#wanted);
      checkLinked(answer, this.#wanted);
      if (answer.status === 206) {
        checkRange(answer, this.#file.size, this.#wanted);
        this.#file.mixed = true;
      } else if (this.#file.size > 0) {
        await this.#startOver();
      }
      if (answer.status === 416) throw new Interrupted('the source cannot continue the file');
      await this.#checkLength(answer);
      await this.#file.comesFrom(this.#url, header(answer.headers, 'etag'));
      await this.#receive(answer);
    } finally {
      answer.body.destroy();
    }
  }

  async #checkLength(answer: Answer): Promise<void> {
    const length = announcedLength(answer);
    if (length === undefined || this.#file.size + length === this.#wanted.bytes) return;
    const { limits, signal } = this.#tools;
    const head = await firstBytes(answer.body, HEAD_BYTES, limits.downloadIdleMs);
    if (signal.aborted) throw abortError(signal);
    throw standIn(head, this.#wanted) ?? wrongSize(this.#file.size + length, this.#wanted);
  }

  async #receive({ body }: Answer): Promise<void> {
    const { limits, signal, onBytes } = this.#tools;
    const { bytes } = this.#wanted;
    const file = this.#file;
    const hash = this.#hash();
    const watch = new StallWatch(limits.downloadIdleMs, limits.downloadBytesPerSecond, () => {
      body.destroy(new Interrupted('the source stalled'));
    });
    try {
      for await (const chunk of body as AsyncIterable<Buffer>) {
        watch.add(chunk.length);
        if (file.size + chunk.length > bytes) throw wrongSize('more', this.#wanted);
        const room = file.append(chunk);
        if (room !== undefined) await room;
        onBytes(chunk.length, 'received');
        hash.advance(file.written);
      }
      await file.settle();
    } catch (error) {
      // What came before the connection broke is kept.
      await file.settle();
      if (signal.aborted) throw abortError(signal);
      throw isNetworkError(error) ? new Interrupted('the connection broke') : error;
    } finally {
      watch.stop();
    }
    if (file.size < bytes) {
      const other = standIn(await file.head(HEAD_BYTES), this.#wanted);
      if (other !== undefined) throw other;
      throw new Interrupted(`the source ended after ${file.size} of ${bytes} bytes`);
    }
  }
}

const NETWORK_ERRORS =
  /^(ECONN|ENET|EHOST|EPIPE|ETIMEDOUT|EAI_|ENOTFOUND|ENODATA|ESERVFAIL|HPE_|ERR_STREAM_PREMATURE_CLOSE|ERR_PROXY)/;

function isNetworkError(error: unknown): boolean {
  return NETWORK_ERRORS.test((error as NodeJS.ErrnoException).code ?? '');
}

/** What a request that got no answer means. */
function connectionError(error: unknown, what: string, proxied: boolean): unknown {
  if (error instanceof SpeechError || error instanceof Interrupted) return error;
  const { code = '', message, statusCode } = error as NodeJS.ErrnoException & { statusCode?: number };
  if (statusCode !== undefined) return new Interrupted(`the proxy (OS_HTTPS_PROXY) answers ${statusCode}`);
  if (/CERT|ERR_TLS|ERR_SSL|SELF_SIGNED|UNABLE_TO/.test(code)) {
    return new SpeechError('download_failed', `Getting ${what} failed: its certificate is not trusted.`, {
      detail: `${code}: ${message}`,
    });
  }
  return new Interrupted(`the source cannot be reached${proxied ? ' through the proxy' : ''} (${code || message})`);
}
