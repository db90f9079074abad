import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { OpenModel } from '../contract.ts';
import { capabilitiesOf, familyConfig } from './config.ts';
import { families } from './families/index.ts';
import type { Hints } from './family.ts';

/** A model with a file for each role, in the folder `/m`. */
function sample(family: string, roles: string, more: Partial<OpenModel> = {}): OpenModel {
  const assets = Object.fromEntries(roles.split(' ').map((role) => [role, `/m/${role}`]));
  const model = { id: `a-${family}`, engine: 'sherpa', family, folder: '/m', assets, options: {} };
  return { ...model, languages: ['en'], voices: [], ...more };
}

const runtime = { numThreads: 1, provider: 'cpu', debug: false };
const recogniser = (modelConfig: object, more: object = {}) => ({
  featConfig: { sampleRate: 16_000, featureDim: 80 },
  modelConfig: { ...modelConfig, tokens: '/m/tokens', ...runtime },
  decodingMethod: 'greedy_search',
  ...more,
});
const streaming = (modelConfig: object) => recogniser(modelConfig, { enableEndpoint: false });
const voice = (model: object, more: object = {}) => ({
  model: { ...model, ...runtime },
  maxNumSentences: 1,
  silenceScale: 0.2,
  ...more,
});
const transducer = { encoder: '/m/encoder', decoder: '/m/decoder', joiner: '/m/joiner' };

