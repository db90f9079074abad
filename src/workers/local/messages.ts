import type { Capabilities, OpenModel, OpenOptions } from '../../engines/contract.ts';
import type { SpeechErrorData } from '../../errors.ts';
import type { Operation, Operations } from '../contract.ts';

/**
 * Messages of one call that may be on their way without an acknowledgement: enough that a fast engine never waits for
 * one, few enough that a slow reader costs little memory.
 */
export const WINDOW = 8;
/** Messages that one acknowledgement answers for. */
export const ACKNOWLEDGE_EVERY = WINDOW / 2;

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
  | { kind: 'acknowledge'; id: number }
  | { kind: 'cancel'; id: number }
  | { kind: 'ping' };

/** From the engine process. Each call ends with exactly one `done` or `failed`, a cancelled one too. */
export type FromHost =
  | { kind: 'chunk'; id: number; message: Operations[Operation]['message'] }
  | { kind: 'done'; id: number }
  | { kind: 'failed'; id: number; error: SpeechErrorData }
  | { kind: 'pong' };
