import type { Family } from '../family.ts';
import * as cloning from './cloning.ts';
import * as helpers from './helpers.ts';
import * as recognisers from './recognisers.ts';
import * as streaming from './streaming.ts';
import * as voices from './voices.ts';
import { whisper } from './whisper.ts';

/** Every family by the name that manifests use. */
export const families: Readonly<Record<string, Family>> = {
  vits: voices.vits,
  kokoro: voices.kokoro,
  kitten: voices.kitten,
  matcha: voices.matcha,
  zipvoice: cloning.zipvoice,
  pocket: cloning.pocket,

  whisper,
  moonshine: recognisers.moonshine,
  'nemo-transducer': recognisers.nemoTransducer,
  'nemo-ctc': recognisers.nemoCtc,
  canary: recognisers.canary,
  'sense-voice': recognisers.senseVoice,
  paraformer: recognisers.paraformer,
  'zipformer-transducer': recognisers.zipformerTransducer,
  'zipformer-ctc': recognisers.zipformerCtc,
  'wenet-ctc': recognisers.wenetCtc,

  'streaming-zipformer': streaming.streamingZipformer,
  'streaming-zipformer-ctc': streaming.streamingZipformerCtc,
  'streaming-nemo-transducer': streaming.streamingNemoTransducer,
  'streaming-nemo-ctc': streaming.streamingNemoCtc,
  'streaming-paraformer': streaming.streamingParaformer,

  'silero-vad': helpers.sileroVad,
  gtcrn: helpers.gtcrn,
  pyannote: helpers.pyannote,
  'speaker-embedding': helpers.speakerEmbedding,
  'ct-transformer': helpers.ctTransformer,
  'cnn-bilstm': helpers.cnnBilstm,
  'whisper-language-id': helpers.whisperLanguageId,
};
