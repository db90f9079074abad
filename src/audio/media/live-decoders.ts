import { SpeechError, shuttingDown } from '../../errors.ts';
import type { LiveDecodeOptions, LiveDecoding } from '../contract.ts';
import { LiveDecoder, type LiveDecoderOptions } from './live-decoder.ts';

export interface LiveDecodersOptions extends LiveDecoderOptions {
  /** Most streams at once, each in a process of its own; of one caller, half as many. */
  streams: number;
}

/** The decoders of live streams: a process starts with its stream, and nobody's stream harms another's. */
export class LiveDecoders {
  readonly #options: LiveDecodersOptions;
  /** With those whose process is only about to go, and whose they are. */
  readonly #all = new Map<LiveDecoder, string>();
  #closed = false;

  constructor(options: LiveDecodersOptions) {
    this.#options = options;
  }

  get pids(): number[] {
    return [...this.#all.keys()].flatMap(({ pid }) => (pid === undefined ? [] : [pid]));
  }

  open(wanted: LiveDecodeOptions): LiveDecoding {
    if (this.#closed) throw shuttingDown();
    const { streams } = this.#options;
    if (this.#all.size >= streams) {
      throw new SpeechError('overloaded', 'Too many compressed streams are being decoded.', { retryAfterMs: 5000 });
    }
    const share = Math.ceil(streams / 2);
    if ([...this.#all.values()].filter((caller) => caller === wanted.caller).length >= share) {
      throw new SpeechError('rate_limit_exceeded', `This key may have ${share} compressed streams decoded at once.`);
    }
    const decoder = new LiveDecoder(wanted, this.#options);
    this.#all.set(decoder, wanted.caller);
    void decoder.exited.then(() => this.#all.delete(decoder));
    return decoder;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all(
      [...this.#all.keys()].map((decoder) => {
        decoder.close();
        return decoder.exited;
      }),
    );
  }
}
