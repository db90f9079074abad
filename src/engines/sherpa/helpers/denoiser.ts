import type { Capabilities, LoadedModel, SoundRequest } from '../../contract.ts';
import { HEARING_RATE } from '../config.ts';
import { engineFailed } from '../errors.ts';
import type { Native, NativeDenoiser } from '../native.ts';
import { slices } from './slices.ts';
import { Turns } from './turns.ts';

/** Takes noise out of recordings, a second at a time, so that it can be stopped. */
export class SherpaDenoiser implements LoadedModel {
  readonly capabilities: Capabilities;
  readonly concurrency = 1;
  readonly #denoiser: NativeDenoiser;
  readonly #turns = new Turns();

  constructor(native: Native, config: object, capabilities: Capabilities) {
    this.capabilities = capabilities;
    this.#denoiser = new native.OnlineSpeechDenoiser(config);
  }

  denoise({ pcm }: SoundRequest, signal: AbortSignal): Promise<{ pcm: Float32Array; sampleRate: number }> {
    return this.#turns.take(() => this.#denoise(pcm, signal));
  }

  async #denoise(pcm: Float32Array, signal: AbortSignal): Promise<{ pcm: Float32Array; sampleRate: number }> {
    const { sampleRate } = this.#denoiser;
    const clean = new Float32Array(Math.round((pcm.length * sampleRate) / HEARING_RATE));
    let filled = 0;
    const add = (samples: Float32Array): void => {
      const part = samples.subarray(0, clean.length - filled);
      clean.set(part, filled);
      filled += part.length;
    };
    try {
      for await (const samples of slices(pcm, HEARING_RATE, HEARING_RATE, signal)) {
        add(this.#denoiser.run({ samples, sampleRate: HEARING_RATE, enableExternalBuffer: false }).samples);
      }
      if (pcm.length > 0) add(this.#denoiser.flush(false).samples);
      return { pcm: clean, sampleRate };
    } catch (thrown) {
      throw signal.aborted ? thrown : engineFailed(thrown);
    } finally {
      this.#denoiser.reset();
    }
  }

  async close(): Promise<void> {}
}
