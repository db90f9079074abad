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

/** Bytes of a call's input that were sent to its engine and not taken yet: 8 s of audio, so that it never waits for more. */
export const INPUT_WINDOW_BYTES = 2 ** 19;
/** Taken input that is gathered before it is acknowledged. */
export const INPUT_ACKNOWLEDGE_BYTES = INPUT_WINDOW_BYTES / 8;
/**
 * Bytes of a call's input that its engine has not taken, sent or not, beyond which it is given up as too slow: four
 * minutes of audio, because what was said while a model loaded comes all at once. In pieces of a millisecond it is less
 * than a minute and a half, because each costs memory of its own.
 */
export const INPUT_BEHIND_BYTES = 16 * 2 ** 20;

export interface HostInit {
  model: OpenModel;
  options: OpenOptions;
}

export interface HostReady {
  capabilities: Capabilities;
  concurrency: number;
  processors: number;
}

/** To the engine process. `id` is a number that is unique within the process. */
export type ToHost =
  | { kind: 'call'; id: number; operation: Operation; request: Operations[Operation]['request'] }
  | { kind: 'input'; id: number; pcm: Float32Array }
  | { kind: 'input-end'; id: number }
  | { kind: 'acknowledge'; id: number; bytes: number }
  | { kind: 'cancel'; id: number }
  | { kind: 'ping' };

/** From the engine process. Each call ends with exactly one `done` or `failed`, a cancelled one too. */
export type FromHost =
  | { kind: 'chunk'; id: number; message: Operations[Operation]['message'] }
  | { kind: 'input-taken'; id: number; bytes: number }
  | { kind: 'done'; id: number }
  | { kind: 'failed'; id: number; error: SpeechErrorData }
  | { kind: 'pong' };

type Message = Operations[Operation]['message'];

const FIELDS_BYTES = 128;
const WORD_BYTES = 64;

/** What messages of any operation may hold that takes memory. */
interface Countable {
  pcm: Float32Array;
  vector: Float32Array;
  text: string;
  words: readonly unknown[];
  marks: readonly unknown[];
  spans: readonly unknown[];
  alternatives: readonly { text: string }[];
}

/** What a message counts against the window, roughly its memory. Both sides use this, so that they agree. */
export function sizeOf(message: Message): number {
  const { pcm, vector, text, words, marks, spans, alternatives = [] } = message as Partial<Countable>;
  const entries = (words?.length ?? 0) + (marks?.length ?? 0) + (spans?.length ?? 0);
  const others = alternatives.reduce((sum, other) => sum + FIELDS_BYTES + 2 * other.text.length, 0);
  return FIELDS_BYTES + ((pcm ?? vector)?.byteLength ?? 0) + 2 * (text?.length ?? 0) + WORD_BYTES * entries + others;
}

/** What a piece of a call's input counts. */
export function inputSize(pcm: Float32Array): number {
  return FIELDS_BYTES + pcm.byteLength;
}
