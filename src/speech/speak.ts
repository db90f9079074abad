import type { AudioChunk, AudioFormat, Media } from '../audio/contract.ts';
import { codecRate } from '../audio/formats.ts';
import type { Settings } from '../config/kinds.ts';
import type { SpeakCapability } from '../engines/contract.ts';
import { SpeechError } from '../errors.ts';
import type { CatalogModel } from '../models/catalog.ts';
import type { Names } from '../models/names.ts';
import { speaks } from '../models/names-of-voices.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Router } from '../workers/router.ts';
import { cacheKey, type SpeechCache } from './cache.ts';
import { type PreparedSpeech, prepareSpeech } from './text/prepare.ts';
import type { Pronunciations } from './text/pronunciation.ts';
import type { Caller } from './transcribe.ts';
import { type Timing, voicePieces } from './voice-pieces.ts';

export interface SpeakDeps {
  router: Router;
  media: Media;
  names: Names;
  metrics: Metrics;
  settings: Settings;
  pronunciations: Pronunciations | undefined;
  cache: SpeechCache | undefined;
}

export interface SpeakRequest {
  input: string;
  inputFormat: 'text' | 'ssml';
  model: CatalogModel;
  /** As the caller named it. */
  voice?: string;
  /** BCP 47. */
  language?: string;
  speed: number;
  instructions?: string;
  format: AudioFormat;
}

export interface Speech {
  /** The voice that speaks, by the model's own id. */
  voice: string;
  /** Of the bytes, in Hz. */
  sampleRate: number;
  /** True when it was kept from an equal request of the same caller. */
  cached: boolean;
  /** Code points that are spoken. */
  characters: number;
  /** One file in the asked format, in pieces as they are made. */
  bytes: AsyncIterable<Uint8Array>;
  /** Words and SSML marks whose time has become known since the last call, for audio in `bytes` or still to come. */
  takeTimings: () => Timing[];
}

/** The first piece is kept short, so that a slow voice is heard soon. In characters. */
export const FIRST_PIECE_CHARS = 120;

/**
 * Speaks text: it is prepared, cut into sentences, spoken sentence by sentence and encoded while it is made. Errors
 * before anything is spoken: what the model cannot do (`unsupported_by_model`, `voice_not_found`), and those of
 * `prepareSpeech`. Later ones end `bytes`.
 */
export async function speak(deps: SpeakDeps, request: SpeakRequest, caller: Caller): Promise<Speech> {
  const { settings, names, cache } = deps;
  const { model } = request;
  const capability = model.capabilities.speak!;
  checkAbilities(request, capability);
  const usual = names.voice(model, request.voice, request.language);
  const language = request.language ?? languageOf(capability, usual);
  const prepared = prepareSpeech(request.input, {
    format: request.inputFormat,
    language,
    capability,
    speed: request.speed,
    pronunciations: deps.pronunciations,
    firstMaxChars: FIRST_PIECE_CHARS,
    limits: settings.limits,
  });
  const foreign = request.language === undefined && prepared.language !== language;
  const voice = foreign ? voiceFor(prepared.language, names, request) : usual;
  if (prepared.pauseMs > settings.limits.speechAudioMs) throw tooMuchAudio(settings);
  const sampleRate = outputRate(request.format, capability.sampleRate);
  const made = { voice, sampleRate, characters: prepared.characters };

  if (cache === undefined) return { ...made, cached: false, ...make(deps, request, caller, prepared, made) };
  const key = cacheKey(caller.keyId, {
    pieces: prepared.pieces.map(
      ({ text, phonemes, rate, pitch, volumeDb, pauseBeforeMs, pauseAfterMs, continues }) => ({
        ...{ text, phonemes, rate, pitch, volumeDb, pauseBeforeMs, pauseAfterMs, continues },
      }),
    ),
    model: model.manifest.id,
    revision: model.manifest.revision,
    voice,
    speed: request.speed,
    instructions: request.instructions,
    format: request.format,
    sampleRate,
    trimmed: settings.ttsTrimSilence,
  });
  const kept = await cache.read(key);
  if (kept !== undefined) return { ...made, cached: true, bytes: kept.stream, takeTimings: () => [] };
  const { bytes, takeTimings } = make(deps, request, caller, prepared, made);
  return { ...made, cached: false, bytes: keep(bytes, cache, key), takeTimings };
}

