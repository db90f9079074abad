import { once } from 'node:events';
import type { FastifyReply } from 'fastify';
import { SpeechError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';

export interface StreamOptions {
  headers: Readonly<Record<string, string>>;
  /** Longest time the client may leave what was sent unread. */
  idleMs: number;
  /** Cancels the work when the client is gone or does not read. */
  cancel: AbortController;
  log: Log;
  /** Called once, right before the first byte leaves. */
  onFirst?: () => void;
  /** What tells the client of a failure midway, in a protocol that can: the answer then ends as if it were whole. */
  lastWords?: (error: SpeechError) => string;
}

/**
 * Sends bytes while they are made. Nothing leaves, not even the status, before the first chunk exists: a failure until
 * then is thrown and becomes a proper error answer. A failure later is told by `lastWords`, or cuts the connection, so
 * that the client can tell a broken answer from a finished one.
 */
export async function sendStream(
  reply: FastifyReply,
  chunks: AsyncIterable<Uint8Array | string>,
  { headers, idleMs, cancel, log, onFirst, lastWords }: StreamOptions,
): Promise<FastifyReply> {
  const iterator = chunks[Symbol.asyncIterator]();
  let next = await iterator.next();
  reply.headers(headers);
  onFirst?.();
  const response = takeOver(reply);
  response.writeHead(200);
  try {
    for (; next.done !== true; next = await iterator.next()) {
      if (!response.write(next.value)) await drained(response, idleMs, cancel.signal);
    }
    response.end();
  } catch (thrown) {
    const error = SpeechError.from(thrown);
    if (error.code !== 'cancelled') {
      log.error('An answer was cut short', { requestId: reply.request.id, code: error.code, error });
    }
    cancel.abort(error);
    if (lastWords === undefined || error.code === 'cancelled') response.destroy();
    else response.end(lastWords(error));
  } finally {
    await iterator.return?.();
  }
  return reply;
}

/** Takes the answer out of the framework's hands, with the headers that were set so far. */
export function takeOver(reply: FastifyReply): FastifyReply['raw'] {
  reply.hijack();
  for (const [name, value] of Object.entries(reply.getHeaders())) {
    if (value !== undefined) reply.raw.setHeader(name, value);
  }
  return reply.raw;
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
  const onClose = (): void => {
    if (!reply.raw.writableFinished) cancel.abort(new SpeechError('cancelled', 'The client left.'));
  };
  if (reply.raw.destroyed) onClose();
  else reply.raw.once('close', onClose);
  return cancel;
}

/** For server-sent events: no proxy may hold them back. */
export const EVENT_STREAM_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache, no-transform',
  'x-accel-buffering': 'no',
};

/** One event as OpenAI's streams write it: JSON in a `data:` line, the kind in its `type`. */
export function serverEvent(data: object): string {
  return `data: ${JSON.stringify(data)}\n\n`;
}
