import { SpeechError } from '../../errors.ts';
import type { AudioInput } from '../contract.ts';
import { INPUT_BEHIND_BYTES, INPUT_WINDOW_BYTES, inputSize } from './messages.ts';

/** One second: what is sent at once of what waits, so that a thousand pieces of a millisecond are one message. */
const MOST_SAMPLES = 16_000;

export interface InputPumpOptions {
  input: AudioInput;
  /** Resolves when the piece has left this process. */
  send: (pcm: Float32Array) => Promise<void>;
  /** All was sent. */
  end: () => void;
  /** The input failed, or the engine is too far behind it: `overloaded`. */
  fail: (error: SpeechError) => void;
}

/**
 * Carries a call's audio to its engine process. It reads what comes at once, because live audio cannot be told to
 * wait, and sends as much as the process may hold.
 */
export class InputPump {
  #options: InputPumpOptions;
  #iterator: AsyncIterator<Float32Array>;
  #waiting: Float32Array[] = [];
  #waitingBytes = 0;
  /** Bytes that were sent and not taken yet. */
  #sent = 0;
  #sending = false;
  /** The input has nothing more to say. */
  #ended = false;
  #stopped = false;

  constructor(options: InputPumpOptions) {
    this.#options = options;
    this.#iterator = options.input[Symbol.asyncIterator]();
    void this.#read();
  }

  /** The engine has taken this much of what was sent. */
  taken(bytes: number): void {
    this.#sent -= bytes;
    void this.#send();
  }

  /** The call has ended. */
  stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#waiting = [];
    if (this.#ended) return;
    this.#ended = true;
    // Whatever the source makes of it, the call has its answer, or its own error.
    void (async () => await this.#iterator.return?.())().catch(() => {});
  }

  async #read(): Promise<void> {
    try {
      for (let piece = await this.#next(); piece !== undefined; piece = await this.#next()) {
        if (this.#stopped) return;
        if (piece.length === 0) continue;
        this.#waiting.push(piece);
        this.#waitingBytes += inputSize(piece);
        if (this.#waitingBytes + this.#sent > INPUT_BEHIND_BYTES) {
          throw new SpeechError('overloaded', 'The recogniser is too slow for this audio.');
        }
        void this.#send();
      }
      void this.#send();
    } catch (thrown) {
      if (this.#stopped) return;
      this.stop();
      this.#options.fail(SpeechError.from(thrown));
    }
  }

  async #next(): Promise<Float32Array | undefined> {
    try {
      const step = await this.#iterator.next();
      if (!step.done) return step.value;
    } catch (thrown) {
      this.#ended = true;
      throw thrown;
    }
    this.#ended = true;
    return undefined;
  }

  /** One message at a time; what comes meanwhile goes with the next. */
  async #send(): Promise<void> {
    if (this.#sending) return;
    this.#sending = true;
    while (this.#waiting.length > 0 && this.#sent < INPUT_WINDOW_BYTES) {
      const pcm = this.#take();
      this.#sent += inputSize(pcm);
      await this.#options.send(pcm);
    }
    this.#sending = false;
    if (!this.#ended || this.#stopped || this.#waiting.length > 0) return;
    this.#stopped = true;
    this.#options.end();
  }

  /** The next second of what waits, or all where that is less. */
  #take(): Float32Array {
    const parts: Float32Array[] = [];
    let length = 0;
    while (length < MOST_SAMPLES && this.#waiting.length > 0) {
      const next = this.#waiting.shift()!;
      const part = next.subarray(0, MOST_SAMPLES - length);
      this.#waitingBytes -= inputSize(next);
      if (part.length < next.length) {
        const rest = next.subarray(part.length);
        this.#waiting.unshift(rest);
        this.#waitingBytes += inputSize(rest);
      }
      parts.push(part);
      length += part.length;
    }
    if (parts.length === 1) return parts[0]!;
    const joined = new Float32Array(length);
    let at = 0;
    for (const part of parts) {
      joined.set(part, at);
      at += part.length;
    }
    return joined;
  }
}
