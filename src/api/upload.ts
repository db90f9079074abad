import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Busboy, type BusboyHeaders, type BusboyInstance } from '@fastify/busboy';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import type { Settings } from '../config/kinds.ts';
import { SpeechError } from '../errors.ts';
import { type RawUpload, receiveWhole } from './raw-upload.ts';

/** A file that a caller sent, on disk until its request is over. */
export interface UploadedFile {
  path: string;
  /** As the caller wrote it: for error texts, never for a path. */
  filename: string;
  bytes: number;
}

type FieldValue = string | string[] | Record<string, string>;

export interface ReceivedForm {
  fields: Record<string, FieldValue>;
  files: Record<string, UploadedFile>;
  /** Writes bytes to a file that lasts as long as the others. */
  keep: (bytes: Uint8Array) => Promise<string>;
  /** Removes the files. Safe to call twice. */
  discard: () => Promise<void>;
}

export interface Uploads {
  /**
   * Reads a whole multipart form, its files to disk. Errors: `invalid_multipart`, `too_large`, `request_timeout` (the
   * client paused too long), `overloaded` (too many uploads), `cancelled` (it left). Whatever happens, the files are
   * removed when the request is over.
   */
  receive(request: FastifyRequest, large?: LargeFields): Promise<ReceivedForm>;
  /** Reads a body that is the file itself. Errors as above, but for the form's; whoever asked removes it. */
  receiveWhole(request: FastifyRequest): Promise<RawUpload>;
}

/** Text fields that may be larger than others, by name without `[]`: the bytes of one value, and how many there may be. */
export type LargeFields = Readonly<Record<string, { bytes: number; most: number }>>;

/** Room for boundaries and part headers in an upload of exactly the permitted size. */
const FRAMING_BYTES = 64 * 1024;
const MAX_FIELD_NAME = 100;
/** What decoding puts in place of bytes that are not UTF-8. */
const UNDECODABLE = '\uFFFD';

/** The largest form that keeps to every limit, whatever it is made of. */
function formBytes(limits: Settings['limits']): number {
  return limits.uploadBytes + limits.formFieldBytes * limits.formFields + FRAMING_BYTES;
}

/** Prepares the server for multipart forms. Bodies of that type reach the handler unread. */
export function acceptUploads(app: FastifyInstance, folder: string, limits: Settings['limits']): Uploads {
  let receiving = 0;
  app.addContentTypeParser('multipart/form-data', (_request, _payload, done) => done(null, undefined));

  async function counted<T>(work: () => Promise<T>): Promise<T> {
    if (receiving >= limits.uploadsAtOnce) {
      throw new SpeechError('overloaded', 'Too many uploads at the moment.', { retryAfterMs: 1000 });
    }
    receiving++;
    try {
      return await work();
    } finally {
      receiving--;
    }
  }

  return {
    async receive(request, large = {}) {
      const announced = Number(request.headers['content-length'] ?? 0);
      if (announced > formBytes(limits)) throw tooLarge(limits.uploadBytes);
      return await counted(() => receiveForm(request.raw, folder, limits, large));
    },
    receiveWhole: (request) => counted(() => receiveWhole(request.raw, folder, limits)),
  };
}

