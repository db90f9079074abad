import { createHash, randomUUID } from 'node:crypto';
import { createWriteStream } from 'node:fs';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import type { Settings } from '../config/kinds.ts';
import { SpeechError } from '../errors.ts';

/** A request's whole body, on disk. */
export interface RawUpload {
  path: string;
  bytes: number;
  /** Hexadecimal. */
  sha256: string;
  /** Removes it. Safe to call twice. */
  discard: () => Promise<void>;
}

/**
 * Reads a request's whole body to disk. Errors: `too_large`, `request_timeout` (the client paused too long), `cancelled`
 * (it left), `insufficient_storage`; nothing stays on disk then. The request is never destroyed, so that its answer still
 * gets out.
 */
export async function receiveWhole(
  request: IncomingMessage,
  folder: string,
  limits: Settings['limits'],
): Promise<RawUpload> {
  if (Number(request.headers['content-length'] ?? 0) > limits.uploadBytes) throw tooLarge(limits.uploadBytes);
  const path = join(folder, randomUUID());
  const discard = (): Promise<void> => rm(path, { force: true });
  try {
    return { path, ...(await save(request, path, limits)), discard };
  } catch (error) {
    await discard();
    throw error;
  }
}

function save(
  request: IncomingMessage,
  path: string,
  limits: Settings['limits'],
): Promise<{ bytes: number; sha256: string }> {
  return new Promise((resolve, reject) => {
    const out = createWriteStream(path, { flags: 'wx', mode: 0o600 });
    const hash = createHash('sha256');
    let bytes = 0;
    const idle = setTimeout(
      () => fail(new SpeechError('request_timeout', 'The upload paused for too long.')),
      limits.uploadIdleMs,
    );
    const settle = (): void => {
      clearTimeout(idle);
      request.off('data', onData).off('end', onEnd).off('close', onClose);
    };
    const fail = (error: SpeechError): void => {
      settle();
      out.destroy();
      reject(error);
    };
    const onData = (chunk: Buffer): void => {
      idle.refresh();
      bytes += chunk.length;
      if (bytes > limits.uploadBytes) {
        fail(tooLarge(limits.uploadBytes));
        return;
      }
      hash.update(chunk);
      if (!out.write(chunk)) request.pause();
    };
    const onEnd = (): void => {
      settle();
      out.end(() => resolve({ bytes, sha256: hash.digest('hex') }));
    };
    const onClose = (): void => fail(new SpeechError('cancelled', 'The client left before its upload was complete.'));
    out.on('drain', () => request.resume());
    out.on('error', (error: NodeJS.ErrnoException) => {
      const full = error.code === 'ENOSPC' || error.code === 'EDQUOT';
      const code = full ? 'insufficient_storage' : 'internal_error';
      fail(new SpeechError(code, 'The upload could not be kept.', { cause: error }));
    });
    request.on('data', onData).on('end', onEnd).on('close', onClose);
  });
}

function tooLarge(bytes: number): SpeechError {
  return new SpeechError('too_large', `The recording is larger than ${bytes} bytes.`);
}
