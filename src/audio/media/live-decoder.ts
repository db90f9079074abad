import { resolve } from 'node:path';
import { SpeechError } from '../../errors.ts';
import { Child } from '../../processes/child.ts';
import type { LiveDecodeOptions, LiveDecoding, LiveSound } from '../contract.ts';
import { foreignError } from './foreign-error.ts';
import type { FromLiveDecoder, ToLiveDecoder } from './messages.ts';
import { SLICE_SAMPLES } from './sound-outlet.ts';

const MODULE = resolve(import.meta.dirname, 'live-decoder.child.ts');
const READY_TIMEOUT_MS = 30_000;
const SAMPLES_PER_MS = 16;
const MAX_CHANNELS = 8;

export interface LiveDecoderOptions {
  memoryBytes: number;
  /** Compressed bytes that may wait. */
  waitingBytes: number;
  /** How much longer than the time since it began the sound of a stream may be, in ms. */
  aheadMs: number;
  /** A piece takes milliseconds; without progress for so long it never ends. */
  stallMs: number;
}

/** One live stream on its way through a process of its own. */
export class LiveDecoder implements LiveDecoding {
  /** Resolves when its process is gone. */
  readonly exited: Promise<unknown>;
  waitingBytes = 0;
  readonly #options: LiveDecoderOptions;
  readonly #child: Child;
  readonly #openedAt = performance.now();
  #marks = 0;
  #ending = false;
  #samples = 0;
  #asked: PromiseWithResolvers<LiveSound | undefined> | undefined;
  /** No more sound comes, and why where that is an error. */
  #outcome: { error?: SpeechError } | undefined;
  #stall: NodeJS.Timeout | undefined;

  constructor({ container, apart }: LiveDecodeOptions, options: LiveDecoderOptions) {
    this.#options = options;
    this.#child = new Child({
      module: MODULE,
      name: 'live audio decoder',
      readable: [],
      memoryBytes: options.memoryBytes,
      readyTimeoutMs: READY_TIMEOUT_MS,
      init: { container, apart },
      onMessage: (message) => this.#receive(message as Partial<FromLiveDecoder> | null),
    });
    this.exited = this.#child.exited.then(({ reason, stderr }) => this.#settle(failed(`${reason}; stderr: ${stderr}`)));
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get fullness(): number {
    return this.waitingBytes / this.#options.waitingBytes;
  }

  push(bytes: Uint8Array): void {
    if (this.#outcome !== undefined) return;
    if (this.waitingBytes + bytes.length > this.#options.waitingBytes) {
      throw new SpeechError('overloaded', 'The audio comes faster than it can be decoded.', { retryAfterMs: 1000 });
    }
    this.waitingBytes += bytes.length;
    this.#send({ kind: 'bytes', bytes });
  }

  mark(): void {
    if (this.#outcome !== undefined) return;
    this.#marks++;
    this.#send({ kind: 'mark' });
  }

  end(): void {
    this.#ending = true;
    this.#send({ kind: 'end' });
  }

  close(): void {
    this.#settle();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<LiveSound> {
    try {
      for (;;) {
        const sound = await this.#ask();
        if (sound === undefined) return;
        if (sound.channels.length > 0 || sound.marked) yield sound;
      }
    } finally {
      this.close();
    }
  }

  async #ask(): Promise<LiveSound | undefined> {
    if (this.#outcome?.error !== undefined) throw this.#outcome.error;
    if (this.#outcome !== undefined) return undefined;
    this.#asked = Promise.withResolvers();
    this.#send({ kind: 'more' });
    return await this.#asked.promise;
  }

  #send(message: ToLiveDecoder): void {
    if (this.#outcome !== undefined) return;
    void this.#child.send(message);
    const busy = this.waitingBytes > 0 || this.#marks > 0 || this.#ending;
    if (this.#asked === undefined || !busy) return;
    this.#stall ??= setTimeout(() => {
      this.#settle(new SpeechError('deadline_exceeded', 'Decoding the audio makes no progress.'));
    }, this.#options.stallMs);
  }

  /** A decoder that a hostile stream has taken over may send anything. */
  #receive(message: Partial<FromLiveDecoder> | null): void {
    const asked = this.#asked;
    if (this.#outcome !== undefined) return;
    if (asked !== undefined && message?.kind === 'end') {
      this.#settle(message.error === undefined ? undefined : foreignError(message.error, failed));
      return;
    }
    const sound = message?.kind === 'sound' ? this.#readSound(message) : undefined;
    if (asked === undefined || sound === undefined) {
      this.#settle(failed('it sent what is not a sound'));
      return;
    }
    clearTimeout(this.#stall);
    this.#stall = undefined;
    if (this.#samples / SAMPLES_PER_MS > performance.now() - this.#openedAt + this.#options.aheadMs) {
      this.#settle(new SpeechError('audio_too_long', 'The stream holds more audio than a live stream can by now.'));
      return;
    }
    this.#asked = undefined;
    asked.resolve(sound);
  }

  #readSound({ channels, usedBytes, marked }: Partial<FromLiveDecoder & { kind: 'sound' }>): LiveSound | undefined {
    if (!Array.isArray(channels) || channels.length > MAX_CHANNELS) return undefined;
    const samples = (channels[0] as Float32Array | undefined)?.length ?? 0;
    if (samples > 2 * SLICE_SAMPLES) return undefined;
    if (!channels.every((pcm) => pcm instanceof Float32Array && pcm.length === samples)) return undefined;
    if (!Number.isInteger(usedBytes) || usedBytes! < 0 || usedBytes! > this.waitingBytes) return undefined;
    if (typeof marked !== 'boolean' || (marked && this.#marks === 0)) return undefined;
    this.waitingBytes -= usedBytes!;
    this.#samples += samples;
    if (marked) this.#marks--;
    return { channels, marked };
  }

  #settle(error?: SpeechError): void {
    if (this.#outcome !== undefined) return;
    this.#outcome = error === undefined ? {} : { error };
    clearTimeout(this.#stall);
    this.#child.kill();
    if (error === undefined) this.#asked?.resolve(undefined);
    else this.#asked?.reject(error);
  }
}

function failed(detail: string): SpeechError {
  return new SpeechError('engine_failed', 'The audio could not be decoded: the decoder failed.', { detail });
}
