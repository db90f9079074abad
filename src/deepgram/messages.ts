/** The shapes of Deepgram's messages and answers. Times are in seconds from the start of the stream. */
import type { RecognisedWord } from '../engines/contract.ts';
import { markedWords } from './marks.ts';

export interface HeardPart {
  text: string;
  startMs: number;
  endMs: number;
  confidence?: number;
  words?: readonly RecognisedWord[];
}

export interface ModelInfo {
  id: string;
  revision: string;
  family: string;
}

export interface ResultsOptions {
  channel: readonly [number, number];
  requestId: string;
  model: ModelInfo;
  isFinal: boolean;
  speechFinal: boolean;
  fromFinalize?: boolean;
}

export function results(heard: HeardPart, options: ResultsOptions): object {
  const { channel, requestId, model, isFinal, speechFinal, fromFinalize } = options;
  return {
    type: 'Results',
    channel_index: channel,
    start: seconds(heard.startMs),
    duration: seconds(heard.endMs - heard.startMs),
    is_final: isFinal,
    speech_final: speechFinal,
    ...(fromFinalize === undefined ? {} : { from_finalize: fromFinalize }),
    channel: { alternatives: [alternative(heard)] },
    metadata: { request_id: requestId, model_info: modelInfo(model), model_uuid: model.id },
  };
}

/**
 * One reading. Deepgram's clients need numbers: a confidence is the engine's own where it measures one, else the mean of
 * its words', else 0, which says that nobody knows.
 */
export function alternative({ text, words = [], confidence }: HeardPart): {
  transcript: string;
  confidence: number;
  words: object[];
} {
  const measured = words.flatMap((word) => (word.confidence === undefined ? [] : [word.confidence]));
  const marked = markedWords(
    words.map(({ word }) => word),
    text,
  );
  const mean = measured.length === 0 ? 0 : measured.reduce((sum, each) => sum + each, 0) / measured.length;
  return {
    transcript: text,
    confidence: text === '' ? 0 : (confidence ?? mean),
    words: words.map((word, index) => ({
      word: bare(word.word),
      start: seconds(word.startMs),
      end: seconds(word.endMs),
      confidence: word.confidence ?? 0,
      punctuated_word: marked[index]!,
    })),
  };
}

export interface StreamFacts {
  requestId: string;
  /** Hexadecimal, of all audio as it came. */
  sha256: string;
  created: Date;
  durationMs: number;
  channels: number;
  model: ModelInfo;
}

/** Sent once, as the last message of a stream. */
export function metadata(facts: StreamFacts): object {
  return { type: 'Metadata', transaction_key: 'deprecated', ...common(facts) };
}

/** The `metadata` of a recording's answer. */
export function recordingMetadata(facts: StreamFacts): object {
  return { transaction_key: 'deprecated', ...common(facts) };
}

function common({ requestId, sha256, created, durationMs, channels, model }: StreamFacts): object {
  return {
    request_id: requestId,
    sha256,
    created: created.toISOString(),
    duration: seconds(durationMs),
    channels,
    models: [model.id],
    model_info: { [model.id]: modelInfo(model) },
  };
}

function modelInfo({ id, revision, family }: ModelInfo): object {
  return { name: id, version: revision, arch: family };
}

export function seconds(ms: number): number {
  return Math.round(Math.max(0, ms)) / 1000;
}

/** Lower case, without the marks around it. */
function bare(word: string): string {
  return word.toLowerCase().replace(/^[^\p{L}\p{N}]+|[^\p{L}\p{N}]+$/gu, '') || word;
}
