import { RateConverter } from '../audio/rate-converter.ts';
import { MAX_SAMPLE_RATE, MIN_SAMPLE_RATE } from '../audio/resample.ts';
import { abortError, SpeechError } from '../errors.ts';
import type { Names } from '../models/names.ts';
import { checkAbilities, FIRST_PIECE_CHARS, languageOf } from '../speech/speak.ts';
import { type Sentence, SentenceStream } from '../speech/text/sentences.ts';
import type { LiveCaller, Speaking, SpeakingEvent, SpeakingOptions } from './contract.ts';
import { type SpokenDeps, type SpokenOptions, type SpokenSentence, speakSentence } from './spoken-sentences.ts';

export interface SpeakingDeps extends SpokenDeps {
  names: Names;
}

/**
 * Opens a session that speaks. Errors: `model_not_found`, `model_unavailable`, `voice_not_found`, `unsupported_value`
 * for the sample rate, and `unsupported_by_model` for what the voice cannot do.
 */
export function openSpeaking(deps: SpeakingDeps, options: SpeakingOptions, caller: LiveCaller): Speaking {
  const { speed, instructions, language, sampleRate } = options;
  if (!Number.isInteger(sampleRate) || sampleRate < MIN_SAMPLE_RATE || sampleRate > MAX_SAMPLE_RATE) {
    throw new SpeechError(
      'unsupported_value',
      `The sample rate has to be a whole number from ${MIN_SAMPLE_RATE} to ${MAX_SAMPLE_RATE} Hz.`,
      { param: 'sample_rate' },
    );
  }
  const model = deps.names.model('tts', options.model, language);
  checkAbilities({ model, speed, instructions }, model.capabilities.speak!);
  const voice = deps.names.voice(model, options.voice, language);
  return new SpeakingSession(deps, { model, voice, language, speed, instructions }, sampleRate, caller);
}

/** What is to be spoken or told, in order. Flushes with nothing between them are one item, so that many take no room. */
type Item = { type: 'sentence'; sentence: Sentence; before: Sentence | undefined } | { type: 'flushed'; times: number };

class SpeakingSession implements Speaking {
  readonly #deps: SpeakingDeps;
  readonly #options: SpokenOptions;
  readonly #sampleRate: number;
  readonly #caller: LiveCaller;
  #sentences: SentenceStream;
  /** Characters that the stream of sentences was given, and that it gave back. */
  #taken = 0;
  #given = 0;
  #items: Item[] = [];
  /** Characters of the sentences among them. */
  #queuedChars = 0;
  #last: Sentence | undefined;
  /** What is being spoken ahead: the sentence of the first item. */
  #ahead: { item: Item; spoken: SpokenSentence | undefined } | undefined;
  /** Ends what is spoken now; another one begins with `clear`. */
  #stop = new AbortController();
  #converter: RateConverter;
  #wake = Promise.withResolvers<void>();
  #ended = false;

  constructor(deps: SpeakingDeps, options: SpokenOptions, sampleRate: number, caller: LiveCaller) {
    this.#deps = deps;
    this.#options = options;
    this.#sampleRate = sampleRate;
    this.#caller = caller;
    this.#sentences = this.#newSentences();
    this.#converter = new RateConverter(sampleRate);
  }

  get model(): string {
    return this.#options.model.manifest.id;
  }

  get voice(): string {
    return this.#options.voice;
  }