/** Every family with sherpa-onnx's configuration for it, as its own examples for Node write it. */
const expected: readonly [name: string, model: OpenModel, config: object][] = [
  ['vits: a Piper voice', sample('vits', 'model tokens'), voice({ vits: { model: '/m/model', tokens: '/m/tokens' } })],
  [
    'vits: with espeak-ng data and scales',
    { ...sample('vits', 'model tokens dataDir'), options: { noiseScale: 0.5, noiseScaleW: 0.8, lengthScale: 1.1 } },
    voice({
      vits: {
        model: '/m/model',
        tokens: '/m/tokens',
        dataDir: '/m/dataDir',
        noiseScale: 0.5,
        noiseScaleW: 0.8,
        lengthScale: 1.1,
      },
    }),
  ],
  [
    'vits: with a lexicon and rules',
    { ...sample('vits', 'model tokens lexicon ruleFsts-date ruleFsts-number ruleFars'), options: { silenceScale: 1 } },
    voice(
      { vits: { model: '/m/model', tokens: '/m/tokens', lexicon: '/m/lexicon' } },
      { silenceScale: 1, ruleFsts: '/m/ruleFsts-date,/m/ruleFsts-number', ruleFars: '/m/ruleFars' },
    ),
  ],
  [
    'kokoro: English, before 1.0',
    sample('kokoro', 'model voices tokens dataDir'),
    voice({ kokoro: { model: '/m/model', voices: '/m/voices', tokens: '/m/tokens', dataDir: '/m/dataDir' } }),
  ],
  [
    'kokoro: several languages, from 1.0 on',
    { ...sample('kokoro', 'model voices tokens dataDir lexicon-us lexicon-zh'), options: { lang: 'en' } },
    voice({
      kokoro: {
        model: '/m/model',
        voices: '/m/voices',
        tokens: '/m/tokens',
        dataDir: '/m/dataDir',
        lexicon: '/m/lexicon-us,/m/lexicon-zh',
        lang: 'en',
      },
    }),
  ],
  [
    'kitten',
    sample('kitten', 'model voices tokens dataDir'),
    voice({ kitten: { model: '/m/model', voices: '/m/voices', tokens: '/m/tokens', dataDir: '/m/dataDir' } }),
  ],
  [
    'matcha: English',
    sample('matcha', 'acousticModel vocoder tokens dataDir'),
    voice({
      matcha: {
        acousticModel: '/m/acousticModel',
        vocoder: '/m/vocoder',
        tokens: '/m/tokens',
        dataDir: '/m/dataDir',
      },
    }),
  ],
  [
    'matcha: Chinese',
    sample('matcha', 'acousticModel vocoder tokens lexicon ruleFsts-phone ruleFsts-date'),
    voice(
      {
        matcha: {
          acousticModel: '/m/acousticModel',
          vocoder: '/m/vocoder',
          tokens: '/m/tokens',
          lexicon: '/m/lexicon',
        },
      },
      { ruleFsts: '/m/ruleFsts-phone,/m/ruleFsts-date' },
    ),
  ],
  [
    'zipvoice',
    {
      ...sample('zipvoice', 'encoder decoder vocoder tokens lexicon dataDir reference'),
      options: { referenceText: 'What is said.' },
    },
    voice({
      zipvoice: {
        encoder: '/m/encoder',
        decoder: '/m/decoder',
        vocoder: '/m/vocoder',
        tokens: '/m/tokens',
        lexicon: '/m/lexicon',
        dataDir: '/m/dataDir',
      },
    }),
  ],
  [
    'pocket',
    sample('pocket', 'lmFlow lmMain encoder decoder textConditioner vocabJson tokenScoresJson reference'),
    voice({
      pocket: {
        lmFlow: '/m/lmFlow',
        lmMain: '/m/lmMain',
        encoder: '/m/encoder',
        decoder: '/m/decoder',
        textConditioner: '/m/textConditioner',
        vocabJson: '/m/vocabJson',
        tokenScoresJson: '/m/tokenScoresJson',
      },
    }),
  ],

  [
    'whisper: English only',
    sample('whisper', 'encoder decoder tokens'),
    recogniser({
      whisper: {
        encoder: '/m/encoder',
        decoder: '/m/decoder',
        language: '',
        task: 'transcribe',
        enableSegmentTimestamps: 1,
        enableTokenTimestamps: 0,
      },
    }),
  ],
  [
    'whisper: options',
    sample('whisper', 'encoder decoder tokens', {
      languages: ['en', 'de'],
      options: { tailPaddings: 300, segmentTimes: false, wordTimes: true },
    }),
    recogniser({
      whisper: {
        encoder: '/m/encoder',
        decoder: '/m/decoder',
        language: '',
        task: 'transcribe',
        tailPaddings: 300,
        enableSegmentTimestamps: 0,
        enableTokenTimestamps: 1,
      },
    }),
  ],
  [
    'moonshine: first version',
    sample('moonshine', 'preprocessor encoder uncachedDecoder cachedDecoder tokens'),
    recogniser({
      moonshine: {
        preprocessor: '/m/preprocessor',
        encoder: '/m/encoder',
        uncachedDecoder: '/m/uncachedDecoder',
        cachedDecoder: '/m/cachedDecoder',
      },
    }),
  ],
  [
    'moonshine: second version',
    sample('moonshine', 'encoder mergedDecoder tokens'),
    recogniser({ moonshine: { encoder: '/m/encoder', mergedDecoder: '/m/mergedDecoder' } }),
  ],
  [
    'nemo-transducer: Parakeet',
    sample('nemo-transducer', 'encoder decoder joiner tokens'),
    recogniser({ transducer, modelType: 'nemo_transducer' }),
  ],
  ['nemo-ctc', sample('nemo-ctc', 'model tokens'), recogniser({ nemoCtc: { model: '/m/model' } })],
  [
    'canary',
    sample('canary', 'encoder decoder tokens', { languages: ['en', 'es', 'de', 'fr'] }),
    recogniser({
      canary: { encoder: '/m/encoder', decoder: '/m/decoder', srcLang: 'en', tgtLang: 'en', usePnc: 1 },
    }),
  ],
  [
    'sense-voice',
    sample('sense-voice', 'model tokens', { languages: ['zh', 'en', 'ja', 'ko', 'yue'] }),
    recogniser({ senseVoice: { model: '/m/model', language: 'auto', useInverseTextNormalization: 1 } }),
  ],
  ['paraformer', sample('paraformer', 'model tokens'), recogniser({ paraformer: { model: '/m/model' } })],
  [
    'zipformer-transducer',
    sample('zipformer-transducer', 'encoder decoder joiner tokens'),
    recogniser({ transducer, modelType: 'transducer' }),
  ],
  ['zipformer-ctc', sample('zipformer-ctc', 'model tokens'), recogniser({ zipformerCtc: { model: '/m/model' } })],
  ['wenet-ctc', sample('wenet-ctc', 'model tokens'), recogniser({ wenetCtc: { model: '/m/model' } })],

  ['streaming-zipformer', sample('streaming-zipformer', 'encoder decoder joiner tokens'), streaming({ transducer })],
  [
    'streaming-zipformer-ctc',
    sample('streaming-zipformer-ctc', 'model tokens'),
    streaming({ zipformer2Ctc: { model: '/m/model' } }),
  ],
  [
    'streaming-nemo-transducer: Nemotron',
    { ...sample('streaming-nemo-transducer', 'encoder decoder joiner tokens'), options: { featureDim: 128 } },
    { ...streaming({ transducer }), featConfig: { sampleRate: 16_000, featureDim: 128 } },
  ],
  ['streaming-nemo-ctc', sample('streaming-nemo-ctc', 'model tokens'), streaming({ nemoCtc: { model: '/m/model' } })],
  [
    'streaming-paraformer',
    sample('streaming-paraformer', 'encoder decoder tokens'),
    streaming({ paraformer: { encoder: '/m/encoder', decoder: '/m/decoder' } }),
  ],

  [
    'silero-vad',
    sample('silero-vad', 'model', { options: { threshold: 0.4 } }),
    {
      sileroVad: {
        model: '/m/model',
        threshold: 0.4,
        minSilenceDuration: 0.1,
        minSpeechDuration: 0.1,
        windowSize: 512,
        maxSpeechDuration: 86_400,
      },
      sampleRate: 16_000,
      ...runtime,
    },
  ],
  ['gtcrn', sample('gtcrn', 'model'), { model: { gtcrn: { model: '/m/model' }, ...runtime } }],
  [
    'pyannote: with a model for voices',
    sample('pyannote', 'segmentation embedding', { options: { clusterThreshold: 0.7 } }),
    {
      segmentation: { pyannote: { model: '/m/segmentation' }, ...runtime },
      embedding: { model: '/m/embedding', ...runtime },
      clustering: { numClusters: -1, threshold: 0.7 },
      minDurationOn: 0.3,
      minDurationOff: 0.5,
    },
  ],
  ['speaker-embedding', sample('speaker-embedding', 'model'), { model: '/m/model', ...runtime }],
  ['ct-transformer', sample('ct-transformer', 'model'), { model: { ctTransformer: '/m/model', ...runtime } }],
  [
    'cnn-bilstm',
    sample('cnn-bilstm', 'model vocabulary'),
    { model: { cnnBilstm: '/m/model', bpeVocab: '/m/vocabulary', ...runtime } },
  ],
  [
    'whisper-language-id',
    sample('whisper-language-id', 'encoder decoder', { options: { tailPaddings: 300 } }),
    { whisper: { encoder: '/m/encoder', decoder: '/m/decoder', tailPaddings: 300 }, ...runtime },
  ],
];