function make(
  deps: SpeakDeps,
  request: SpeakRequest,
  caller: Caller,
  prepared: PreparedSpeech,
  { voice, sampleRate }: { voice: string; sampleRate: number },
): Pick<Speech, 'bytes' | 'takeTimings'> {
  const { media, metrics, settings } = deps;
  const timings: Timing[] = [];
  const pieces = voicePieces(
    {
      router: deps.router,
      model: request.model.manifest.id,
      voice,
      speed: request.speed,
      instructions: request.instructions,
      sampleRate: request.model.capabilities.speak!.sampleRate,
      sentencePauseMs: request.model.capabilities.speak!.sentencePauseMs ?? 0,
      limits: settings.limits,
      trimSilence: settings.ttsTrimSilence,
      onTiming: (timing) => timings.push(timing),
    },
    prepared.pieces,
    caller,
  );
  const counted = count(pieces, settings, (durationMs) =>
    metrics.audioMade({ model: request.model.manifest.id, durationMs }),
  );
  return {
    bytes: media.encode(counted, { format: request.format, sampleRate, signal: caller.signal }),
    takeTimings: () => timings.splice(0),
  };
}

/** Ends speech that grows beyond its bound, and tells how much was made, whoever stopped listening. */
async function* count(
  chunks: AsyncIterable<AudioChunk>,
  settings: Settings,
  made: (durationMs: number) => void,
): AsyncGenerator<AudioChunk> {
  let durationMs = 0;
  try {
    for await (const chunk of chunks) {
      durationMs += (chunk.pcm.length / chunk.sampleRate) * 1000;
      if (durationMs > settings.limits.speechAudioMs) throw tooMuchAudio(settings);
      yield chunk;
    }
  } finally {
    made(durationMs);
  }
}

/** Passes bytes on and keeps them for the next equal request, if all of them come. */
async function* keep(bytes: AsyncIterable<Uint8Array>, cache: SpeechCache, key: string): AsyncGenerator<Uint8Array> {
  const entry = await cache.write(key);
  let complete = false;
  try {
    for await (const chunk of bytes) {
      await entry.write(chunk);
      yield chunk;
    }
    complete = true;
  } finally {
    await (complete ? entry.commit() : entry.abort());
  }
}

/** The voice for what SSML says of its language; where no voice has that region, one of the same language. */
function voiceFor(language: string, names: Names, { model, voice }: SpeakRequest): string {
  const { voices } = model.capabilities.speak!;
  const known = voices.some((candidate) => speaks(candidate, language));
  try {
    return names.voice(model, voice, known ? language : language.split('-', 1)[0]);
  } catch (thrown) {
    const { code, message } = SpeechError.from(thrown);
    throw new SpeechError(code, message, { param: 'input', cause: thrown });
  }
}

/** Throws SpeechError `unsupported_by_model` for a pace or instructions that the model cannot follow. */
export function checkAbilities(
  { model, speed, instructions }: Pick<SpeakRequest, 'model' | 'speed' | 'instructions'>,
  capability: SpeakCapability,
): void {
  const { id } = model.manifest;
  const range = capability.speed;
  if (range === null ? speed !== 1 : speed < range.min || speed > range.max) {
    const can = range === null ? 'cannot change its speed' : `speaks at speeds from ${range.min} to ${range.max}`;
    throw new SpeechError('unsupported_by_model', `The model '${id}' ${can}.`, { param: 'speed' });
  }
  if (instructions !== undefined && instructions.trim() !== '' && !capability.instructions) {
    throw new SpeechError('unsupported_by_model', `The model '${id}' does not follow instructions.`, {
      param: 'instructions',
    });
  }
}

/** The rate to write: `pcm` carries no header and every client takes it for 24 000 Hz; the rest keep the voice's own. */
export function outputRate(format: AudioFormat, voiceRate: number): number {
  return format === 'pcm' ? 24_000 : codecRate(format, voiceRate);
}

/** BCP 47 of a voice. */
export function languageOf(capability: SpeakCapability, voice: string): string {
  const base = voice.split('+', 1)[0];
  const known = capability.voices.find((candidate) => candidate.id === voice || candidate.id === base);
  return known?.language ?? capability.languages[0] ?? 'en';
}

function tooMuchAudio({ limits }: Settings): SpeechError {
  const seconds = limits.speechAudioMs / 1000;
  return new SpeechError('audio_too_long', `This would be more than ${seconds} seconds of audio.`, { param: 'input' });
}
