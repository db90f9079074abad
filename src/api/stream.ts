import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { SpeechError } from '../errors.ts';

export interface StreamOptions {
  headers: Readonly<Record<string, string>>;
  /** Longest time the client may leave what was sent unread. */
  idleMs: number;
  /** Cancels the work when the client is gone or does not read. */
  cancel: AbortController;
  /** Called once, right before the first byte leaves. */
  onFirst?: () => void;
}

/**
 * Sends bytes while they are made. Nothing leaves, not even the status, before the first chunk exists: a failure until
 * then is thrown and becomes a proper error answer. A failure later cuts the connection, so that the client can tell a
 * broken answer from a finished one.
 */
export async function sendStream(
  reply: FastifyReply,
  chunks: AsyncIterable<Uint8Array | string>,
  { headers, idleMs, cancel, onFirst }: StreamOptions,
): Promise<FastifyReply> {
  const iterator = chunks[Symbol.asyncIterator]();
  let next = await iterator.next();
  reply.headers(headers);
  onFirst?.();
  reply.hijack();
  const response = reply.raw;
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) response.setHeader(name, value);
  }
  response.writeHead(reply.statusCode);
  try {
    for (; next.done !== true; next = await iterator.next()) {
      if (!response.write(next.value)) await drained(response, idleMs, cancel.signal);
    }
    response.end();
  } catch (error) {
    cancel.abort(SpeechError.from(error));
    response.destroy();
    throw error;
  } finally {
    await iterator.return?.();
  }
  return reply;
}

async function drained(response: FastifyReply['raw'], idleMs: number, signal: AbortSignal): Promise<void> {
  const slow = AbortSignal.timeout(idleMs);
  try {
    await once(response, 'drain', { signal: AbortSignal.any([signal, slow]) });
  } catch {
    throw slow.aborted
      ? new SpeechError('request_timeout', 'The client stopped reading its answer.')
      : new SpeechError('cancelled', 'The client left.');
  }
}

/** A controller that fires when the client leaves before its answer is complete. */
export function cancelWhenGone(reply: FastifyReply): AbortController {
  const cancel = new AbortController();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) cancel.abort(new SpeechError('cancelled', 'The client left.'));
  });
  return cancel;
}
