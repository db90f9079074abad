import { createHash } from 'node:crypto';
import { type ErrorCode, SpeechError } from '../errors.ts';
import type { Listening, ListeningEvent, ListeningOptions } from '../live/contract.ts';
import { hasManyValues } from '../security/json-values.ts';
import { Channel, type Punctuate } from './channel.ts';
import type { ListenParams } from './listen-params.ts';
import { type ModelInfo, metadata } from './messages.ts';
import { type DecodeLive, FoundSource, type Hearer, ReadSource, type SoundSource } from './sound-source.ts';
import { rawReader, type WireAudio } from './wire-audio.ts';

export interface ListenSessionDeps {
  openListening: (options: ListeningOptions, onEvent: (event: ListeningEvent) => void) => Promise<Listening>;
  decodeLive: DecodeLive;
  modelInfo: (id: string) => ModelInfo;
  /** For final words; undefined leaves them as they are. */
  punctuate?: Punctuate | undefined;
  requestId: string;
  /** Audio that may wait to be recognised, in ms. */
  backlogMs: number;
  /** Longest time without audio or a KeepAlive. */
  silentMs: number;
}

export interface ListenOut {
  send(message: object): void;
  /** The same for what is wrong, with our code for it. */
  sendError(message: object, code: string): void;
  close(code: number, reason?: string): void;
}

/** Shorter pauses than this fall inside words. */
const LEAST_SILENCE_MS = 200;
/** Where the client wants no ends told, the words still have to come some time. */
const QUIET_SILENCE_MS = 1000;
const VOICE = { threshold: 0.5, prefixMs: 300 } as const;

const CLOSE = { done: 1000, undecodable: 1008, silent: 1011, failed: 1011 } as const;
/** What is the client's own doing. */
const UNDECODABLE: ReadonlySet<ErrorCode> = new Set(['invalid_audio', 'unsupported_audio', 'audio_too_long']);
/** Somebody with so much audio before them, in ms, may be held back and unable to send. */
const BEHIND_MS = 1000;

/** One stream of `WS /v1/listen`: bytes and control messages in, Deepgram's messages out. */
export class ListenSession {
  readonly #deps: ListenSessionDeps;
  readonly #params: ListenParams;
  readonly #source: SoundSource;
  readonly #channels: Channel[] = [];
  readonly #created = new Date();
  readonly #hash = createHash('sha256');
  #model: ModelInfo | undefined;
  #out: ListenOut | undefined;
  #silent: NodeJS.Timeout | undefined;
  /** Nothing more is taken. */
  #ending = false;
  /** Nothing more is told. */
  #over = false;
  /** Set once the end was asked for: settles behind the last message. */
  #finished: Promise<void> | undefined;

  private constructor(deps: ListenSessionDeps, params: ListenParams) {
    this.#deps = deps;
    this.#params = params;
    const { audio, multichannel, bareOpus } = params;
    const hearer: Hearer = {
      prepare: (channels) => this.#addChannels(channels),
      hear: (sound) => this.#hear(sound),
      hasRoom: () => this.#heardMs < deps.backlogMs / (this.hearsSomebody ? 2 : 4),
      fail: (error) => this.#fail(error),
    };
    this.#source =
      audio === undefined
        ? new FoundSource({ decodeLive: deps.decodeLive, apart: multichannel, bareOpus }, hearer)
        : new ReadSource(rawReader(audio.encoding, audio.sampleRate, audio.channels, multichannel), hearer);
  }

  /** Errors are those of `openListening`. */
  static async open(deps: ListenSessionDeps, params: ListenParams): Promise<ListenSession> {
    const session = new ListenSession(deps, params);
    const count = params.multichannel ? (params.audio?.channels ?? 1) : 1;
    try {
      await session.#addChannels(count);
    } catch (error) {
      session.closed();
      throw error;
    }
    return session;
  }

  begin(out: ListenOut): void {
    this.#out = out;
    this.#watchSilence();
  }

