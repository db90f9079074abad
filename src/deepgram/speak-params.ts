import type { AudioFormat } from '../audio/contract.ts';
import { MAX_SAMPLE_RATE, MIN_SAMPLE_RATE } from '../audio/resample.ts';
import { SpeechError } from '../errors.ts';
import { flag, number, type Query, text } from './listen-params.ts';

/** What leaves `/v1/speak`: a file that our codecs write, or raw samples, perhaps behind a WAV header. */
export type SpeakOutput =
  | { kind: 'file'; format: Exclude<AudioFormat, 'pcm'> }
  | { kind: 'raw'; encoding: RawEncoding; sampleRate: number };
export type RawEncoding = 'linear16' | 'mulaw' | 'alaw';

export interface SpeakParams {
  /** As the client named it: a voice or a model. */
  model: string | undefined;
  output: SpeakOutput;
  speed: number;
}

const FILES: Readonly<Record<string, Exclude<AudioFormat, 'pcm'>>> = {
  mp3: 'mp3',
  opus: 'opus',
  flac: 'flac',
  aac: 'aac',
};
const RAW: readonly string[] = ['linear16', 'mulaw', 'alaw'];
/** Deepgram's defaults in Hz. */
const LINEAR_RATE = 24_000;
const G711_RATE = 8000;
const SPEED = { min: 0.5, max: 2 } as const;

/** Of `POST /v1/speak`. SpeechError `invalid_request` for a wrong value. */
export function readSpeakParams(query: Query): SpeakParams {
  const encoding = text(query, 'encoding') ?? 'mp3';
  const container = text(query, 'container');
  const file = FILES[encoding];
  const common = { model: text(query, 'model'), speed: speed(query) };
  if (file !== undefined) return { ...common, output: { kind: 'file', format: file } };
  if (!RAW.includes(encoding)) throw wrong('encoding', `must be one of ${[...Object.keys(FILES), ...RAW].join(', ')}`);
  if (container !== undefined && container !== 'wav' && container !== 'none') {
    throw wrong('container', `must be wav or none with ${encoding}`);
  }
  // A WAV file holds what the voice makes; G.711 in one is not worth a second way to write it.
  if (encoding === 'linear16' && container !== 'none') return { ...common, output: { kind: 'file', format: 'wav' } };
  if (container === 'wav') throw wrong('container', `must be none with ${encoding}`);
  return { ...common, output: raw(query, encoding as RawEncoding) };
}

/** Of `WS /v1/speak`, which sends raw samples only. */
export function readLiveSpeakParams(query: Query): SpeakParams & { output: SpeakOutput & { kind: 'raw' } } {
  const encoding = text(query, 'encoding') ?? 'linear16';
  if (!RAW.includes(encoding)) throw wrong('encoding', `must be one of ${RAW.join(', ')}`);
  const container = text(query, 'container');
  if (container !== undefined && container !== 'none') throw wrong('container', 'must be none');
  flag(query, 'mip_opt_out');
  return { model: text(query, 'model'), speed: speed(query), output: raw(query, encoding as RawEncoding) };
}

function raw(query: Query, encoding: RawEncoding): SpeakOutput & { kind: 'raw' } {
  const usual = encoding === 'linear16' ? LINEAR_RATE : G711_RATE;
  const sampleRate = number(query, 'sample_rate', MIN_SAMPLE_RATE, MAX_SAMPLE_RATE) ?? usual;
  return { kind: 'raw', encoding, sampleRate };
}

function speed(query: Query): number {
  const given = text(query, 'speed');
  if (given === undefined) return 1;
  const value = Number(given);
  if (value >= SPEED.min && value <= SPEED.max) return value;
  throw wrong('speed', `must be a number from ${SPEED.min} to ${SPEED.max}`);
}

function wrong(param: string, what: string): SpeechError {
  return new SpeechError('invalid_request', `${param} ${what}.`, { param });
}
