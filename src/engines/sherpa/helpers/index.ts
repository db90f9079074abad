import type { LoadedModel, OpenModel } from '../../contract.ts';
import type { FamilyConfig } from '../config.ts';
import { capabilitiesOf } from '../config.ts';
import { unavailable } from '../errors.ts';
import type { Native } from '../native.ts';
import { SherpaDenoiser } from './denoiser.ts';
import { SherpaDiarizer } from './diarizer.ts';
import { SherpaEmbedder } from './embedder.ts';
import { SherpaLanguageFinder } from './language-finder.ts';
import { SherpaPunctuator } from './punctuator.ts';
import { SherpaVoiceDetector } from './voice-detector.ts';

/** Loads a model that helps. Throws whatever sherpa-onnx throws at files that it cannot use. */
export function openHelper(native: Native, model: OpenModel, { api, config }: FamilyConfig): LoadedModel {
  const capabilities = capabilitiesOf(model);
  switch (api) {
    case 'vad':
      return new SherpaVoiceDetector(native, config, capabilities);
    case 'denoiser':
      return new SherpaDenoiser(native, config, capabilities);
    case 'diarizer':
      return new SherpaDiarizer(native, config, capabilities);
    case 'embedder':
      return new SherpaEmbedder(native, config, capabilities);
    case 'punctuator':
      return new SherpaPunctuator(new native.OfflinePunctuation(config), capabilities);
    case 'casing-punctuator':
      return new SherpaPunctuator(new native.OnlinePunctuation(config), capabilities);
    case 'language-id':
      return new SherpaLanguageFinder(native, config, capabilities);
    default:
      throw unavailable(model, `${model.family} helps with nothing`);
  }
}