  /** Audio that waits to be heard, in ms; where bytes come nearer to their bound than time does, as if that were time. */
  get backlogMs(): number {
    return Math.max(this.#source.waitingMs + this.#heardMs, this.#source.fullness * this.#deps.backlogMs);
  }

  /** Of it, what is sound already. */
  get #heardMs(): number {
    return Math.max(...this.#channels.map((channel) => channel.backlogMs));
  }

  get hearsSomebody(): boolean {
    return this.#channels.some((channel) => channel.openMs > 0);
  }

  binary(bytes: Buffer): void {
    if (this.#ending) return;
    this.#silent?.refresh();
    // The way to end a stream before there was a message for it.
    if (bytes.length === 0) {
      void this.#end();
      return;
    }
    this.#hash.update(bytes);
    try {
      this.#source.push(bytes);
    } catch (thrown) {
      this.#fail(SpeechError.from(thrown));
    }
  }

  text(message: string): void {
    if (this.#ending) return;
    const type = typeOf(message);
    switch (type) {
      case 'KeepAlive':
        this.#silent?.refresh();
        return;
      case 'Finalize':
        this.#finalize();
        return;
      case 'CloseStream':
        void this.#end();
        return;
      default:
        this.#tell(
          new SpeechError(
            'invalid_request',
            "A text message must be JSON with the type 'KeepAlive', 'Finalize' or 'CloseStream'; audio is sent as binary.",
          ),
        );
    }
  }

  /** Last results, then the facts of the stream; the socket stays open. */
  goodbye(): Promise<void> {
    this.#finished ??= this.#tellRest();
    return this.#finished;
  }

  async #tellRest(): Promise<void> {
    if (this.#ending) return;
    this.#ending = true;
    await this.#source.end();
    await Promise.all(this.#channels.map((channel) => channel.finish()));
    if (this.#over) return;
    this.#out!.send(
      metadata({
        requestId: this.#deps.requestId,
        sha256: this.#hash.copy().digest('hex'),
        created: this.#created,
        durationMs: this.#channels[0]!.audioMs,
        channels: this.#params.audio?.channels ?? this.#channels.length,
        model: this.#model!,
      }),
    );
  }

  closed(): void {
    clearTimeout(this.#silent);
    this.#ending = true;
    this.#over = true;
    this.#source.close();
    for (const channel of this.#channels) channel.close();
  }

  /** Too much at once is audio all the same: it is told, and the stream goes on. Every channel gets its part. */
  #hear({ channels, sampleRate }: WireAudio): void {
    let refused: SpeechError | undefined;
    for (const [index, pcm] of channels.entries()) {
      try {
        this.#channels[index]!.push(pcm, sampleRate);
      } catch (thrown) {
        refused = SpeechError.from(thrown);
        if (refused.code !== 'overloaded' && refused.code !== 'audio_too_long') throw refused;
      }
    }
    if (refused !== undefined) this.#tell(refused);
  }

  /** Until there are so many. */
  async #addChannels(count: number): Promise<void> {
    while (this.#channels.length < count && !this.#over) await this.#addChannel(this.#channels.length);
    for (const channel of this.#channels) channel.count = this.#channels.length;
  }

  async #addChannel(index: number): Promise<void> {
    const { endpointingMs, model, language, interimResults } = this.#params;
    let channel: Channel | undefined;
    const listening = await this.#deps.openListening(
      {
        ...(model === undefined ? {} : { model }),
        ...(language === undefined ? {} : { language }),
        words: true,
        partials: interimResults,
        turns: {
          kind: 'voice',
          ...VOICE,
          silenceMs: endpointingMs === undefined ? QUIET_SILENCE_MS : Math.max(LEAST_SILENCE_MS, endpointingMs),
        },
      },
      (event) => channel!.hear(event),
    );
    this.#model = this.#deps.modelInfo(listening.model);
    channel = new Channel({
      params: this.#params,
      index,
      requestId: this.#deps.requestId,
      model: this.#model,
      send: (message) => this.#out?.send(message),
      punctuate: this.#deps.punctuate,
      fail: (error) => this.#tell(error),
    });
    channel.begin(listening);
    this.#channels.push(channel);
    if (this.#over) channel.close();
  }

  #finalize(): void {
    try {
      this.#source.afterwards(() => {
        for (const channel of this.#channels) channel.finalize();
      });
    } catch (thrown) {
      this.#fail(SpeechError.from(thrown));
    }
  }

  async #end(): Promise<void> {
    if (this.#ending) return;
    this.#finished = this.#tellRest().then(() => this.#close(CLOSE.done));
    await this.#finished;
  }

  #watchSilence(): void {
    this.#silent = setTimeout(() => this.#endSilent(), this.#deps.silentMs);
  }

  #endSilent(): void {
    if (this.#ending) return;
    if (this.backlogMs >= BEHIND_MS) this.#watchSilence();
    else this.#close(CLOSE.silent, 'NET-0001: No audio and no KeepAlive came for too long.');
  }

  #fail(error: SpeechError): void {
    if (this.#over) return;
    this.#tell(error);
    if (UNDECODABLE.has(error.code)) {
      this.#close(CLOSE.undecodable, 'DATA-0000: The payload cannot be decoded as audio.');
    } else this.#close(CLOSE.failed, `NET-0000: ${error.message}`);
  }

  #close(code: number, reason?: string): void {
    if (this.#over) return;
    this.#over = true;
    this.#ending = true;
    this.#source.close();
    this.#out!.close(code, reason);
  }

  #tell({ code, message }: SpeechError): void {
    this.#out?.sendError({ type: 'Error', description: message, message, variant: code }, code);
  }
}

function typeOf(message: string): unknown {
  if (hasManyValues(message)) return undefined;
  try {
    return (JSON.parse(message) as { type?: unknown } | null)?.type;
  } catch {
    return undefined;
  }
}