async function receiveForm(
  request: IncomingMessage,
  folder: string,
  limits: Settings['limits'],
  large: LargeFields,
): Promise<ReceivedForm> {
  const fields: Record<string, FieldValue> = {};
  const files: Record<string, UploadedFile> = Object.create(null);
  const paths: string[] = [];
  const saves: Promise<void>[] = [];
  const stop = new AbortController();
  const fail = (error: SpeechError): void => stop.abort(error);
  let discarded = false;
  const discard = async (): Promise<void> => {
    discarded = true;
    await Promise.allSettled(saves);
    await Promise.all(paths.splice(0).map((path) => rm(path, { force: true })));
  };

  const keep = async (bytes: Uint8Array): Promise<string> => {
    const path = join(folder, randomUUID());
    paths.push(path);
    const save = writeFile(path, bytes, { flag: 'wx', mode: 0o600 });
    saves.push(save);
    await save.catch((error: NodeJS.ErrnoException) => Promise.reject(saveError(error)));
    if (!discarded) return path;
    await rm(path, { force: true });
    throw gone();
  };

  const larger = new LargeFieldCounts(large);
  const boy = openParser(request, limits, larger.bytes);
  boy.on('field', (name: string | undefined, value, _nameTruncated, valueTruncated) => {
    const problem = nameProblem(name);
    if (problem !== undefined) fail(broken(problem));
    else if (valueTruncated || Buffer.byteLength(value) > larger.allowed(name!, limits.formFieldBytes)) {
      const most = larger.allowed(name!, limits.formFieldBytes);
      const message = `'${name}' is larger than ${most} bytes, the most that a field without a file name may have.`;
      fail(new SpeechError('too_large', message, { param: name! }));
    } else if (value.includes(UNDECODABLE)) fail(broken(`'${name}' is not valid UTF-8`));
    else if (larger.isOneTooMany(name!)) fail(broken(`'${name}' comes too often`));
    else addField(fields, name!, value);
  });
  boy.on('fieldsLimit', () => fail(broken(`it has more than ${limits.formFields} fields`)));
  boy.on('partsLimit', () => fail(broken(`it has more than ${limits.formFields} parts`)));
  boy.on('filesLimit', () => fail(broken('it has too many files')));
  boy.on('file', (name: string | undefined, stream: Readable, filename) => {
    const problem = nameProblem(name);
    if (problem !== undefined || files[name!] !== undefined) {
      stream.resume();
      if (problem !== undefined) fail(broken(problem));
      else fail(new SpeechError('invalid_request', `'${name}' was sent twice.`, { param: name! }));
      return;
    }
    const path = join(folder, randomUUID());
    const file: UploadedFile = { path, filename: String(filename ?? ''), bytes: 0 };
    files[name!] = file;
    paths.push(path);
    stream.on('data', (chunk: Buffer) => {
      file.bytes += chunk.length;
    });
    stream.on('limit', () => fail(tooLarge(limits.uploadBytes)));
    const save = pipeline(stream, createWriteStream(path, { flags: 'wx', mode: 0o600 }), { signal: stop.signal });
    saves.push(save);
    save.catch((error: NodeJS.ErrnoException) => fail(saveError(error)));
  });

  const idle = setInterval(
    () => {
      if (performance.now() - lastByteAt > limits.uploadIdleMs) {
        fail(new SpeechError('request_timeout', 'The upload paused for too long.'));
      }
    },
    Math.min(1000, limits.uploadIdleMs),
  );
  let lastByteAt = performance.now();
  let received = 0;
  const onData = (chunk: Buffer): void => {
    lastByteAt = performance.now();
    received += chunk.length;
    // Several files together, or what stands before and behind the parts.
    if (received > formBytes(limits)) fail(tooLarge(limits.uploadBytes));
  };
  request.on('data', onData);

  try {
    await parse(request, boy, stop.signal);
    await Promise.all(saves);
    // The form may be complete a moment before its request is.
    request.resume();
    if (!request.readableEnded) await once(request, 'end', { signal: stop.signal });
    stop.signal.throwIfAborted();
    return { fields, files, keep, discard };
  } catch (thrown) {
    const error = stop.signal.aborted ? stop.signal.reason : thrown;
    stop.abort(error);
    await discard();
    throw error instanceof SpeechError
      ? error
      : request.destroyed && !request.complete
        ? gone()
        : broken('its parts do not end properly');
  } finally {
    clearInterval(idle);
    request.off('data', onData);
  }
}

class LargeFieldCounts {
  /** Of the largest value that any of them may have. */
  readonly bytes: number;
  #large: LargeFields;
  #counts = new Map<string, number>();

