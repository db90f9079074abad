import type { Capabilities, OpenModel, OpenOptions } from '../../engines/contract.ts';
import type { SpeechErrorData } from '../../errors.ts';
import type { Operation, Operations } from '../contract.ts';

/**
 * Bytes of one call's messages that may be unread. Bytes and not messages, because that is what memory costs; so many
 * that an engine finishes an ordinary sentence (43 s at 24 kHz) and is free for the next call, however slowly the
 * reader reads. The engine may exceed it by one message, then it pauses.
 */
export const WINDOW_BYTES = 4 * 2 ** 20;
/** Read bytes that are gathered before they are acknowledged. */
export const ACKNOWLEDGE_BYTES = WINDOW_BYTES / 4;

export interface HostInit {
  model: OpenModel;
  options: OpenOptions;
}

export interface HostReady {
  capabilities: Capabilities;
  concurrency: number;
}

/** To the engine process. `id` is a number that is unique within the process. */
export type ToHost =
  | { kind: 'call'; id: number; operation: Operation; request: Operations[Operation]['request'] }
  | { kind: 'acknowledge'; id: number; bytes: number }
  | { kind: 'cancel'; id: number }
  | { kind: 'ping' };

/** From the engine process. Each call ends with exactly one `done` or `failed`, a cancelled one too. */
export type FromHost =
  | { kind: 'chunk'; id: number; message: Operations[Operation]['message'] }
  | { kind: 'done'; id: number }
  | { kind: 'failed'; id: number; error: SpeechErrorData }
  | { kind: 'pong' };

type Message = Operations[Operation]['message'];

const FIELDS_BYTES = 128;
const WORD_BYTES = 64;

/** What a message counts against the window, roughly its memory. Both sides use this, so that they agree. */
export function sizeOf(message: Message): number {
  if ('pcm' in message) return FIELDS_BYTES + message.pcm.byteLength + WORD_BYTES * (message.marks?.length ?? 0);
  return FIELDS_BYTES + 2 * message.text.length + WORD_BYTES * (message.words?.length ?? 0);
}
