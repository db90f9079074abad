import type { SpeechError } from '../errors.ts';
import type { Listening, ListeningEvent } from '../live/contract.ts';
import type { ListenParams } from './listen-params.ts';
import { MessageQueue } from './message-queue.ts';
import { type HeardPart, type ModelInfo, results, seconds } from './messages.ts';

/** Puts marks into a text; gives it back as it is where that cannot be done in time. Never rejects. */
export type Punctuate = (text: string) => Promise<string>;

export interface ChannelOptions {
  params: Pick<ListenParams, 'interimResults' | 'endpointingMs' | 'utteranceEndMs' | 'vadEvents'>;
  /** Counts from 0. */
  index: number;
  requestId: string;
  model: ModelInfo;
  send: (message: object) => void;
  /** For final words; undefined leaves them as they are. */
  punctuate?: Punctuate | undefined;
  /** Tells of an error. */
  fail: (error: SpeechError) => void;
}

/** One channel of a stream: what is heard becomes Deepgram's messages. */
export class Channel {
  /** How many there are. */
  count = 1;
  readonly #options: ChannelOptions;
  readonly #messages: MessageQueue;
  #listening: Listening | undefined;
  /** Utterances that began and whose words are still to come. */
  #pending = new Set<number>();
  /** The utterance whose words answer a Finalize. */
  #finalizing: number | undefined;
  /** The end of the last word, while nobody has been told of the gap behind it. */
  #lastWordMs: number | undefined;
  #gap: NodeJS.Timeout | undefined;
  /** Samples of the stream that were not taken. */
  #missed = 0;

  constructor(options: ChannelOptions) {
    this.#options = options;
    this.#messages = new MessageQueue(options.send);
  }

  begin(listening: Listening): void {
    this.#listening = listening;
  }

  /**
   * Errors are those of `Listening.push`. What could not be taken is silence for whoever listens, so that times stay those
   * of the stream, and channels stay together.
   */
  push(pcm: Float32Array, sampleRate: number): void {
    this.#missed += pcm.length;
    while (this.#missed > pcm.length) {
      const silence = new Float32Array(Math.min(sampleRate, this.#missed - pcm.length));
      this.#listening!.push({ pcm: silence, sampleRate });
      this.#missed -= silence.length;
    }
    this.#listening!.push({ pcm, sampleRate });
    this.#missed = 0;
    this.#tellGap();
  }

  /** Answers always: with the words that were being said, or with none. */
  finalize(): void {
    const committed = this.#listening!.commit() ?? Math.max(0, ...this.#pending);
    if (committed > 0 && this.#pending.has(committed)) this.#finalizing = committed;
    else {
      const atMs = this.#listening!.audioMs;
      this.#results(
        { text: '', startMs: atMs, endMs: atMs },
        { isFinal: true, speechFinal: false, fromFinalize: true },
      );
    }
  }

  async finish(): Promise<void> {
    await this.#listening!.finish();
    clearTimeout(this.#gap);
    await this.#messages.sent();
  }

  close(): void {
    clearTimeout(this.#gap);
    this.#listening?.close();
  }

  get audioMs(): number {
    return this.#listening?.audioMs ?? 0;
  }

  get openMs(): number {
    return this.#listening?.openMs ?? 0;
  }

  get backlogMs(): number {
    return this.#listening?.backlogMs ?? 0;
  }

  hear(event: ListeningEvent): void {
    const { params, fail } = this.#options;
    switch (event.type) {
      case 'speech-started':
        this.#pending.add(event.utterance);
        this.#lastWordMs = undefined;
        if (params.vadEvents) {
          this.#messages.add({ type: 'SpeechStarted', channel: this.#index, timestamp: seconds(event.atMs) });
        }
        return;
      case 'partial':
        if (params.interimResults) this.#results(event, { isFinal: false, speechFinal: false });
        return;
      case 'final': {
        this.#pending.delete(event.utterance);
        const fromFinalize = this.#settleFinalize(event.utterance);
        // Silence is nobody's result, unless somebody asked.
        if (event.text === '' && !fromFinalize) return;
        const speechFinal = params.endpointingMs !== undefined && !event.continues && !fromFinalize;
        this.#results(event, { isFinal: true, speechFinal, ...(fromFinalize ? { fromFinalize } : {}) });
        this.#lastWordMs = event.text === '' ? undefined : (event.words?.at(-1)?.endMs ?? event.endMs);
        this.#waitForGap();
        return;
      }
      case 'failed': {
        this.#pending.delete(event.utterance);
        fail(event.error);
        if (this.#settleFinalize(event.utterance)) this.finalize();
        return;
      }
      case 'speech-stopped':
      case 'idle':
    }
  }

  get #index(): readonly [number, number] {
    return [this.#options.index, this.count];
  }

  #settleFinalize(utterance: number): boolean {
    if (this.#finalizing !== utterance) return false;
    this.#finalizing = undefined;
    return true;
  }

  #results(heard: HeardPart, kind: { isFinal: boolean; speechFinal: boolean; fromFinalize?: boolean }): void {
    const { requestId, model, punctuate } = this.#options;
    const message = (text: string): object =>
      results({ ...heard, text }, { channel: this.#index, requestId, model, ...kind });
    const marked = kind.isFinal && heard.text !== '' && punctuate !== undefined;
    this.#messages.add(marked ? punctuate(heard.text).then(message) : message(heard.text));
  }

  /** Whoever stops sending audio is told of the gap by the clock. */
  #waitForGap(): void {
    const { utteranceEndMs } = this.#options.params;
    clearTimeout(this.#gap);
    this.#tellGap();
    if (utteranceEndMs === undefined || this.#lastWordMs === undefined) return;
    const waitMs = this.#lastWordMs + utteranceEndMs - this.audioMs;
    this.#gap = setTimeout(() => this.#tellGap(true), Math.max(1, waitMs));
  }

  #tellGap(waited = false): void {
    const { utteranceEndMs } = this.#options.params;
    if (this.#lastWordMs === undefined || utteranceEndMs === undefined || this.#pending.size > 0) return;
    if (!waited && this.audioMs < this.#lastWordMs + utteranceEndMs) return;
    clearTimeout(this.#gap);
    this.#messages.add({ type: 'UtteranceEnd', channel: this.#index, last_word_end: seconds(this.#lastWordMs) });
    this.#lastWordMs = undefined;
  }
}
