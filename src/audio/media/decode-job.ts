import { abortError, SpeechError } from '../../errors.ts';
import type { DecodeOptions, RecordingPiece } from '../contract.ts';
import { foreignError } from './foreign-error.ts';
import type { FromDecoder, ToDecoder } from './messages.ts';

/** Decoded audio that may wait for its reader: short recordings free their process before anyone has read them. */
const AHEAD_MS = 60_000;
/** What a decoder gets to stop by itself, before it is ended. */
const CANCEL_MS = 2000;

/** What a job can do to its decoder. */
export interface DecoderLine {
  send: (message: ToDecoder) => void;
  kill: () => void;
}

export function decoderFailed(detail: string): SpeechError {
  return new SpeechError('engine_failed', 'The recording could not be decoded: the decoder failed.', { detail });
}

/** One recording on its way out of a decoder. */
export class DecodeJob implements AsyncIterable<RecordingPiece> {
  /** Resolves when the decoder is free for the next recording, or gone. */
  readonly finished: Promise<void>;
  #finish: () => void;
  #decoder: DecoderLine;
  #options: DecodeOptions;
  /** Decoded and not yet read. */
  #pieces: RecordingPiece[] = [];
  /** Pieces the decoder may still send. */
  #credit = 0;
  #endMs = 0;
  #outcome: { error?: SpeechError } | undefined;
  #wake: () => void = () => {};
  /** What is left of the time for decoding; it runs only while the decoder has something to do. */
  #leftMs: number;
  #runningSince: number | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #cancelTimer: NodeJS.Timeout | undefined;

  constructor(path: string, options: DecodeOptions, decoder: DecoderLine) {
    ({ promise: this.finished, resolve: this.#finish } = Promise.withResolvers<void>());
    this.#decoder = decoder;
    this.#options = options;
    this.#leftMs = options.timeoutMs;
    const { maxPieceMs, maxAudioMs } = options;
    decoder.send({ kind: 'decode', request: { path, maxPieceMs, maxAudioMs } });
    this.#askAhead();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<RecordingPiece> {
    const { signal } = this.#options;
    const onAbort = (): void => this.#cancel(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    try {
      if (signal.aborted) onAbort();
      for (;;) {
        const piece = this.#pieces.shift();
        if (piece !== undefined) {
          this.#askAhead();
          yield piece;
        } else if (this.#outcome !== undefined) {
          if (this.#outcome.error !== undefined) throw this.#outcome.error;
          return;
        } else {
          await new Promise<void>((resolve) => {
            this.#wake = resolve;
          });
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#cancel(new SpeechError('cancelled', 'The recording is no longer wanted.'));
    }
  }

  receive(message: Partial<FromDecoder> | null): void {
    if (message?.kind === 'end') {
      this.#settle(message.error === undefined ? undefined : foreignError(message.error, decoderFailed));
      this.#close();
    } else if (this.#outcome === undefined) {
      this.#accept(message?.kind === 'piece' ? message.piece : undefined);
    }
  }

  processEnded(error: SpeechError): void {
    this.#settle(error);
    this.#close();
  }

  #accept(piece: Partial<RecordingPiece> | undefined): void {
    if (!this.#isNextPiece(piece)) {
      this.#decoder.kill();
      this.#settle(decoderFailed('it sent what is not a piece'));
      return;
    }
    this.#endMs = piece.endMs;
    this.#credit--;
    if (this.#credit === 0) this.#stopClock();
    this.#pieces.push(piece);
    this.#askAhead();
    this.#wake();
  }

  /** A decoder that a hostile file has taken over may send anything. */
  #isNextPiece(piece: Partial<RecordingPiece> | undefined): piece is RecordingPiece {
    const { pcm, startMs, endMs, speech } = piece ?? {};
    if (this.#credit === 0 || !(pcm instanceof Float32Array) || typeof endMs !== 'number') return false;
    const lengthMs = endMs - this.#endMs;
    return (
      startMs === this.#endMs &&
      typeof speech === 'boolean' &&
      lengthMs >= 0 &&
      lengthMs <= this.#options.maxPieceMs &&
      endMs <= this.#options.maxAudioMs + 1 &&
      Math.abs(pcm.length / 16 - lengthMs) <= 1
    );
  }

  /** Lets the decoder work ahead of the reader: by a piece at least, by a minute of audio at most. */
  #askAhead(): void {
    if (this.#outcome !== undefined) return;
    let waitingMs = 0;
    for (const { startMs, endMs } of this.#pieces) waitingMs += endMs - startMs;
    const fitting = Math.floor((AHEAD_MS - waitingMs) / this.#options.maxPieceMs);
    const wanted = this.#pieces.length === 0 ? Math.max(1, fitting) : fitting;
    if (this.#credit === 0 && wanted > 0) this.#startClock();
    for (; this.#credit < wanted; this.#credit++) this.#decoder.send({ kind: 'more' });
  }

  #cancel(error: SpeechError): void {
    this.#pieces = [];
    if (this.#outcome !== undefined) return;
    this.#settle(error);
    this.#decoder.send({ kind: 'cancel' });
    this.#cancelTimer = setTimeout(() => this.#decoder.kill(), CANCEL_MS);
  }

  #settle(error: SpeechError | undefined): void {
    if (this.#outcome === undefined) this.#outcome = error === undefined ? {} : { error };
    this.#stopClock();
    this.#wake();
  }

  #close(): void {
    clearTimeout(this.#cancelTimer);
    this.#finish();
  }

  #startClock(): void {
    this.#runningSince = performance.now();
    this.#deadline = setTimeout(() => {
      this.#decoder.kill();
      this.#settle(new SpeechError('deadline_exceeded', 'Decoding the recording took longer than it may.'));
    }, this.#leftMs);
  }

  #stopClock(): void {
    clearTimeout(this.#deadline);
    if (this.#runningSince !== undefined) this.#leftMs -= performance.now() - this.#runningSince;
    this.#runningSince = undefined;
  }
}
