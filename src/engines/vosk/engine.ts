import { dirname } from 'node:path';
import type { Availability, Capabilities, Engine, OpenModel } from '../contract.ts';
import { unavailable } from './errors.ts';
import { findLibrary, VOSK_PACKAGE } from './places.ts';

/** Vosk: Kaldi models, small and quick, that hear while it is spoken. Nothing native is loaded before `open`. */
export const engine: Engine = {
  name: 'vosk',
  families: ['kaldi'],

  async availability(options): Promise<Availability> {
    return findLibrary(options) === undefined ? missing(options) : { available: true };
  },

  describe: capabilitiesOf,

  readablePaths({ options }) {
    const library = findLibrary(options);
    return library === undefined ? [] : [dirname(library)];
  },

  async open(model) {
    const library = findLibrary(model.options);
    if (library === undefined) throw unavailable(model, missing(model.options).reason!);
    const { VoskRecogniser } = await import('./recogniser.ts');
    return await VoskRecogniser.open(library, model, capabilitiesOf(model));
  },
};

function capabilitiesOf({ languages }: OpenModel): Capabilities {
  const common = { languages, detectsLanguage: false, wordTimes: true, confidence: true };
  // After 20 seconds without a pause the library ends an utterance, if need be in the middle of a word (the fifth
  // endpoint rule of Kaldi's online decoder): longer recordings are better cut at a pause before.
  return { transcribe: { ...common, translate: false, maxAudioMs: 19_000 }, listen: common };
}

/** What to do differs: a file that a setting names is not there, or the library was never got. */
function missing({ library }: OpenModel['options']): Availability {
  if (typeof library === 'string' && library !== '') {
    return { available: false, reason: 'the file that OS_VOSK_LIBRARY names is not there' };
  }
  const machine = `${process.platform}-${process.arch}`;
  const remedy = machine in VOSK_PACKAGE.folders ? 'npm run setup -- --vosk' : 'python3 -m pip install --user vosk';
  return { available: false, reason: 'libvosk is not installed', remedy };
}
