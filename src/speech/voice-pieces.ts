import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AudioChunk } from '../audio/contract.ts';
import { SilenceTrimmer } from '../audio/silence.ts';
import type { Settings } from '../config/kinds.ts';
import type { SpeakChunk } from '../engines/contract.ts';
import { SpeechError } from '../errors.ts';
import type { Router } from '../workers/router.ts';
import { applyGain } from './loudness.ts';
import type { Piece } from './text/pieces.ts';
import type { Caller } from './transcribe.ts';

/** When something is spoken, in milliseconds from the start of the speech. */
export type Timing =
  /** A word, by its UTF-16 range in the caller's input. */
  | { kind: 'word'; from: number; to: number; startMs: number; endMs: number }
  /** An SSML mark. */
  | { kind: 'mark'; name: string; atMs: number };

export interface VoiceOptions {
  router: Router;
  model: string;
  voice: string;
  speed: number;
  instructions: string | undefined;
  /** Of the voice, in Hz: for the pauses. */
  sampleRate: number;
  /** Silence to put between sentences. */
  sentencePauseMs: number;
  limits: Pick<Settings['limits'], 'audioPerCharacterMs' | 'requestTimeoutMs'>;
  /** These are further pieces of a request whose first ones were admitted. */
  continues?: boolean;
  /** Cut the silence that the voice leaves at the start and end of the speech and inside sentences. */
  trimSilence: boolean;
  onTiming: (timing: Timing) => void;
}

/** Every voice may take this long for the shortest text. */
const LEAST_ALLOWANCE_MS = 5000;
/** Pauses are made in chunks of this length, so that a long one takes no memory. */
const PAUSE_CHUNK_MS = 500;

/**
 * Speaks pieces one after the other. The next piece is always being spoken already, so that the voice never waits for
 * the listener's side, and a short text takes no longer than its longest sentence. Ending the iteration ends the calls.
 */
export async function* voicePieces(
  options: VoiceOptions,
  pieces: readonly Piece[],
  caller: Caller,
): AsyncGenerator<AudioChunk> {
  const stop = new AbortController();
  const signal = AbortSignal.any([caller.signal, stop.signal]);
  const deadline = performance.now() + options.limits.requestTimeoutMs;
  const start = (piece: Piece | undefined) =>
    piece === undefined
      ? undefined
      : startCall(options, piece, options.continues === true || piece !== pieces[0], { ...caller, signal }, deadline);
  let ms = 0;
  let next = start(pieces[0]);
  try {
    for (const [index, piece] of pieces.entries()) {
      const current = next!;
      const timings = new PieceTimings(piece, options.onTiming);
      for (const chunk of pause(piece.pauseBeforeMs, options.sampleRate)) {
        ms += durationOf(chunk);
        yield chunk;
      }
      const trim = new SilenceTrimmer({
        start: options.trimSilence && (index === 0 || pieces[index - 1]!.continues),
        end: options.trimSilence && (index === pieces.length - 1 || piece.continues),
      });
      const spokenFrom = ms;
      await current.admitted;
      next = start(pieces[index + 1]);
      for await (const chunk of current.chunks) {
        applyGain(chunk.pcm, piece.volumeDb);
        const heard = trim.push(chunk);
        timings.add(chunk, spokenFrom - trim.skippedMs);
        for (const part of heard) {
          ms += durationOf(part);
          yield part;
        }
      }
      for (const part of trim.end()) {
        ms += durationOf(part);
        yield part;
      }
      timings.finish(ms);
      const inner = index < pieces.length - 1 && !piece.continues;
      const pauseMs = piece.pauseAfterMs + (inner ? options.sentencePauseMs : 0);
      for (const chunk of pause(pauseMs, options.sampleRate)) {
        ms += durationOf(chunk);
        yield chunk;
      }
    }
  } finally {
    stop.abort(new SpeechError('cancelled', 'The speech has ended.'));
    await next?.chunks.return(undefined).catch(() => {});
  }
}

