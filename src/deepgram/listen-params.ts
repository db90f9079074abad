import { MAX_SAMPLE_RATE, MIN_SAMPLE_RATE } from '../audio/resample.ts';
import { SpeechError } from '../errors.ts';
import { WIRE_ENCODINGS, type WireEncoding } from './wire-audio.ts';

/** What a client of `/v1/listen` asks for. */
export interface ListenParams {
  /** As the client named it. */
  model: string | undefined;
  language: string | undefined;
  /** Undefined: the audio says itself what it is, by a WAV header or as the container that it comes in. */
  audio: { encoding: WireEncoding; sampleRate: number; channels: number } | undefined;
  /** What comes in no container is Opus, one packet in each message. */
  bareOpus: boolean;
  /** One result stream for each channel, instead of one for all of them mixed. */
  multichannel: boolean;
  interimResults: boolean;
  /** Marks between the words, where a model here puts some. */
  punctuate: boolean;
  /** Silence in ms that ends an utterance; undefined where the client does not want ends told. */
  endpointingMs: number | undefined;
  utteranceEndMs: number | undefined;
  vadEvents: boolean;
}

/** Deepgram's names for compressed audio. It says itself what it is: a wrong name does no harm. */
const COMPRESSED: readonly string[] = ['opus', 'ogg-opus', 'flac'];
/** Deepgram's default. */
const ENDPOINTING_MS = 10;
const MIN_UTTERANCE_END_MS = 1000;
const MAX_MS = 60_000;
export const MAX_CHANNELS = 8;

/** Query parameters by name; repeated ones come as lists. */
export type Query = Readonly<Record<string, unknown>>;

/**
 * Reads the parameters of `/v1/listen`. Those that are unknown or mean nothing here are passed over, as Deepgram's
 * clients expect. SpeechError `invalid_request` for a wrong value of the others.
 */
export function readListenParams(query: Query): ListenParams {
  const interimResults = flag(query, 'interim_results');
  const utteranceEndMs = number(query, 'utterance_end_ms', MIN_UTTERANCE_END_MS, MAX_MS);
  if (utteranceEndMs !== undefined && !interimResults) {
    throw wrong('utterance_end_ms', 'needs interim_results=true');
  }
  return {
    model: text(query, 'model'),
    language: text(query, 'language'),
    audio: readAudio(query),
    bareOpus: text(query, 'encoding') === 'opus',
    multichannel: flag(query, 'multichannel'),
    interimResults,
    punctuate: flag(query, 'punctuate') || flag(query, 'smart_format'),
    endpointingMs: endpointing(query),
    utteranceEndMs,
    vadEvents: flag(query, 'vad_events'),
  };
}

function readAudio(query: Query): ListenParams['audio'] {
  const encoding = text(query, 'encoding');
  if (encoding === undefined || COMPRESSED.includes(encoding)) return undefined;
  if (!(WIRE_ENCODINGS as readonly string[]).includes(encoding)) {
    const names = [...WIRE_ENCODINGS, ...COMPRESSED].join(', ');
    throw wrong('encoding', `must be one of ${names}, or left out for WAV, WebM, Ogg and other files`);
  }
  const sampleRate = number(query, 'sample_rate', MIN_SAMPLE_RATE, MAX_SAMPLE_RATE);
  if (sampleRate === undefined) throw wrong('sample_rate', 'is needed with encoding');
  const channels = number(query, 'channels', 1, MAX_CHANNELS) ?? 1;
  return { encoding: encoding as WireEncoding, sampleRate, channels };
}

function endpointing(query: Query): number | undefined {
  const given = text(query, 'endpointing');
  if (given === undefined || given === 'true') return ENDPOINTING_MS;
  if (given === 'false') return undefined;
  return number(query, 'endpointing', 0, MAX_MS);
}

export function text(query: Query, name: string): string | undefined {
  const given = query[name];
  const last = Array.isArray(given) ? given.at(-1) : given;
  return typeof last === 'string' && last !== '' ? last : undefined;
}

/** Booleans are the words `true` and `false`. */
export function flag(query: Query, name: string): boolean {
  const given = text(query, name);
  if (given === undefined || given === 'false') return false;
  if (given === 'true') return true;
  throw wrong(name, "must be 'true' or 'false'");
}

export function number(query: Query, name: string, min: number, max: number): number | undefined {
  const given = text(query, name);
  if (given === undefined) return undefined;
  const value = Number(given);
  if (!/^\d{1,9}$/.test(given) || value < min || value > max) {
    throw wrong(name, `must be a whole number from ${min} to ${max}`);
  }
  return value;
}

function wrong(param: string, what: string): SpeechError {
  return new SpeechError('invalid_request', `${param} ${what}.`, { param });
}
