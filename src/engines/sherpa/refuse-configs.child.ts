/**
 * For tests: hands each configuration of the JSON list in the file of the first argument to sherpa-onnx, which is
 * expected to refuse it and to say why on standard error. A line with a form feed comes after each.
 */
import { readFileSync, writeSync } from 'node:fs';
import type { FamilyConfig } from './config.ts';
import { loadNative } from './native.ts';

const native = loadNative();
const open: Record<FamilyConfig['api'], (config: object) => unknown> = {
  voice: (config) => native.OfflineTts.createAsync(config),
  recogniser: (config) => native.OfflineRecognizer.createAsync(config),
  streaming: (config) => new native.OnlineRecognizer(config),
  vad: (config) => new native.Vad(config, 1),
  denoiser: (config) => new native.OnlineSpeechDenoiser(config),
  diarizer: (config) => new native.OfflineSpeakerDiarization(config),
  embedder: (config) => new native.SpeakerEmbeddingExtractor(config),
  punctuator: (config) => new native.OfflinePunctuation(config),
  'casing-punctuator': (config) => new native.OnlinePunctuation(config),
  'language-id': (config) => new native.SpokenLanguageIdentification(config),
};
for (const { api, config } of JSON.parse(readFileSync(process.argv[2]!, 'utf8')) as FamilyConfig[]) {
  try {
    await open[api](config);
  } catch {}
  writeSync(2, '\f\n');
}
