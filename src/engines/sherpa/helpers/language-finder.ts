import { abortError } from '../../../errors.ts';
import type { Capabilities, LoadedModel, SoundRequest } from '../../contract.ts';
import { HEARING_RATE } from '../config.ts';
import { engineFailed } from '../errors.ts';
import type { Native, NativeLanguageFinder } from '../native.ts';
import { foundLanguage } from '../recogniser.ts';

/** Whisper hears so much at once; the rest would be left out anyway. */
const LONGEST_SAMPLES = 29 * HEARING_RATE;

/** Finds the language of a recording by its beginning. */
export class SherpaLanguageFinder implements LoadedModel {
  readonly capabilities: Capabilities;
  readonly concurrency = 1;
  readonly #native: NativeLanguageFinder;

  constructor(native: Native, config: object, capabilities: Capabilities) {
    this.capabilities = capabilities;
    this.#native = new native.SpokenLanguageIdentification(config);
  }

  async identifyLanguage({ pcm }: SoundRequest, signal: AbortSignal): Promise<{ language?: string }> {
    if (signal.aborted) throw abortError(signal);
    if (pcm.length === 0) return {};
    try {
      const stream = this.#native.createStream();
      stream.acceptWaveform({ samples: pcm.subarray(0, LONGEST_SAMPLES), sampleRate: HEARING_RATE });
      const language = foundLanguage(this.#native.compute(stream));
      return language === undefined ? {} : { language };
    } catch (thrown) {
      throw engineFailed(thrown);
    }
  }

  async close(): Promise<void> {}
}
