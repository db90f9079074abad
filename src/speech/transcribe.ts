import type { Media, RecordingPiece } from '../audio/contract.ts';
import type { Settings } from '../config/kinds.ts';
import type { RecognisedSegment, RecognisedWord } from '../engines/contract.ts';
import { abortError, SpeechError } from '../errors.ts';
import type { CatalogModel } from '../models/catalog.ts';
import type { Names } from '../models/names.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Router } from '../workers/router.ts';
import { raiseQuiet } from './loudness.ts';
import { Calls, isBroken } from './steps/calls.ts';
import { denoised } from './steps/denoise.ts';
import { diarized, type SpokenPiece } from './steps/diarize.ts';
import { type KnownSpeaker, knownVoices } from './steps/known-speakers.ts';
import { mapAhead } from './steps/map-ahead.ts';
import { type StepModels, stepModels } from './steps/models.ts';
import { recut } from './steps/recut.ts';
import type { WholeRecordings } from './steps/whole-recordings.ts';

export interface TranscribeDeps {
  router: Router;
  media: Media;
  metrics: Metrics;
  settings: Settings;
  names: Names;
  wholeRecordings: WholeRecordings;
}

/** A mark at the end of a word: this recogniser punctuates itself, and better, because it has heard it. */
export const PUNCTUATED = /[，。？！、；：…]|[.,?!;:](?=\s|$)/u;

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
  /** Take out noise first; undefined leaves it to the operator's setting. */
  denoise?: boolean | undefined;
  /** Tell who says what; `param` is the field that asked for it. */
  diarize?: DiarizeWish | undefined;
  /** Add punctuation marks. */
  punctuate?: boolean | undefined;
}

export interface DiarizeWish {
  param: string;
  /** How many people speak, where the caller knows. */
  speakers?: number | undefined;
  known?: readonly KnownSpeaker[];
}

/** A stretch of recognised speech. Times are in milliseconds from the start of the recording. */
export interface TranscriptSegment {
  text: string;
  startMs: number;
  endMs: number;
  language?: string;
  confidence?: number;
  words?: RecognisedWord[];
  /** Who says it: a known speaker's name, or A, B, … in the order of their first words. */
  speaker?: string;
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
 * is still being decoded. Where speakers are told apart, the whole recording is read before the first piece is heard.
 * Errors: what the models cannot do (`unsupported_by_model`) or are not there to do, at once and by name; those of
 * decoding and routing.
 */
export function transcribe(deps: TranscribeDeps, request: TranscribeRequest, caller: Caller): Transcription {
  const models = modelsFor(deps, request);
  let durationMs = 0;
  return {
    segments: segments(deps, request, models, caller, (ms) => {
      durationMs = ms;
    }),
    durationMs: () => durationMs,
  };
}

/** The models of every step that is wanted. Throws where the recogniser or this server cannot do it, as `transcribe` does. */
export function modelsFor(
  { names, settings }: Pick<TranscribeDeps, 'names' | 'settings'>,
  request: Omit<TranscribeRequest, 'path'>,
): StepModels {
  checkAbilities(request);
  return stepModels(request, request.model, names, settings);
}

async function* segments(
  deps: TranscribeDeps,
  request: TranscribeRequest,
  models: StepModels,
  caller: Caller,
  decodedUntil: (ms: number) => void,
): AsyncGenerator<TranscriptSegment> {
  const { router, metrics, settings } = deps;
  const { model } = request;
  // One failed piece ends the work on all the others.
  const stop = new AbortController();
  const signal = AbortSignal.any([caller.signal, stop.signal]);
  const { requestId, keyId } = caller;
  const timeoutMs = settings.limits.requestTimeoutMs;
  const calls = new Calls({ router, requestId, caller: keyId, timeoutMs, signal });
  const giveBack = models.diarize === undefined ? undefined : deps.wholeRecordings.take();
  let heardMs = 0;
  const heard = (ms: number): void => {
    heardMs = ms;
    decodedUntil(ms);
  };
  try {
    const pieces = await prepared(deps, request, models, calls, heard);
    const recogniser = new Recogniser(deps, request, models, calls);
    for await (const found of mapAhead(pieces, PIECES_AT_ONCE, (piece) => recogniser.hear(piece))) yield* found;
    metrics.audioHeard({ model: model.manifest.id, durationMs: heardMs });
  } catch (error) {
    throw caller.signal.aborted ? abortError(caller.signal) : error;
  } finally {
    stop.abort(new SpeechError('cancelled', 'The transcription has ended.'));
    giveBack?.();
  }
}

/** The recording in pieces, through every step that comes before recognition. */
async function prepared(
  { media, settings }: TranscribeDeps,
  { path, model, diarize }: TranscribeRequest,
  models: StepModels,
  calls: Calls,
  decodedUntil: (ms: number) => void,
): Promise<AsyncIterable<SpokenPiece>> {
  const { limits } = settings;
  const { signal } = calls;
  const maxPieceMs = Math.min(limits.pieceMs, model.capabilities.transcribe!.maxAudioMs);
  const maxAudioMs = models.diarize === undefined ? limits.recordingMs : Math.min(limits.recordingMs, limits.diarizeMs);
  const voices =
    models.diarize === undefined
      ? []
      : await knownVoices(diarize?.known ?? [], models.diarize, { media, limits, calls });
  let pieces: AsyncIterable<SpokenPiece> = told(
    media.decode(path, { maxPieceMs, maxAudioMs, timeoutMs: limits.decodeTimeoutMs, signal }),
    decodedUntil,
  );
  if (models.denoise !== undefined) pieces = denoised(pieces, models.denoise, calls, PIECES_AT_ONCE);
  if (models.voices !== undefined) {
    const dispensable = settings.sttVad === 'auto';
    pieces = recut(pieces, { model: models.voices, maxPieceMs, calls, atOnce: PIECES_AT_ONCE, dispensable });
  }
  if (models.diarize !== undefined) {
    pieces = diarized(pieces, { model: models.diarize, speakers: diarize?.speakers, voices, calls });
  }
  return settings.sttVadEnabled ? spoken(pieces) : pieces;
}

async function* told(
  pieces: AsyncIterable<RecordingPiece>,
  decodedUntil: (ms: number) => void,
): AsyncGenerator<RecordingPiece> {
  for await (const piece of pieces) {
    decodedUntil(piece.endMs);
    yield piece;
  }
}

async function* spoken(pieces: AsyncIterable<SpokenPiece>): AsyncGenerator<SpokenPiece> {
  for await (const piece of pieces) if (piece.speech) yield piece;
}

/** Hears one piece after the other, with what comes right before and after. */
class Recogniser {
  #deps: TranscribeDeps;
  #request: TranscribeRequest;
  #models: StepModels;
  #calls: Calls;
  #language: Promise<string | undefined> | undefined;
  #first = true;

