import type { SpeechError } from '../../errors.ts';
import type { FromLiveDecoder } from './messages.ts';

/** Samples of one channel that a message carries, about: half a second. */
export const SLICE_SAMPLES = 8000;

/** Hands decoded sound to whoever asks for it: one message for each time it was asked, when there is something to tell. */
export class SoundOutlet {
  readonly #send: (message: FromLiveDecoder) => void;
  readonly #usedBytes: () => number;
  /** Interleaved. */
  #parts: Float32Array[] = [];
  #samples = 0;
  #channels = 1;
  #marked = false;
  #toldBytes = 0;
  #asked = false;
  #waiting: FromLiveDecoder['kind'] | undefined;
  #error: SpeechError | undefined;
  #sent = (): void => {};

  constructor(send: (message: FromLiveDecoder) => void, usedBytes: () => number) {
    this.#send = send;
    this.#usedBytes = usedBytes;
  }

  /** Somebody takes a message. */
  ask(): void {
    this.#asked = true;
    this.#tell();
  }

  /** Keeps a copy. Resolves when there is room for more. */
  async add(interleaved: Float32Array, channels: number): Promise<void> {
    this.#channels = channels;
    const step = SLICE_SAMPLES * channels;
    for (let at = 0; at < interleaved.length; at += step) {
      const part = interleaved.slice(at, at + step);
      this.#parts.push(part);
      this.#samples += part.length / channels;
      if (this.#samples >= SLICE_SAMPLES) await this.#told('sound');
    }
  }

  /** Nothing more is to come for now: what there is may go. */
  offer(): void {
    if (this.#samples === 0 && this.#usedBytes() === this.#toldBytes) return;
    this.#waiting = 'sound';
    this.#tell();
  }

  /** Tells that a mark was reached, with everything before it. */
  async mark(): Promise<void> {
    this.#marked = true;
    await this.#told('sound');
  }

  /** The rest, and that it is the rest. */
  async end(error: SpeechError | undefined): Promise<void> {
    if (this.#samples > 0) await this.#told('sound');
    this.#error = error;
    await this.#told('end');
  }

  #told(kind: FromLiveDecoder['kind']): Promise<void> {
    this.#waiting = kind;
    return new Promise((resolve) => {
      this.#sent = resolve;
      this.#tell();
    });
  }

  #tell(): void {
    if (!this.#asked || this.#waiting === undefined) return;
    this.#asked = false;
    if (this.#waiting === 'end') {
      this.#send({ kind: 'end', ...(this.#error === undefined ? {} : { error: this.#error.toData() }) });
    } else {
      const usedBytes = this.#usedBytes() - this.#toldBytes;
      this.#send({ kind: 'sound', channels: this.#takeChannels(), usedBytes, marked: this.#marked });
      this.#toldBytes += usedBytes;
      this.#marked = false;
    }
    this.#waiting = undefined;
    this.#sent();
  }

  #takeChannels(): Float32Array[] {
    if (this.#samples === 0) return [];
    const count = this.#channels;
    const apart = Array.from({ length: count }, () => new Float32Array(this.#samples));
    let at = 0;
    for (const part of this.#parts) {
      for (let i = 0; i < part.length; i++) apart[i % count]![at + Math.floor(i / count)] = part[i]!;
      at += part.length / count;
    }
    this.#parts = [];
    this.#samples = 0;
    return apart;
  }
}
