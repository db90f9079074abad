import workletUrl from './playback.worklet.ts?worker&url';
import type { PlaybackEvent, PlayedUntil } from './playbackQueue.ts';
import { Resampler } from './resampler.ts';

export type PlaybackOrder =
  | { type: 'push'; item: string; samples: Float32Array<ArrayBuffer> }
  | { type: 'complete'; item: string }
  | { type: 'clear' };
/** `atS` is the context's clock. */
export type PlaybackReport = (PlaybackEvent & { atS: number }) | { type: 'cleared'; played: PlayedUntil[] };

/** Sound that may wait to be played: 35 MB at 48 kHz. */
const MAX_WAITING_MS = 180_000;

export interface LoudspeakerHandlers {
  /** The first sound of an item leaves the loudspeaker, at this `performance.now()`. */
  onStarted(item: string, at: number): void;
  onFinished(item: string): void;
  /** The queue was emptied: how much of each item in it people had heard, in ms. */
  onCut(heard: { item: string; ms: number }[]): void;
}

/** Plays speech while it arrives. */
export class Loudspeaker {
  readonly #context: AudioContext;
  readonly #node: AudioWorkletNode;
  readonly #inputRate: number;
  #resampler: { item: string; resampler: Resampler } | null = null;
  /** When everything that was pushed will have been played, on the context's clock. */
  #busyUntilS = 0;

  static async open(context: AudioContext, inputRate: number, handlers: LoudspeakerHandlers): Promise<Loudspeaker> {
    await context.audioWorklet.addModule(workletUrl);
    return new Loudspeaker(context, inputRate, handlers);
  }

  private constructor(context: AudioContext, inputRate: number, handlers: LoudspeakerHandlers) {
    this.#context = context;
    this.#inputRate = inputRate;
    this.#node = new AudioWorkletNode(context, 'playback', { numberOfInputs: 0, outputChannelCount: [1] });
    this.#node.port.onmessage = ({ data }: MessageEvent<PlaybackReport>) => {
      if (data.type === 'started') {
        // What the worklet hands over is heard a little later; its message may have waited.
        const waitedMs = (context.currentTime - data.atS) * 1000;
        handlers.onStarted(data.item, performance.now() - waitedMs + this.#latencyMs);
      } else if (data.type === 'finished') {
        handlers.onFinished(data.item);
      } else {
        const heard = data.played.map(({ item, samples }) => ({
          item,
          ms: Math.max(0, (samples / context.sampleRate) * 1000 - this.#latencyMs),
        }));
        handlers.onCut(heard);
      }
    };
    this.#node.connect(context.destination);
  }

  /** Samples at the rate that was given to `open`. False where too much waits already: then nothing was taken. */
  push(item: string, samples: Float32Array): boolean {
    const now = this.#context.currentTime;
    const busyUntilS = Math.max(now, this.#busyUntilS) + samples.length / this.#inputRate;
    if ((busyUntilS - now) * 1000 > MAX_WAITING_MS) return false;
    this.#busyUntilS = busyUntilS;
    if (this.#resampler?.item !== item) {
      this.#resampler = { item, resampler: new Resampler(this.#inputRate, this.#context.sampleRate) };
    }
    const converted = this.#resampler.resampler.push(samples);
    this.#order({ type: 'push', item, samples: converted }, [converted.buffer]);
    return true;
  }

  complete(item: string): void {
    this.#order({ type: 'complete', item });
  }

  /** Silence at once. `onCut` follows. */
  cut(): void {
    this.#busyUntilS = 0;
    this.#order({ type: 'clear' });
  }

  get #latencyMs(): number {
    // Firefox and Chromium measure it, Safari does not.
    return (this.#context.outputLatency || this.#context.baseLatency || 0) * 1000;
  }

  #order(order: PlaybackOrder, transfer: Transferable[] = []): void {
    this.#node.port.postMessage(order, transfer);
  }
}
