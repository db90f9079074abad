/** Makes the voice in the given folder say a word, with everything that sherpa-onnx can be told, while it prints it. */

import { familyConfig } from '../../../src/engines/sherpa/config.ts';
import { loadNative, type NativeGeneration } from '../../../src/engines/sherpa/native.ts';
import { openModel } from '../../models/files.ts';
import { buildToneVoice } from '../../models/tone-voice.ts';

const folder = process.argv[2]!;
const { config } = familyConfig(openModel(await buildToneVoice(folder), folder), 1);
const voice = await loadNative().OfflineTts.createAsync({
  ...config,
  model: { ...(config.model as object), debug: true },
});
const generationConfig: Required<NativeGeneration> = {
  ...{ sid: 0, speed: 1, silenceScale: 0.5, numSteps: 7 },
  ...{ referenceAudio: Float32Array.of(0.1, 0.2, 0.3), referenceSampleRate: 16_000, referenceText: 'some words' },
  extra: { lang: 'pt-br' },
};
await voice.generateAsync({ text: 'abc', generationConfig, onProgress: () => 1 });
