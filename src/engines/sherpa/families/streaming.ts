import type { OpenModel, TranscribeCapability } from '../../contract.ts';
import type { RecogniserFamily } from '../family.ts';
import { multilingual, paths } from '../family.ts';

const capability = (model: OpenModel, confidence: boolean): Omit<TranscribeCapability, 'languages'> => ({
  detectsLanguage: multilingual(model),
  wordTimes: true,
  confidence,
  translate: false,
  maxAudioMs: 600_000,
});

/** sherpa-onnx sees by the decoder's outputs whether a streaming transducer is icefall's or NeMo's. */
function transducer(confidence: boolean): RecogniserFamily {
  return {
    api: 'streaming',
    required: () => ['encoder', 'decoder', 'joiner', 'tokens'],
    config: (model) => ({ transducer: paths(model, 'encoder', 'decoder', 'joiner') }),
    capability: (model) => capability(model, confidence),
  };
}
export const streamingZipformer = transducer(true);
/** Fast-Conformer and Nemotron; the latter wants the option `featureDim: 128`. */
export const streamingNemoTransducer = transducer(false);

function ctc(key: string): RecogniserFamily {
  return {
    api: 'streaming',
    required: () => ['model', 'tokens'],
    config: (model) => ({ [key]: paths(model, 'model') }),
    capability: (model) => capability(model, false),
  };
}
export const streamingZipformerCtc = ctc('zipformer2Ctc');
export const streamingNemoCtc = ctc('nemoCtc');

export const streamingParaformer: RecogniserFamily = {
  api: 'streaming',
  required: () => ['encoder', 'decoder', 'tokens'],
  config: (model) => ({ paraformer: paths(model, 'encoder', 'decoder') }),
  capability: (model) => ({ ...capability(model, false), wordTimes: false }),
};