  constructor(large: LargeFields) {
    this.#large = large;
    this.bytes = Math.max(0, ...Object.values(large).map((field) => field.bytes));
  }

  allowed(name: string, usual: number): number {
    return Math.max(usual, this.#field(name)?.bytes ?? 0);
  }

  isOneTooMany(name: string): boolean {
    const field = this.#field(name);
    if (field === undefined) return false;
    const count = (this.#counts.get(baseName(name)) ?? 0) + 1;
    this.#counts.set(baseName(name), count);
    return count > field.most;
  }

  #field(name: string): LargeFields[string] | undefined {
    const base = baseName(name);
    return Object.hasOwn(this.#large, base) ? this.#large[base] : undefined;
  }
}

const baseName = (name: string): string => name.replace(/\[.*$/s, '');

function openParser(request: IncomingMessage, limits: Settings['limits'], largeBytes: number): BusboyInstance {
  try {
    return new Busboy({
      headers: request.headers as BusboyHeaders,
      limits: {
        fieldSize: Math.max(limits.formFieldBytes, largeBytes),
        fields: limits.formFields,
        fileSize: limits.uploadBytes,
        files: 8,
        parts: limits.formFields + 8,
        headerPairs: 32,
        headerSize: 16 * 1024,
      },
    });
  } catch {
    throw broken('the content type names no boundary');
  }
}

/** Feeds the parser with backpressure. The request itself is never destroyed: its answer must still get out. */
function parse(request: IncomingMessage, boy: BusboyInstance, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (error?: unknown): void => {
      request.unpipe(boy);
      request.off('close', onClose);
      signal.removeEventListener('abort', onAbort);
      if (error === undefined) resolve();
      else reject(error);
    };
    const onAbort = (): void => settle(signal.reason);
    const onClose = (): void => {
      if (!request.complete) settle(gone());
    };
    boy.once('error', (error) => settle(error));
    boy.once('finish', () => settle());
    request.once('close', onClose);
    signal.addEventListener('abort', onAbort, { once: true });
    request.pipe(boy);
  });
}

/**
 * Clients spell the same thing in several ways: `include[]=a&include[]=b`, `include[0]=a`, `include=a`,
 * `chunking_strategy[type]=x`. Repeated, `[]` and numbered names become lists, other bracketed ones objects.
 */
export function addField(fields: Record<string, FieldValue>, name: string, value: string): void {
  const bracketed = /^([^[\]]+)\[([^[\]]*)\]$/.exec(name);
  const base = bracketed?.[1] ?? name;
  const key = bracketed?.[2]?.replace(/^\d{1,3}$/, '');
  if (base === '__proto__' || key === '__proto__') return;
  const known = Object.hasOwn(fields, base) ? fields[base] : undefined;
  if (key !== undefined && key !== '') {
    fields[base] = { ...(typeof known === 'object' && !Array.isArray(known) ? known : {}), [key]: value };
  } else if (known === undefined) {
    fields[base] = key === '' ? [value] : value;
  } else {
    fields[base] = [...[known].flat().filter((item) => typeof item === 'string'), value];
  }
}

function nameProblem(name: string | undefined): string | undefined {
  if (name === undefined) return 'a part has no name';
  if (name.length > MAX_FIELD_NAME) return 'a field name is too long';
  return name.includes(UNDECODABLE) ? 'a field name is not valid UTF-8' : undefined;
}

function broken(why: string): SpeechError {
  return new SpeechError('invalid_multipart', `The multipart form cannot be read: ${why}.`);
}

function gone(): SpeechError {
  return new SpeechError('cancelled', 'The client left before its upload was complete.');
}

function tooLarge(bytes: number): SpeechError {
  return new SpeechError('too_large', `The file is larger than ${bytes} bytes.`, { param: 'file' });
}

function saveError(error: NodeJS.ErrnoException): SpeechError {
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT') {
    return new SpeechError('insufficient_storage', 'The server has no room for this upload.', { cause: error });
  }
  return broken('a file does not end properly');
}