  append(text: string): void {
    if (this.#ended) return;
    const limit = this.#deps.settings.limits.liveTextChars;
    if (this.#waitingChars() + text.length > limit) {
      throw new SpeechError('text_too_long', `At most ${limit} characters can wait to be spoken.`, { param: 'text' });
    }
    this.#taken += text.length;
    this.#add(this.#sentences.push(text));
  }

  flush(): void {
    if (this.#ended) return;
    this.#finishText();
    const last = this.#items.at(-1);
    if (last?.type === 'flushed') last.times++;
    else this.#items.push({ type: 'flushed', times: 1 });
    this.#wake.resolve();
  }

  clear(): void {
    this.#items = [];
    this.#queuedChars = 0;
    this.#last = undefined;
    this.#beginText();
    this.#converter = new RateConverter(this.#sampleRate);
    this.#dropAhead();
    this.#stop.abort(new SpeechError('cancelled', 'The speech was cleared.'));
    this.#stop = new AbortController();
  }

  end(): void {
    if (this.#ended) return;
    this.#finishText();
    this.#ended = true;
    this.#wake.resolve();
  }

  [Symbol.asyncIterator](): AsyncIterator<SpeakingEvent> {
    const events = this.#events();
    return {
      next: () => events.next(),
      return: () => {
        // Also ends a `next` that waits for the voice or for text.
        this.#ended = true;
        this.clear();
        this.#wake.resolve();
        return events.return(undefined);
      },
    };
  }

  async *#events(): AsyncGenerator<SpeakingEvent, undefined> {
    const { signal } = this.#caller;
    const onAbort = () => this.#wake.resolve();
    signal.addEventListener('abort', onAbort, { once: true });
    this.#deps.metrics.liveSessionOpened('speaking');
    try {
      for (;;) {
        if (signal.aborted) throw abortError(signal);
        const item = this.#items[0];
        // Nothing follows for now that the filter would join with what it holds.
        const rest = item?.type === 'sentence' ? undefined : this.#converter.flush();
        if (rest !== undefined && rest.length > 0) {
          yield { type: 'audio', pcm: rest };
        } else if (item === undefined) {
          if (this.#ended) return undefined;
          await this.#wake.promise;
          this.#wake = Promise.withResolvers();
        } else if (item.type === 'flushed') {
          if (--item.times === 0) this.#items.shift();
          yield { type: 'flushed' };
        } else {
          yield* this.#speak(item);
        }
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#deps.metrics.liveSessionClosed('speaking');
      this.#ended = true;
      this.clear();
    }
  }

  async *#speak(item: Item): AsyncGenerator<SpeakingEvent> {
    const stop = this.#stop;
    const spoken = this.#ahead?.item === item ? this.#ahead.spoken : this.#start(item);
    this.#ahead = undefined;
    try {
      if (spoken === undefined) return;
      await spoken.begun;
      if (stop.signal.aborted) return;
      yield { type: 'sentence', text: spoken.text };
      for await (const chunk of spoken.chunks) {
        if (stop.signal.aborted) return;
        this.#lookAhead();
        const pcm = this.#converter.push(chunk);
        if (pcm.length > 0) yield { type: 'audio', pcm };
        if (stop.signal.aborted) return;
      }
    } catch (error) {
      // What was cleared may end as it likes; what the caller ended, and what failed, is told.
      if (!stop.signal.aborted || this.#caller.signal.aborted) throw error;
    } finally {
      if (this.#items[0] === item) {
        this.#items.shift();
        if (item.type === 'sentence') this.#queuedChars -= item.sentence.text.length;
      }
      await spoken?.chunks.return().catch(() => {});
    }
  }

  /** Begins to speak the sentence after the current one, once that is being heard. */
  #lookAhead(): void {
    const item = this.#items[1];
    if (this.#ahead !== undefined || item?.type !== 'sentence') return;
    this.#ahead = { item, spoken: this.#start(item) };
  }

  #start(item: Item): SpokenSentence | undefined {
    if (item.type !== 'sentence') return undefined;
    const signal = AbortSignal.any([this.#caller.signal, this.#stop.signal]);
    return speakSentence(this.#deps, this.#options, item.sentence, item.before, { ...this.#caller, signal });
  }

  #dropAhead(): void {
    this.#ahead?.spoken?.chunks.return().catch(() => {});
    this.#ahead = undefined;
  }

  #add(sentences: readonly Sentence[]): void {
    for (const sentence of sentences) {
      this.#items.push({ type: 'sentence', sentence, before: this.#last });
      this.#queuedChars += sentence.text.length;
      this.#last = sentence;
      this.#given = sentence.to;
    }
    if (sentences.length > 0) this.#wake.resolve();
  }

  /** What comes now is all there is: what follows begins anew. */
  #finishText(): void {
    this.#add(this.#sentences.flush());
    this.#beginText();
  }

  #beginText(): void {
    this.#sentences = this.#newSentences();
    this.#taken = 0;
    this.#given = 0;
  }

  #waitingChars(): number {
    return this.#queuedChars + this.#taken - this.#given;
  }

  #newSentences(): SentenceStream {
    const { model, voice, language } = this.#options;
    return new SentenceStream({
      maxChars: this.#deps.settings.limits.sentenceChars,
      firstMaxChars: FIRST_PIECE_CHARS,
      language: language ?? languageOf(model.capabilities.speak!, voice),
    });
  }
}
