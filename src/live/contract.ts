/**
 * Live speech, without any protocol: audio goes in while it is spoken and events come out; text goes in while it is
 * written and audio comes out. Every protocol translates to and from this. Times are milliseconds from the first
 * sample that a session was ever given.
 */
import type { AudioChunk } from '../audio/contract.ts';
import type { RecognisedWord } from '../engines/contract.ts';
import type { SpeechError } from '../errors.ts';

/** When an utterance begins and ends. */
export type Turns =
  /** The caller says so, by `commit`. */
  | { kind: 'manual' }
  /** Voice activity does. */
  | {
      kind: 'voice';
      /** 0 to 1: how sure the detector has to be. */
      threshold: number;
      /** Audio before the first voice that belongs to the utterance. */
      prefixMs: number;
      /** Silence that ends it. */
      silenceMs: number;
      /**
       * Nobody spoke for `afterMs`: tell it once, counted from the end of the last utterance. Another `fromMs` begins the
       * count anew: there, or where the audio is already if that is later.
       */
      idle?: { afterMs: number; fromMs: number };
      /**
       * Where a model hears whether somebody has finished: it is asked after `askMs` of silence, and a pause that it takes
       * for no end may last `patienceMs`. Without the model, and where it fails, `silenceMs` counts.
       */
      judge?: { askMs: number; patienceMs: number };
    };

export interface ListeningOptions {
  /** Catalogue id or alias; the default recogniser where left out. */
  model?: string;
  /** BCP 47 hint. */
  language?: string;
  prompt?: string;
  words: boolean;
  /** Other readings to tell with a final, from recognisers that have some. */
  alternatives?: number;
  turns: Turns;
  /** Tell what is heard before an utterance is over. */
  partials: boolean;
  /** Take noise out before anything is heard. Where no model does it, or has no room, all is heard as it is. */
  reduceNoise?: boolean;
}

export interface LiveCaller {
  requestId: string;
  /** Whose fair share the work counts against. */
  keyId: string;
  /** Ends everything. */
  signal: AbortSignal;
}

interface Heard {
  /** Counts from 1. */
  utterance: number;
  text: string;
  startMs: number;
  endMs: number;
  words?: RecognisedWord[];
}

export type ListeningEvent =
  /** A voice opened an utterance, whose audio begins at `atMs`. Neither this nor its end is told of manual turns. */
  | { type: 'speech-started'; utterance: number; atMs: number }
  /** No audio behind `atMs` belongs to the utterance. */
  | { type: 'speech-stopped'; utterance: number; atMs: number }
  /** `text` begins with everything that was `confirmed` (characters) by an earlier partial of the utterance. */
  | ({ type: 'partial'; confirmed: number } & Heard)
  /** Comes exactly once for every utterance that was started, unless it failed or was cleared; in their order. */
  | ({
      type: 'final';
      language?: string;
      confidence?: number;
      alternatives?: { text: string; confidence?: number }[];
      /** Of the whole utterance with its prefix, for whoever bills by it. */
      audioMs: number;
      /**
       * It ended because it grew too long (`limits.liveUtteranceMs`), and the next one goes on where it ended: with
       * manual turns too, so that the text of one commit is that of all finals up to its number that were not told yet.
       */
      continues: boolean;
    } & Heard)
  /** In place of `final`, and like it not before the utterance is over. */
  | { type: 'failed'; utterance: number; error: SpeechError }
  | { type: 'idle'; fromMs: number; toMs: number };

/** A session that hears. Its methods never wait; what they cause comes as events. */
export interface Listening {
  /** The model that hears, by its catalogue id. */
  readonly model: string;
  /** Of all audio that was pushed. */
  readonly audioMs: number;
  /** Audio that was pushed and is not recognised yet, besides the open utterance, for whoever can slow its source. */
  readonly backlogMs: number;
  /** Of the utterance that is open now: 0 where nobody speaks. With manual turns, all audio since the last commit. */
  readonly openMs: number;
  /**
   * Audio of any rate and length, which is the session's from then on; silence counts as time that passed. Throws
   * SpeechError `audio_too_long` (one chunk beyond `limits.liveBacklogMs`), `overloaded` (it comes faster than it can
   * be kept) or `unsupported_value` (the rate); nothing of that chunk is taken then.
   */
  push(chunk: AudioChunk): void;
  /** Ends the open utterance here. Returns its number, or undefined where there is none. */
  commit(): number | undefined;
  /** Forgets the open utterance: no more events for it. Returns its number, or undefined where there is none. */
  clear(): number | undefined;
  /** Takes effect from the next utterance on, turns at once, noise reduction with the next frame (20 ms). */
  change(options: Partial<ListeningOptions>): void;
  /** No more audio comes: ends the open utterance. Resolves behind the last event. */
  finish(): Promise<void>;
  /** Ends everything now, without a further event. */
  close(): void;
}

export interface SpeakingOptions {
  /** Catalogue id or alias; the default voice model where left out. */
  model?: string;
  voice?: string;
  /** BCP 47. */
  language?: string;
  speed: number;
  instructions?: string;
  /** Of the audio that comes out, in Hz. */
  sampleRate: number;
}

export type SpeakingEvent =
  /** A sentence is about to be heard. */
  | { type: 'sentence'; text: string }
  | { type: 'audio'; pcm: Float32Array }
  /** Everything up to a `flush` has been spoken. */
  | { type: 'flushed' };

/**
 * A session that speaks: text in pieces that may split words anywhere, audio as soon as a sentence is complete. The
 * iteration ends after `end`, throws SpeechError where the voice fails, and stops the work when it is left.
 */
export interface Speaking extends AsyncIterable<SpeakingEvent> {
  /** The voice, by its model's own id. */
  readonly voice: string;
  readonly model: string;
  /** Throws SpeechError `text_too_long` beyond the bound of text that waits. */
  append(text: string): void;
  /** Speaks what has come so far, whether or not it is a whole sentence. */
  flush(): void;
  /** Forgets text and audio that were not taken yet; the session goes on. */
  clear(): void;
  /** No more text comes. */
  end(): void;
}