describe('a manifest becomes the configuration that sherpa-onnx documents', () => {
  for (const [name, model, config] of expected) {
    test(name, () => assert.deepEqual(familyConfig(model, 1).config, config));
  }

  test('for every family', () => {
    const tested = new Set(expected.map(([, { family }]) => family));
    assert.deepEqual([...tested].sort(), Object.keys(families).sort());
  });

  test('with as many threads as asked for', () => {
    const { config } = familyConfig(sample('nemo-ctc', 'model tokens'), 3);
    assert.equal((config.modelConfig as { numThreads: number }).numThreads, 3);
  });
});

describe('a language and a task', () => {
  const told = (model: OpenModel, hints: Hints) =>
    familyConfig(model, 1, hints).config.modelConfig as Record<string, Record<string, unknown>>;
  const languages = ['en', 'de', 'no', 'jv', 'pt'];

  test('reach Whisper in its own codes', () => {
    const model = sample('whisper', 'encoder decoder tokens', { languages });
    const language = (tag: string) => told(model, { language: tag, task: 'transcribe' }).whisper?.language;
    assert.deepEqual(['de', 'pt-BR', 'nb', 'jv'].map(language), ['de', 'pt', 'no', 'jw']);
    assert.equal(told(model, { language: 'de', task: 'translate' }).whisper?.task, 'translate');
  });

  test('never reach a Whisper that knows English alone', () => {
    const model = sample('whisper', 'encoder decoder tokens', { languages: ['en', 'en-US'] });
    assert.equal(told(model, { language: 'en', task: 'transcribe' }).whisper?.language, '');
  });

  test('become source and target for Canary', () => {
    const model = sample('canary', 'encoder decoder tokens', { languages: ['de', 'en'] });
    const pair = (hints: Hints) => {
      const { srcLang, tgtLang } = told(model, hints).canary!;
      return [srcLang, tgtLang];
    };
    assert.deepEqual(pair({ task: 'transcribe' }), ['de', 'de']);
    assert.deepEqual(pair({ language: 'en-US', task: 'transcribe' }), ['en', 'en']);
    assert.deepEqual(pair({ language: 'de', task: 'translate' }), ['de', 'en']);
  });
});

