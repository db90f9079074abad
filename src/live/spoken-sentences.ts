import type { AudioChunk } from '../audio/contract.ts';
import { SilenceTrimmer } from '../audio/silence.ts';
import type { Settings } from '../config/kinds.ts';
import { SpeechError } from '../errors.ts';
import type { CatalogModel } from '../models/catalog.ts';
import { languageOf } from '../speech/speak.ts';
import { PARAGRAPH_PAUSE_MS, type Piece } from '../speech/text/pieces.ts';
import { prepareSpeech } from '../speech/text/prepare.ts';
import type { Pronunciations } from '../speech/text/pronunciation.ts';
import type { Sentence } from '../speech/text/sentences.ts';
import { voicePieces } from '../speech/voice-pieces.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Router } from '../workers/router.ts';
import type { LiveCaller } from './contract.ts';

export interface SpokenDeps {
  router: Router;
  metrics: Metrics;
  settings: Settings;
  pronunciations: Pronunciations | undefined;
}

export interface SpokenOptions {
  model: CatalogModel;
  voice: string;
  language: string | undefined;
  speed: number;
  instructions: string | undefined;
}

/** A sentence on its way from text to sound. */
export interface SpokenSentence {
  text: string;
  /** Its first chunk, which is asked for at once; whoever reads `chunks` gets that first. Rejections are met there. */
  begun: Promise<unknown>;
  chunks: AsyncIterableIterator<AudioChunk> & { return(): Promise<unknown> };
}

/**
 * Starts speaking a sentence. `before` is the one before it in the same speech, if any: it decides whether this is a new
 * request and what silence belongs between the two. Undefined where there is nothing in it to be spoken.
 */
export function speakSentence(
  deps: SpokenDeps,
  options: SpokenOptions,
  sentence: Sentence,
  before: Sentence | undefined,
  caller: LiveCaller,
): SpokenSentence | undefined {
  // Half a surrogate pair is broken text that may yet be followed by good text.
  const text = sentence.text.replace(/\p{Surrogate}/gu, '');
  const pieces = piecesOf(deps, options, text);
  if (pieces.length === 0) return undefined;
  const chunks = sound(deps, options, pieces, sentence, before, caller);
  const first = chunks.next();
  first.catch(() => {});
  return { text, begun: first, chunks: resumed(first, chunks) };
}

function piecesOf({ settings, pronunciations }: SpokenDeps, options: SpokenOptions, text: string): readonly Piece[] {
  const capability = options.model.capabilities.speak!;
  try {
    return prepareSpeech(text, {
      format: 'text',
      language: options.language ?? languageOf(capability, options.voice),
      capability,
      speed: options.speed,
      pronunciations,
      limits: settings.limits,
    }).pieces;
  } catch (error) {
    // A line of dashes.
    if (error instanceof SpeechError && error.code === 'invalid_request') return [];
    throw error;
  }
}

async function* sound(
  { router, metrics, settings }: SpokenDeps,
  { model, voice, speed, instructions }: SpokenOptions,
  pieces: readonly Piece[],
  sentence: Sentence,
  before: Sentence | undefined,
  caller: LiveCaller,
): AsyncGenerator<AudioChunk> {
  const { sampleRate, sentencePauseMs = 0 } = model.capabilities.speak!;
  const trim = new SilenceTrimmer({
    start: settings.ttsTrimSilence && (before === undefined || before.end === 'cut'),
    end: settings.ttsTrimSilence && sentence.end === 'cut',
  });
  const pauseMs =
    before === undefined || before.end === 'cut'
      ? 0
      : sentencePauseMs + (before.end === 'paragraph' ? PARAGRAPH_PAUSE_MS : 0);
  const voiced = voicePieces(
    {
      ...{ router, voice, speed, instructions, sampleRate, sentencePauseMs },
      model: model.manifest.id,
      limits: settings.limits,
      continues: before !== undefined,
      trimSilence: false,
      onTiming: () => {},
    },
    pieces,
    caller,
  );
  let madeMs = 0;
  try {
    let first = true;
    for await (const chunk of voiced) {
      madeMs += (chunk.pcm.length * 1000) / chunk.sampleRate;
      // Not before the voice has begun: a pause is no reason to tell that the sentence is being heard.
      if (first && pauseMs > 0) {
        yield { pcm: new Float32Array(Math.round((pauseMs * sampleRate) / 1000)), sampleRate };
      }
      first = false;
      yield* trim.push(chunk);
    }
    yield* trim.end();
  } finally {
    metrics.audioMade({ model: model.manifest.id, durationMs: madeMs });
  }
}

/** A generator whose first result was asked for already. */
function resumed(
  first: Promise<IteratorResult<AudioChunk>>,
  rest: AsyncGenerator<AudioChunk>,
): SpokenSentence['chunks'] {
  let begun: typeof first | undefined = first;
  return {
    next: () => {
      const result = begun ?? rest.next();
      begun = undefined;
      return result;
    },
    return: () => rest.return(undefined),
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
