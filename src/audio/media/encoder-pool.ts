import { SpeechError, shuttingDown } from '../../errors.ts';
import { type AudioSink, Encoder } from './encoder.ts';
import type { CompressedFormat } from './stream-encoder.ts';

/** Native libraries keep a little of every stream: a new process takes over before that adds up. */
const MAX_STREAMS_EVER = 5000;

export interface EncoderPoolOptions {
  memoryBytes: number;
  /** Most streams at once; more are refused with `overloaded`. */
  streams: number;
}

/** The encoder process: started when it is first needed, replaced when it dies or has grown old. */
export class EncoderPool {
  #options: EncoderPoolOptions;
  #current: Encoder | undefined;
  /** With those that only finish their streams. */
  #all = new Set<Encoder>();
  #closed = false;

  constructor(options: EncoderPoolOptions) {
    this.#options = options;
  }

  get pids(): number[] {
    return [...this.#all].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  async open(format: CompressedFormat, sampleRate: number): Promise<AudioSink> {
    let streams = 0;
    for (const encoder of this.#all) streams += encoder.streams;
    if (streams >= this.#options.streams) {
      throw new SpeechError('overloaded', 'Too much audio is being encoded.', { retryAfterMs: 5000 });
    }
    const encoder = this.#youngEncoder();
    try {
      await encoder.ready;
    } catch (cause) {
      const detail = cause instanceof SpeechError ? cause.detail : String(cause);
      throw new SpeechError('engine_failed', 'The audio encoder could not start.', { cause, detail });
    }
    return encoder.open(format, sampleRate);
  }

  /** Starts the process, so that the first stream need not wait for it. */
  warm(): void {
    if (!this.#closed) this.#youngEncoder();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#all].map((encoder) => encoder.stop(shuttingDown())));
  }

  #youngEncoder(): Encoder {
    if (this.#closed) throw shuttingDown();
    const current = this.#current;
    if (current?.alive && current.opened < MAX_STREAMS_EVER) return current;
    const encoder = new Encoder(this.#options.memoryBytes);
    this.#current = encoder;
    this.#all.add(encoder);
    void encoder.exited.then(() => this.#all.delete(encoder));
    encoder.onIdle = () => this.#retire(encoder);
    if (current !== undefined) this.#retire(current);
    return encoder;
  }

  /** The current one stays; one that was replaced goes with its last stream. */
  #retire(encoder: Encoder): void {
    if (encoder !== this.#current && encoder.alive && encoder.streams === 0) void encoder.stop(shuttingDown());
  }
}
