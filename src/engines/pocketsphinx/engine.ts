import { dirname } from 'node:path';
import { SpeechError } from '../../errors.ts';
import type { Availability, Capabilities, Engine, OpenModel } from '../contract.ts';
import { DEFAULT_MODEL_DIR, findLibrary, findModel } from './places.ts';

const LISTENS = { languages: ['en'], detectsLanguage: false, wordTimes: true, confidence: true };
const CAPABILITIES: Capabilities = {
  listen: LISTENS,
  transcribe: {
    ...LISTENS,
    translate: false,
    // Its last pass takes up to a tenth of the audio's length, and nothing can interrupt it.
    maxAudioMs: 30_000,
  },
};

/** CMU PocketSphinx from the system's packages: English, without any download. For closed networks. */
export const engine: Engine = {
  name: 'pocketsphinx',
  families: ['pocketsphinx'],

  async availability(options): Promise<Availability> {
    const reason =
      findLibrary() === undefined
        ? 'libpocketsphinx is not installed'
        : findModel(modelDir(options)) === undefined
          ? 'pocketsphinx-en-us is not installed'
          : undefined;
    return reason === undefined ? { available: true } : { available: false, reason, remedy: 'npm run setup' };
  },

  describe: () => CAPABILITIES,

  readablePaths({ options }) {
    const library = findLibrary();
    return library === undefined ? [] : [dirname(library), modelDir(options)];
  },

  async open({ options }) {
    const library = findLibrary();
    const model = findModel(modelDir(options));
    if (library === undefined || model === undefined) {
      throw new SpeechError('model_unavailable', 'The packaged recogniser is not installed: run npm run setup.');
    }
    const { PocketSphinx } = await import('./recogniser.ts');
    return await PocketSphinx.open(library, model, CAPABILITIES);
  },
};

function modelDir(options: OpenModel['options']): string {
  return typeof options.modelDir === 'string' ? options.modelDir : DEFAULT_MODEL_DIR;
}
