import { setTimeout as sleep } from 'node:timers/promises';
import { abortError, SpeechError, type SpeechErrorOptions } from '../../errors.ts';

const FIRST_PAUSE_MS = 500;

/** A failure after which it makes sense to try again and go on from what is there. */
export class Interrupted extends Error {
  /** How long the source asked to wait. */
  readonly retryAfterMs: number | undefined;

  constructor(reason: string, retryAfterMs?: number) {
    super(reason);
    this.retryAfterMs = retryAfterMs;
  }
}

export interface RetryOptions {
  /** Failures in a row without progress. */
  maxAttempts: number;
  /** Longest pause between two attempts. */
  maxPauseMs: number;
  signal: AbortSignal;
  /** Of the thing that is fetched, for messages: `model.onnx from huggingface.co`. */
  what: string;
  /** Asked after a failure: whether that attempt brought something. */
  progressed(): boolean;
}

/**
 * Does something until it stops being `Interrupted`, with pauses that double and a random part, so that many servers
 * do not come back at the same moment. Throws SpeechError `download_failed` when it gives up.
 */
export async function retrying(attempt: () => Promise<void>, options: RetryOptions): Promise<void> {
  const { maxAttempts, maxPauseMs, signal, what } = options;
  for (let failures = 0; ; ) {
    try {
      return await attempt();
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      if (signal.aborted) throw abortError(signal);
      failures = options.progressed() ? 1 : failures + 1;
      const { retryAfterMs = 0, message } = error;
      const hint: SpeechErrorOptions = retryAfterMs > 0 ? { retryAfterMs } : {};
      if (retryAfterMs > maxPauseMs || failures >= maxAttempts) {
        throw new SpeechError('download_failed', `Getting ${what} failed: ${message}.`, hint);
      }
      const pause = Math.min(maxPauseMs, FIRST_PAUSE_MS * 2 ** (failures - 1));
      await sleep(Math.max(retryAfterMs, pause * (0.5 + Math.random() / 2)), undefined, { signal }).catch(() => {
        throw abortError(signal);
      });
    }
  }
}

/** Reads a `Retry-After` header, seconds or a date (RFC 9110 §10.2.3), in milliseconds from `now`. */
export function retryAfter(header: string | undefined, now: number): number | undefined {
  if (header === undefined) return undefined;
  if (/^\d{1,9}$/.test(header.trim())) return Number(header) * 1000;
  const date = Date.parse(header);
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
