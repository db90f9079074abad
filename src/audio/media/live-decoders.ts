import { SpeechError, shuttingDown } from '../../errors.ts';
import type { LiveDecodeOptions, LiveDecoding } from '../contract.ts';
import { LiveDecoder, type LiveDecoderOptions } from './live-decoder.ts';

export interface LiveDecodersOptions extends LiveDecoderOptions {
  /** Most streams at once, each in a process of its own; more are refused with `overloaded`. */
  streams: number;
}

/** The decoders of live streams: a process starts with its stream, and nobody's stream harms another's. */
export class LiveDecoders {
  readonly #options: LiveDecodersOptions;
  /** With those whose process is only about to go. */
  readonly #all = new Set<LiveDecoder>();
  #closed = false;

  constructor(options: LiveDecodersOptions) {
    this.#options = options;
  }

  get pids(): number[] {
    return [...this.#all].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  open(wanted: LiveDecodeOptions): LiveDecoding {
    if (this.#closed) throw shuttingDown();
    if (this.#all.size >= this.#options.streams) {
      throw new SpeechError('overloaded', 'Too many compressed streams are being decoded.', { retryAfterMs: 5000 });
    }
    const decoder = new LiveDecoder(wanted, this.#options);
    this.#all.add(decoder);
    void decoder.exited.then(() => this.#all.delete(decoder));
    return decoder;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#all].map((decoder) => {
        decoder.close();
        return decoder.exited;
      }),
    );
  }
}