  constructor(deps: TranscribeDeps, request: TranscribeRequest, models: StepModels, calls: Calls) {
    this.#deps = deps;
    this.#request = request;
    this.#models = models;
    this.#calls = calls;
  }

  async hear(piece: SpokenPiece): Promise<TranscriptSegment[]> {
    const first = this.#first;
    this.#first = false;
    if (this.#deps.settings.sttNormalize) raiseQuiet(piece.pcm);
    const { model, prompt, temperature, words, task } = this.#request;
    const cost = piece.endMs - piece.startMs;
    const language = await this.#languageOf(piece, cost);
    const call = { pcm: piece.pcm, language, prompt, temperature, words, task };
    const found: TranscriptSegment[] = [];
    for await (const segment of this.#calls.messages('transcribe', model, call, { first, cost })) {
      const text = await this.#punctuated(segment.text, first);
      const { speaker } = piece;
      found.push({ ...placed(segment, piece), text, ...(speaker === undefined ? {} : { speaker }) });
    }
    return found;
  }

  /** The request's language, else the one of the first piece, where the recogniser has to be told and knows it. */
  async #languageOf({ pcm }: RecordingPiece, cost: number): Promise<string | undefined> {
    const { language, model } = this.#request;
    if (language !== undefined || this.#models.language === undefined) return language;
    this.#language ??= this.#calls
      .one('identifyLanguage', this.#models.language, { pcm }, { first: true, cost })
      .then((found) => (knows(model, found.language) ? found.language : undefined))
      // Nobody asked for it: without it the recogniser takes the language that it takes for granted.
      .catch((thrown: unknown) => (isBroken(thrown) ? undefined : Promise.reject(thrown)));
    return await this.#language;
  }

  async #punctuated(text: string, first: boolean): Promise<string> {
    if (this.#models.punctuate === undefined || text === '' || PUNCTUATED.test(text)) return text;
    const urgency = { first, cost: text.length };
    return (await this.#calls.one('punctuate', this.#models.punctuate, { text }, urgency)).text;
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

function checkAbilities({ model, language, words, task }: Omit<TranscribeRequest, 'path'>): void {
  const ability = model.capabilities.transcribe!;
  const { id } = model.manifest;
  const refuse = (param: string, message: string): never => {
    throw new SpeechError('unsupported_by_model', message, { param });
  };
  if (task === 'translate' && !ability.translate) refuse('model', `The model '${id}' cannot translate into English.`);
  if (words && !ability.wordTimes) refuse('timestamp_granularities', `The model '${id}' does not tell word times.`);
  if (language === undefined) return;
  if (!knows(model, language)) {
    const known = ability.languages.join(', ');
    refuse('language', `The model '${id}' does not know the language '${language.slice(0, 40)}'. It knows: ${known}.`);
  }
}

function knows({ capabilities }: CatalogModel, language: string | undefined): boolean {
  const plain = (tag: string): string => tag.toLowerCase().split('-', 1)[0]!;
  return language !== undefined && capabilities.transcribe!.languages.some((known) => plain(known) === plain(language));
}