describe('capabilities come from the manifest alone', () => {
  test('a voice without a list of voices is one voice with its name', () => {
    const { speak } = capabilitiesOf(sample('vits', 'model tokens', { id: 'alan', languages: ['en-GB'] }));
    assert.deepEqual(speak?.voices, [{ id: 'alan', name: 'alan', language: 'en-GB', speaker: 0 }]);
    assert.equal(speak?.sampleRate, 22_050);
    assert.deepEqual(speak?.speed, { min: 0.25, max: 4 });
  });

  test('a manifest’s voices and rate are taken as they are', () => {
    const voices = [{ id: 'af_heart', name: 'Heart', language: 'en-US', speaker: 3 }];
    const { speak } = capabilitiesOf(sample('kokoro', 'model', { voices, sampleRate: 48_000 }));
    assert.deepEqual([speak?.voices, speak?.sampleRate], [voices, 48_000]);
  });

  test('Whisper finds languages and translates where it knows several', () => {
    const ability = (more: Partial<OpenModel>) => {
      const { transcribe } = capabilitiesOf(sample('whisper', 'encoder decoder tokens', more));
      return [transcribe?.detectsLanguage, transcribe?.translate, transcribe?.wordTimes];
    };
    assert.deepEqual(ability({}), [false, false, false]);
    assert.deepEqual(ability({ languages: ['en', 'de'] }), [true, true, false]);
    const options = { translate: false, wordTimes: true };
    assert.deepEqual(ability({ languages: ['en', 'de'], options }), [true, false, true]);
  });

  test('models that help say with what', () => {
    const can = (family: string, more: Partial<OpenModel> = {}) => capabilitiesOf(sample(family, 'model', more));
    assert.deepEqual(can('silero-vad'), { detectSpeech: true, watchSpeech: true });
    assert.deepEqual(can('gtcrn'), { denoise: true, denoiseLive: { delaySamples: 512 } });
    assert.deepEqual(can('pyannote'), { diarize: true, embedSpeaker: { sameSpeaker: 0.5 } });
    assert.deepEqual(can('speaker-embedding', { options: { sameSpeaker: 0.6 } }), {
      embedSpeaker: { sameSpeaker: 0.6 },
    });
    assert.deepEqual(can('ct-transformer', { languages: ['zh', 'en'] }), { punctuate: { languages: ['zh', 'en'] } });
    assert.deepEqual(can('whisper-language-id'), { identifyLanguage: true });
  });

  test('Moonshine’s second version is given only as much as it can hear at once', () => {
    const maxAudioMs = (roles: string) => capabilitiesOf(sample('moonshine', roles)).transcribe?.maxAudioMs;
    assert.equal(maxAudioMs('preprocessor encoder uncachedDecoder cachedDecoder tokens'), 30_000);
    assert.equal(maxAudioMs('encoder mergedDecoder tokens'), 9000);
  });

  test('transducers measure how sure they are', () => {
    const { transcribe } = capabilitiesOf(sample('nemo-transducer', 'encoder', { languages: ['en', 'de'] }));
    assert.deepEqual(transcribe, {
      languages: ['en', 'de'],
      detectsLanguage: true,
      wordTimes: true,
      confidence: true,
      translate: false,
      maxAudioMs: 60_000,
    });
  });
});
