import type { PlaybackOrder, PlaybackReport } from './loudspeaker.ts';
import { PlaybackQueue } from './playbackQueue.ts';

/** Plays what is posted to it, in order, and falls silent within one block of 128 samples when it is told to. */
class PlaybackProcessor extends AudioWorkletProcessor {
  readonly #queue = new PlaybackQueue();

  constructor() {
    super();
    this.port.onmessage = ({ data }: MessageEvent<PlaybackOrder>) => {
      if (data.type === 'push') this.#queue.push(data.item, data.samples);
      else if (data.type === 'complete') this.#queue.complete(data.item);
      else this.#report({ type: 'cleared', played: this.#queue.clear() });
    };
  }

  override process(_inputs: Float32Array[][], outputs: Float32Array[][]): boolean {
    const channel = outputs[0]?.[0];
    if (channel !== undefined)
      for (const event of this.#queue.play(channel)) this.#report({ ...event, atS: currentTime });
    return true;
  }

  #report(report: PlaybackReport): void {
    this.port.postMessage(report);
  }
}

registerProcessor('playback', PlaybackProcessor);
