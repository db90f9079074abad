import { abortError } from '../../../errors.ts';
import type { Capabilities, Denoised, LoadedModel, SoundRequest } from '../../contract.ts';
import { HEARING_RATE } from '../config.ts';
import { engineFailed } from '../errors.ts';
import type { Native, NativeDenoiser } from '../native.ts';
import { slices } from './slices.ts';
import { Turns } from './turns.ts';

/**
 * Calls at once. A live stream takes 12 to 17 % of a core of the project's machine, so there could be more of them; but
 * then the four pieces of a recording that are worked on at the same time would wait for each other in one process.
 */
const AT_ONCE = 3;
/** What is cleaned between two turns of the event loop: some 30 ms of work, for which live streams wait. */
const SLICE = HEARING_RATE / 4;

/**
 * Takes noise out of recordings, one after the other, and of what is being spoken, some at once. Each call has a native
 * object of its own, 8 MB large, while it lasts. They are made with the model, because one takes 60 ms to make.
 */
export class SherpaDenoiser implements LoadedModel {
  readonly capabilities: Capabilities;
  readonly concurrency = AT_ONCE;
  readonly processors = 1;
  readonly #make: () => NativeDenoiser;
  readonly #idle: NativeDenoiser[];
  readonly #recordings = new Turns();

  constructor(native: Native, config: object, capabilities: Capabilities) {
    this.capabilities = capabilities;
    this.#make = () => new native.OnlineSpeechDenoiser(config);
    this.#idle = Array.from({ length: AT_ONCE }, this.#make);
  }

  denoise({ pcm }: SoundRequest, signal: AbortSignal): Promise<{ pcm: Float32Array; sampleRate: number }> {
    return this.#recordings.take(() => this.#denoise(pcm, signal));
  }

  async *denoiseLive(audio: AsyncIterable<Float32Array>, signal: AbortSignal): AsyncGenerator<Denoised, void> {
    const denoiser = this.#take();
    try {
      for await (const piece of audio) yield* cleaned(denoiser, piece, signal);
      if (signal.aborted) throw abortError(signal);
      const { samples: pcm } = denoiser.flush(false);
      if (pcm.length > 0) yield { pcm };
    } catch (thrown) {
      throw signal.aborted ? thrown : engineFailed(thrown);
    } finally {
      this.#giveBack(denoiser);
    }
  }

  async #denoise(pcm: Float32Array, signal: AbortSignal): Promise<{ pcm: Float32Array; sampleRate: number }> {
    const denoiser = this.#take();
    const { sampleRate } = denoiser;
    const clean = new Float32Array(Math.round((pcm.length * sampleRate) / HEARING_RATE));
    let filled = 0;
    const add = (samples: Float32Array): void => {
      const part = samples.subarray(0, clean.length - filled);
      clean.set(part, filled);
      filled += part.length;
    };
    try {
      for await (const { pcm: part } of cleaned(denoiser, pcm, signal)) add(part);
      if (pcm.length > 0) add(denoiser.flush(false).samples);
      return { pcm: clean, sampleRate };
    } catch (thrown) {
      throw signal.aborted ? thrown : engineFailed(thrown);
    } finally {
      this.#giveBack(denoiser);
    }
  }

  #take(): NativeDenoiser {
    return this.#idle.pop() ?? this.#make();
  }

  #giveBack(denoiser: NativeDenoiser): void {
    denoiser.reset();
    if (this.#idle.length < AT_ONCE) this.#idle.push(denoiser);
  }

  async close(): Promise<void> {}
}

/** What a denoiser gives back as soon as it has heard the next samples. */
async function* cleaned(denoiser: NativeDenoiser, audio: Float32Array, signal: AbortSignal): AsyncGenerator<Denoised> {
  for await (const samples of slices(audio, SLICE, SLICE, signal)) {
    const { samples: pcm } = denoiser.run({ samples, sampleRate: HEARING_RATE, enableExternalBuffer: false });
    if (pcm.length > 0) yield { pcm };
  }
}
