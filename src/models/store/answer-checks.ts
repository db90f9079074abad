import type { IncomingMessage } from 'node:http';
import type { Readable } from 'node:stream';
import { SpeechError } from '../../errors.ts';
import type { Answer } from './request.ts';
import { Interrupted, retryAfter } from './retry.ts';

/** What a download says about the file it wants. */
export interface Wanted {
  bytes: number;
  sha256: string;
  /** For messages: `model.onnx from huggingface.co`. */
  what: string;
  gated: boolean;
}

const LFS_POINTER = 'version https://git-lfs.github.com/spec/';

/**
 * Looks at the status of an answer. Throws Interrupted where the source may answer better later, else SpeechError
 * `gated_model` or `download_failed`. Returns for 200, 206 and 416.
 */
export function checkStatus({ status, headers }: Answer, { what, gated }: Wanted): void {
  if (status === 200 || status === 206 || status === 416) return;
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    throw new Interrupted(`the source answers ${status}`, retryAfter(header(headers, 'retry-after'), Date.now()));
  }
  // Hugging Face tells why in a header of its own, and answers 401 for a gated repository without a token.
  const refused = status === 401 || status === 403;
  if (refused && (gated || header(headers, 'x-error-code') === 'GatedRepo')) {
    throw new SpeechError(
      'gated_model',
      `${what} is given only to accounts that agreed to its terms: agree on its page, then set OS_HF_TOKEN to a token of that account.`,
    );
  }
  const reason = status === 404 || status === 410 ? 'it is not there' : `the source answers ${status}`;
  throw new SpeechError('download_failed', `Getting ${what} failed: ${reason}.`);
}

/** Compares what the hub itself knows about the file. Throws SpeechError `integrity_failed` before a byte is read. */
export function checkLinked({ linked }: Answer, wanted: Wanted): void {
  const { bytes, sha256, what } = wanted;
  if (linked.sha256 !== undefined && linked.sha256 !== sha256) {
    throw new SpeechError('integrity_failed', `The source has replaced ${what}: its SHA-256 is another now.`);
  }
  if (linked.bytes !== undefined && linked.bytes !== bytes) throw wrongSize(linked.bytes, wanted);
}

/** Throws Interrupted unless a 206 continues the file at `from` (RFC 9110 §14.4). */
export function checkRange({ headers }: Answer, from: number, { bytes }: Wanted): void {
  const range = /^bytes (\d+)-(\d+)\/(\d+|\*)$/.exec(header(headers, 'content-range') ?? '');
  const fits =
    range !== null &&
    Number(range[1]) === from &&
    Number(range[2]) === bytes - 1 &&
    (range[3] === '*' || Number(range[3]) === bytes);
  if (!fits) throw new Interrupted('the source continues the file at the wrong place');
}

/** The bytes that an answer announces, or undefined where it does not say. */
export function announcedLength({ headers }: Answer): number | undefined {
  const length = header(headers, 'content-length');
  return length !== undefined && /^\d{1,15}$/.test(length) ? Number(length) : undefined;
}

/** The first bytes of a body, or as many as come in this time; a connection that breaks ends them. */
export async function firstBytes(body: Readable, bytes: number, ms: number): Promise<Buffer> {
  const head: Buffer[] = [];
  const timer = setTimeout(() => body.destroy(), ms);
  try {
    let read = 0;
    for await (const chunk of body as AsyncIterable<Buffer>) {
      head.push(chunk);
      read += chunk.length;
      if (read >= bytes) break;
    }
  } catch {
    // What came is all there is.
  } finally {
    clearTimeout(timer);
  }
  return Buffer.concat(head);
}

/** Recognises, from its first bytes, what sources send in place of a file. */
export function standIn(head: Buffer, { what }: Wanted): SpeechError | undefined {
  const text = head.toString('latin1').trimStart();
  if (text.startsWith(LFS_POINTER)) {
    return new SpeechError(
      'integrity_failed',
      `${what} came as a Git LFS pointer instead of the file itself: the source or mirror does not serve large files.`,
    );
  }
  if (!/^<(!doctype|html)/i.test(text)) return undefined;
  return new SpeechError('integrity_failed', `${what} came as a web page instead of the file itself.`);
}

/** SpeechError `integrity_failed` for a file of the wrong size. */
export function wrongSize(found: number | 'more', { bytes, what }: Wanted): SpeechError {
  return new SpeechError('integrity_failed', `${what} has ${found} bytes instead of ${bytes}.`);
}

/** A response header as one text. */
export function header(headers: IncomingMessage['headers'], name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value[0] : value;
}
