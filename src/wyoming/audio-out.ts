import type { Wire } from './wire.ts';

/** Audio leaves in chunks of at most this many ms. */
const CHUNK_MS = 100;
const SAMPLE_BYTES = 2;

/** Audio on its way out: `audio-start` before the first samples, `audio-stop` behind the last, one format for all. */
export class AudioOut {
  readonly #wire: Wire;
  readonly #format: { rate: number; width: number; channels: number };
  #open = false;
  #sent = 0;

  constructor(wire: Wire, rate: number) {
    this.#wire = wire;
    this.#format = { rate, width: SAMPLE_BYTES, channels: 1 };
  }

  /** Tells the format, once. */
  async begin(): Promise<void> {
    if (!this.#open) await this.#wire.send('audio-start', this.#timed());
    this.#open = true;
  }

  /** 16-bit mono, little-endian. */
  async samples(bytes: Uint8Array): Promise<void> {
    const { rate } = this.#format;
    const chunkBytes = Math.ceil((rate * CHUNK_MS) / 1000) * SAMPLE_BYTES;
    for (let at = 0; at < bytes.length; at += chunkBytes) {
      await this.begin();
      const chunk = bytes.subarray(at, at + chunkBytes);
      await this.#wire.send('audio-chunk', this.#timed(), chunk);
      this.#sent += chunk.length / SAMPLE_BYTES;
    }
  }

  async end(): Promise<void> {
    if (this.#open) await this.#wire.send('audio-stop', { timestamp: this.#timed().timestamp });
    this.#open = false;
  }

  #timed() {
    return { ...this.#format, timestamp: Math.round((this.#sent * 1000) / this.#format.rate) };
  }
}
