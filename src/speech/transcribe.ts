import type { Media, RecordingPiece } from '../audio/contract.ts';
import type { Settings } from '../config/kinds.ts';
import type { RecognisedSegment, RecognisedWord } from '../engines/contract.ts';
import { abortError, SpeechError } from '../errors.ts';
import type { CatalogModel } from '../models/catalog.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { CallContext } from '../workers/contract.ts';
import type { Router } from '../workers/router.ts';
import { raiseQuiet } from './loudness.ts';

export interface TranscribeDeps {
  router: Router;
  media: Media;
  metrics: Metrics;
  settings: Settings;
}

/** Who asks, as far as speech work needs to know. */
export interface Caller {
  requestId: string;
  /** Whose share of the engines it uses. */
  keyId: string;
  signal: AbortSignal;
}

export interface TranscribeRequest {
  /** The recording on disk, of any allowed format. */
  path: string;
  model: CatalogModel;
  /** BCP 47. */
  language?: string;
  prompt?: string;
  /** 0 to 1. */
  temperature?: number;
  words: boolean;
  task: 'transcribe' | 'translate';
}

/** A stretch of recognised speech. Times are in milliseconds from the start of the recording. */
export interface TranscriptSegment {
  text: string;
  startMs: number;
  endMs: number;
  language?: string;
  confidence?: number;
  words?: RecognisedWord[];
}

export interface Transcription {
  /** Segments in order, each as soon as it is final. */
  segments: AsyncIterable<TranscriptSegment>;
  /** Length of what has been decoded so far; of the whole recording once the segments have ended. */
  durationMs: () => number;
}

/** Pieces of one recording that may be with the engines at the same time. */
const PIECES_AT_ONCE = 4;

/**
 * Hears a recording: it is decoded, cut at pauses and recognised piece by piece, several pieces at once, while the rest
 * is still being decoded. Errors: what the model cannot do (`unsupported_by_model`), and those of decoding and routing.
 */
export function transcribe(deps: TranscribeDeps, request: TranscribeRequest, caller: Caller): Transcription {
  checkAbilities(request);
  let durationMs = 0;
  return {
    segments: segments(deps, request, caller, (ms) => {
      durationMs = ms;
    }),
    durationMs: () => durationMs,
  };
}

async function* segments(
  { router, media, metrics, settings }: TranscribeDeps,
  request: TranscribeRequest,
  caller: Caller,
  decodedUntil: (ms: number) => void,
): AsyncGenerator<TranscriptSegment> {
  const { limits } = settings;
  const { model } = request;
  const ability = model.capabilities.transcribe!;
  // One failed piece ends the work on all the others.
  const stop = new AbortController();
  const signal = AbortSignal.any([caller.signal, stop.signal]);
  const deadline = performance.now() + limits.requestTimeoutMs;

  const recognise = async (piece: RecordingPiece, first: boolean): Promise<TranscriptSegment[]> => {
    if (settings.sttNormalize) raiseQuiet(piece.pcm);
    const context: CallContext = {
      requestId: caller.requestId,
      caller: caller.keyId,
      // Whoever sends an hour of audio waits for its beginning; the rest must not keep others waiting.
      lane: first ? 'interactive' : 'batch',
      continues: !first,
      timeoutMs: Math.max(1, deadline - performance.now()),
      signal,
      cost: piece.endMs - piece.startMs,
    };
    const { language, prompt, temperature, words, task } = request;
    const found: TranscriptSegment[] = [];
    const call = { pcm: piece.pcm, language, prompt, temperature, words, task };
    for await (const segment of router.call('transcribe', model.manifest.id, call, context)) {
      found.push(placed(segment, piece));
    }
    return found;
  };

  const pieces = media
    .decode(request.path, {
      maxPieceMs: Math.min(limits.pieceMs, ability.maxAudioMs),
      maxAudioMs: limits.recordingMs,
      timeoutMs: limits.decodeTimeoutMs,
      signal,
    })
    [Symbol.asyncIterator]();
  const running: Promise<TranscriptSegment[]>[] = [];
  let heardMs = 0;
  let decoded = false;
  let first = true;
  try {
    while (!decoded || running.length > 0) {
      while (!decoded && running.length < PIECES_AT_ONCE) {
        const next = await pieces.next();
        if (next.done === true) {
          decoded = true;
          break;
        }
        heardMs = next.value.endMs;
        decodedUntil(heardMs);
        if (!next.value.speech && settings.sttVadEnabled) continue;
        const work = recognise(next.value, first);
        work.catch(() => {});
        running.push(work);
        first = false;
      }
      const ready = running.shift();
      if (ready !== undefined) yield* await ready;
    }
    metrics.audioHeard({ model: model.manifest.id, durationMs: heardMs });
  } catch (error) {
    throw caller.signal.aborted ? abortError(caller.signal) : error;
  } finally {
    stop.abort(new SpeechError('cancelled', 'The transcription has ended.'));
    await pieces.return?.();
  }
}

/** Moves a segment from its piece's clock to the recording's, and keeps every time inside the piece. */
function placed(segment: RecognisedSegment, piece: RecordingPiece): TranscriptSegment {
  const at = (ms: number): number => Math.min(piece.endMs, piece.startMs + Math.max(0, ms));
  return {
    ...segment,
    startMs: at(segment.startMs),
    endMs: at(segment.endMs),
    ...(segment.words === undefined
      ? {}
      : { words: segment.words.map((word) => ({ ...word, startMs: at(word.startMs), endMs: at(word.endMs) })) }),
  };
}

function checkAbilities({ model, language, words, task }: TranscribeRequest): void {
  const ability = model.capabilities.transcribe!;
  const { id } = model.manifest;
  const refuse = (param: string, message: string): never => {
    throw new SpeechError('unsupported_by_model', message, { param });
  };
  if (task === 'translate' && !ability.translate) refuse('model', `The model '${id}' cannot translate into English.`);
  if (words && !ability.wordTimes) refuse('timestamp_granularities', `The model '${id}' does not tell word times.`);
  if (language === undefined) return;
  const plain = (tag: string): string => tag.toLowerCase().split('-', 1)[0]!;
  if (!ability.languages.some((known) => plain(known) === plain(language))) {
    const known = ability.languages.join(', ');
    refuse('language', `The model '${id}' does not know the language '${language.slice(0, 40)}'. It knows: ${known}.`);
  }
}