interface PieceCall {
  /** Rejects where the call was refused at once. */
  admitted: Promise<void>;
  chunks: AsyncGenerator<SpeakChunk>;
}

/** Starts speaking at once, whether or not anyone reads yet. */
function startCall(
  options: VoiceOptions,
  piece: Piece,
  continues: boolean,
  caller: Caller,
  deadline: number,
): PieceCall {
  const speed = options.speed * piece.rate;
  const characters = Math.max(piece.text.length, piece.phonemes?.length ?? 0);
  const calls = options.router.call(
    'speak',
    options.model,
    {
      text: piece.text,
      voice: options.voice,
      speed,
      ...(piece.pitch === 0 ? {} : { pitch: piece.pitch }),
      ...(piece.phonemes === undefined ? {} : { phonemes: piece.phonemes }),
      ...(options.instructions === undefined ? {} : { instructions: options.instructions }),
    },
    {
      requestId: caller.requestId,
      caller: caller.keyId,
      lane: 'interactive',
      continues,
      timeoutMs: Math.max(1, deadline - performance.now()),
      signal: caller.signal,
      cost: characters,
    },
  );
  const allowedMs = LEAST_ALLOWANCE_MS + (characters * options.limits.audioPerCharacterMs) / speed;
  const iterator = calls[Symbol.asyncIterator]();
  const first = iterator.next();
  // Whoever reads later meets the error; until then it is nobody's.
  first.catch(() => {});
  // A refusal comes before the loop turns: what continues a request must not slip in where its beginning may not.
  const admitted = Promise.race([first, nextTurn()]).then(() => {});
  admitted.catch(() => {});
  const chunks = (async function* () {
    let spokenMs = 0;
    try {
      for (let result = await first; result.done !== true; result = await iterator.next()) {
        spokenMs += durationOf(result.value);
        // Generative voices sometimes never stop.
        if (spokenMs > allowedMs) {
          throw new SpeechError('engine_failed', 'The voice did not come to an end and was stopped.', {
            detail: `${Math.round(spokenMs)} ms of audio for ${characters} characters`,
          });
        }
        yield result.value;
      }
    } finally {
      await iterator.return?.();
    }
  })();
  return { admitted, chunks };
}

/** Turns the engine's word marks into times of the whole speech, and SSML marks into the times of the words they precede. */
class PieceTimings {
  #piece: Piece;
  #onTiming: (timing: Timing) => void;
  #marks: { name: string; at: number }[];

  constructor(piece: Piece, onTiming: (timing: Timing) => void) {
    this.#piece = piece;
    this.#onTiming = onTiming;
    this.#marks = [...piece.marks];
  }

  add(chunk: SpeakChunk, offsetMs: number): void {
    for (const word of chunk.marks ?? []) {
      const startMs = Math.max(0, offsetMs + word.startMs);
      while (this.#marks.length > 0 && this.#marks[0]!.at <= word.from) {
        this.#onTiming({ kind: 'mark', name: this.#marks.shift()!.name, atMs: startMs });
      }
      const { from, to } = this.#piece.origin(word.from, word.to);
      this.#onTiming({ kind: 'word', from, to, startMs, endMs: Math.max(startMs, offsetMs + word.endMs) });
    }
  }

  finish(endMs: number): void {
    for (const { name } of this.#marks.splice(0)) this.#onTiming({ kind: 'mark', name, atMs: endMs });
  }
}

function* pause(ms: number, sampleRate: number): Generator<AudioChunk> {
  for (let left = ms; left > 0; left -= PAUSE_CHUNK_MS) {
    const samples = Math.round((Math.min(left, PAUSE_CHUNK_MS) * sampleRate) / 1000);
    yield { pcm: new Float32Array(samples), sampleRate };
  }
}

function durationOf({ pcm, sampleRate }: AudioChunk): number {
  return (pcm.length / sampleRate) * 1000;
}
