import type { LiveDecodeOptions, LiveDecoding } from '../audio/contract.ts';
import { sniffStart } from '../audio/sniff-start.ts';
import { SpeechError } from '../errors.ts';
import { type WireAudio, type WireReader, wavReader } from './wire-audio.ts';

/** How often a listener that is behind is looked at again, in ms. */
const LOOK_MS = 50;
/** Until a stream has shown how much sound its bytes hold: as much as Opus of 32 kbit/s. */
const USUAL_MS_PER_BYTE = 1 / 4;
const DECODED_RATE = 16_000;
/** Nobody has reason to ask for so many answers before the first. */
const MAX_ACTIONS = 1000;

/** Where the bytes of a stream become sound. */
export interface SoundSource {
  /** Audio that was pushed and is not heard yet, in ms, as far as one can tell. */
  readonly waitingMs: number;
  /** Of the bytes that may wait to become sound, how many do: 0 to 1. */
  readonly fullness: number;
  /** SpeechError for what is no audio, or where it cannot be decoded now. */
  push(bytes: Buffer): void;
  /** Does this when everything that was pushed before has been heard. SpeechError `overloaded` where too much waits. */
  afterwards(action: () => void): void;
  /** No more bytes come. Resolves when all has been heard, or never can be. */
  end(): Promise<void>;
  close(): void;
}

/** Takes the sound of a stream. */
export interface Hearer {
  /** Gets ready for so many channels, where there are more than it knows. */
  prepare(channels: number): Promise<void>;
  hear(audio: WireAudio): void;
  /** False while it is too far behind. */
  hasRoom(): boolean;
  /** The stream cannot go on. */
  fail(error: SpeechError): void;
}

/** Bytes that are sound at once: raw PCM, or a WAV file. */
export class ReadSource implements SoundSource {
  readonly waitingMs = 0;
  readonly fullness = 0;
  readonly #reader: WireReader;
  readonly #hearer: Hearer;

  constructor(reader: WireReader, hearer: Hearer) {
    this.#reader = reader;
    this.#hearer = hearer;
  }

  push(bytes: Buffer): void {
    const audio = this.#reader.read(bytes);
    if (audio !== undefined) this.#hearer.hear(audio);
  }

  afterwards(action: () => void): void {
    action();
  }

  async end(): Promise<void> {}

  close(): void {}
}

/** Opens a decoder for whoever sends the stream. */
export type DecodeLive = (options: Omit<LiveDecodeOptions, 'caller'>) => LiveDecoding;

export interface FoundSourceOptions {
  decodeLive: DecodeLive;
  apart: boolean;
  /** What is in no container is Opus, one packet in each message. */
  bareOpus: boolean;
}

/** Bytes that say themselves what they are, by how they begin. */
export class FoundSource implements SoundSource {
  readonly #options: FoundSourceOptions;
  readonly #hearer: Hearer;
  #start: Buffer = Buffer.alloc(0);
  #source: SoundSource | undefined;

  constructor(options: FoundSourceOptions, hearer: Hearer) {
    this.#options = options;
    this.#hearer = hearer;
  }

  get waitingMs(): number {
    return this.#source?.waitingMs ?? 0;
  }

  get fullness(): number {
    return this.#source?.fullness ?? 0;
  }

  push(bytes: Buffer): void {
    if (this.#source === undefined) {
      const start = this.#start.length === 0 ? bytes : Buffer.concat([this.#start, bytes]);
      this.#source = this.#find(start);
      this.#start = start;
      if (this.#source === undefined) return;
      this.#start = Buffer.alloc(0);
      this.#source.push(start);
    } else this.#source.push(bytes);
  }

  afterwards(action: () => void): void {
    if (this.#source === undefined) action();
    else this.#source.afterwards(action);
  }

  async end(): Promise<void> {
    await this.#source?.end();
  }

  close(): void {
    this.#source?.close();
  }

  #find(start: Buffer): SoundSource | undefined {
    const { decodeLive, apart, bareOpus } = this.#options;
    const container = sniffStart(start, bareOpus);
    if (container === undefined) return undefined;
    if (container === 'wav') return new ReadSource(wavReader(), this.#hearer);
    return new DecodedSource(decodeLive({ container, apart }), this.#hearer);
  }
}

/** Compressed bytes on their way through a decoder. */
class DecodedSource implements SoundSource {
  readonly #decoding: LiveDecoding;
  readonly #hearer: Hearer;
  readonly #finished: Promise<void>;
  /** What waits for the marks that the decoder was given. */
  #actions: (() => void)[] = [];
  #pushedBytes = 0;
  #heardMs = 0;
  #over = false;

  constructor(decoding: LiveDecoding, hearer: Hearer) {
    this.#decoding = decoding;
    this.#hearer = hearer;
    this.#finished = this.#run();
  }

  get waitingMs(): number {
    const waiting = this.#decoding.waitingBytes;
    const used = this.#pushedBytes - waiting;
    return waiting * (this.#heardMs === 0 ? USUAL_MS_PER_BYTE : this.#heardMs / used);
  }

  get fullness(): number {
    return this.#decoding.fullness;
  }

  push(bytes: Buffer): void {
    this.#decoding.push(bytes);
    this.#pushedBytes += bytes.length;
  }

  afterwards(action: () => void): void {
    if (this.#over) {
      action();
      return;
    }
    if (this.#actions.length >= MAX_ACTIONS) {
      throw new SpeechError('overloaded', 'Too many requests wait for audio that is still being decoded.');
    }
    this.#actions.push(action);
    this.#decoding.mark();
  }

  end(): Promise<void> {
    this.#decoding.end();
    return this.#finished;
  }

  close(): void {
    this.#over = true;
    this.#actions = [];
    this.#decoding.close();
  }

  async #run(): Promise<void> {
    try {
      for await (const { channels, marked } of this.#decoding) {
        while (!this.#over && !this.#hearer.hasRoom()) await aMoment();
        if (channels.length > 0 && !this.#over) await this.#hear(channels);
        if (marked && !this.#over) this.#actions.shift()?.();
      }
      const left = this.#actions;
      this.close();
      for (const action of left) action();
    } catch (thrown) {
      const wanted = !this.#over;
      this.close();
      if (wanted) this.#hearer.fail(SpeechError.from(thrown));
    }
  }

  async #hear(channels: Float32Array[]): Promise<void> {
    await this.#hearer.prepare(channels.length);
    if (this.#over) return;
    this.#heardMs += (channels[0]!.length * 1000) / DECODED_RATE;
    this.#hearer.hear({ channels, sampleRate: DECODED_RATE });
  }
}

function aMoment(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, LOOK_MS));
}
