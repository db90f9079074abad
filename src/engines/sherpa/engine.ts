import { availableParallelism } from 'node:os';
import { SpeechError } from '../../errors.ts';
import type { Availability, Engine, LoadedModel, OpenModel, OpenOptions } from '../contract.ts';
import { checkAssets } from './assets.ts';
import { capabilitiesOf, familyConfig, familyOf } from './config.ts';
import { unavailable } from './errors.ts';
import { families } from './families/index.ts';
import { helps } from './family.ts';
import { openHelper } from './helpers/index.ts';
import type { Native } from './native.ts';
import { loadNative, nativeFolders } from './native.ts';
import { SherpaRecogniser } from './recogniser.ts';
import { SherpaStreamingRecogniser } from './streaming.ts';
import { SherpaVoice } from './voice.ts';

/** Threads that Node gives to native work at the same time, unless UV_THREADPOOL_SIZE says otherwise. */
const NATIVE_THREADS = 4;

/** Recognition and speech with sherpa-onnx on the processor. Nothing native is loaded before `open`. */
export const engine: Engine = {
  name: 'sherpa',
  families: Object.keys(families),
  availability: async () => {
    if (nativeFolders()) return { available: true } satisfies Availability;
    const machine = `${process.platform}-${process.arch}`;
    return { available: false, reason: `sherpa-onnx is not installed for ${machine}`, remedy: 'npm ci' };
  },
  describe: capabilitiesOf,
  // The JavaScript of the package and the library it loads; the libraries that that one loads, the system reads itself.
  readablePaths: () => Object.values(nativeFolders() ?? {}),
  open,
};

async function open(model: OpenModel, { threads }: OpenOptions): Promise<LoadedModel> {
  const family = familyOf(model);
  await checkAssets(model);
  const native = load(model);
  const concurrency = Math.max(1, Math.min(NATIVE_THREADS, Math.floor(availableParallelism() / threads)));
  try {
    if (helps(family)) return openHelper(native, model, familyConfig(model, threads));
    if (family.api === 'voice') return await SherpaVoice.open(native, model, familyConfig(model, threads));
    if (family.api === 'streaming') return new SherpaStreamingRecogniser(native, model, familyConfig(model, threads));
    const takesHints = family.takesHints === true;
    return await SherpaRecogniser.open(native, model, {
      threads,
      takesHints,
      concurrency: takesHints ? 1 : concurrency,
    });
  } catch (thrown) {
    if (thrown instanceof SpeechError) throw thrown;
    throw unavailable(model, 'sherpa-onnx refused its files', thrown);
  }
}

function load(model: OpenModel): Native {
  try {
    return loadNative();
  } catch (thrown) {
    throw unavailable(model, 'sherpa-onnx does not run on this machine', thrown);
  }
}
