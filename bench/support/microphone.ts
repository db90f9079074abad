import { toS16le } from '../../src/audio/pcm.ts';
import { PIECE_MS } from './live.ts';

/** Somebody at a microphone: silence all the time, and a question when asked for one. */
export class Microphone {
  /** When the last piece with a voice was sent. */
  askedAt = 0;
  #pieces: Uint8Array[];
  #silence: Uint8Array;
  #times: number[] = [];
  #next = Number.POSITIVE_INFINITY;
  #timer: NodeJS.Timeout;

  constructor(pcm: Float32Array, rate: number, send: (piece: Uint8Array) => void) {
    const length = (rate * PIECE_MS) / 1000;
    const end = pcm.findLastIndex((sample) => Math.abs(sample) > 0.01);
    const voiced = Math.ceil(end / length);
    const whole = new Float32Array(voiced * length);
    whole.set(pcm.subarray(0, whole.length));
    this.#pieces = Array.from({ length: voiced }, (_, i) => toS16le(whole.subarray(i * length, (i + 1) * length)));
    this.#silence = new Uint8Array(length * 2);
    const began = performance.now();
    this.#timer = setInterval(() => {
      while (this.#times.length * PIECE_MS < performance.now() - began) {
        const piece = this.#pieces[this.#next++];
        this.#times.push(performance.now());
        if (piece !== undefined) this.askedAt = performance.now();
        send(piece ?? this.#silence);
      }
    }, 1);
  }

  ask(): void {
    this.#next = 0;
  }

  /** When all audio before this position had been sent. */
  sentAt(positionMs: number): number {
    return this.#times[Math.ceil(Math.round(positionMs) / PIECE_MS) - 1]!;
  }

  stop(): void {
    clearInterval(this.#timer);
  }
}
