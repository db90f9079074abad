import type { Settings } from '../../config/kinds.ts';
import type { Capabilities } from '../../engines/contract.ts';
import { SpeechError } from '../../errors.ts';
import type { CatalogModel } from '../../models/catalog.ts';
import type { Names } from '../../models/names.ts';
import { HELPERS } from '../../models/shipped.ts';

type Settled = Pick<Settings, 'sttDiarizeEnabled' | 'sttNoiseReduce' | 'sttVad'>;
type Helper = keyof typeof HELPERS;

/** What a transcription may ask for besides the words. */
export interface WantedSteps {
  /** Undefined where the request does not say: then the operator's setting counts. */
  denoise?: boolean | undefined;
  /** Who speaks; `param` is the field that asked. */
  diarize?: { param: string } | undefined;
  punctuate?: boolean | undefined;
  /** BCP 47, where the request says. */
  language?: string | undefined;
}

/** The models that do it. One that is not there is not wanted. */
export interface StepModels {
  denoise?: CatalogModel;
  voices?: CatalogModel;
  diarize?: CatalogModel;
  punctuate?: CatalogModel;
  language?: CatalogModel;
}

const WORK: Readonly<Record<Helper, string>> = {
  vad: 'finds voices',
  denoise: 'takes out noise',
  diarization: 'tells speakers apart',
  punctuation: 'punctuates',
  'language-id': 'finds out languages',
  'end-of-turn': 'hears whether somebody has finished speaking',
};

/** The line that gets the model that most people want for a kind of help. */
export const helperRemedy = (kind: Helper): string => `open-speech models pull ${HELPERS[kind]}`;

/**
 * Finds the models for what is wanted, before anything is done. Errors: `unsupported_by_model` for a step that the
 * request asks for and that no model here does or that is switched off, `model_unavailable` for one that a setting asks for.
 */
export function stepModels(wanted: WantedSteps, recogniser: CatalogModel, names: Names, settings: Settled): StepModels {
  const models: StepModels = {};
  const present = (kind: Helper): CatalogModel | undefined => names.default(kind);
  const asked = (kind: Helper, param: string): CatalogModel => {
    const model = present(kind);
    if (model !== undefined) return model;
    throw new SpeechError('unsupported_by_model', missing(kind), { param });
  };
  const set = (kind: Helper, setting: string): CatalogModel => {
    const model = present(kind);
    if (model !== undefined) return model;
    throw new SpeechError('model_unavailable', `${setting} is set. ${missing(kind)}`);
  };

  if (wanted.denoise === true) models.denoise = asked('denoise', 'denoise');
  else if (wanted.denoise === undefined && settings.sttNoiseReduce) models.denoise = set('denoise', 'STT_NOISE_REDUCE');

  if (wanted.diarize !== undefined) {
    const { param } = wanted.diarize;
    if (!settings.sttDiarizeEnabled) {
      const message = 'Telling speakers apart is switched off on this server by STT_DIARIZE_ENABLED.';
      throw new SpeechError('unsupported_by_model', message, { param });
    }
    models.diarize = asked('diarization', param);
  }

  if (wanted.punctuate === true) {
    models.punctuate = asked('punctuation', 'punctuate');
    checkPunctuation(models.punctuate, wanted.language ?? onlyLanguage(recogniser));
  }

  const voices = settings.sttVad === 'silero' ? set('vad', 'STT_VAD=silero') : present('vad');
  if (voices !== undefined && settings.sttVad !== 'webrtc') models.voices = voices;

  if (wanted.language === undefined && mustBeTold(recogniser.capabilities)) {
    const language = present('language-id');
    if (language !== undefined) models.language = language;
  }
  return models;
}

/** Which steps there are models for. */
export function presentSteps(names: Names, settings: Settled): Readonly<Record<Helper, CatalogModel | undefined>> {
  return {
    vad: settings.sttVad === 'webrtc' ? undefined : names.default('vad'),
    denoise: names.default('denoise'),
    diarization: settings.sttDiarizeEnabled ? names.default('diarization') : undefined,
    punctuation: names.default('punctuation'),
    'language-id': names.default('language-id'),
    'end-of-turn': names.default('end-of-turn'),
  };
}

/** Whether a recogniser knows several languages and cannot tell which one it hears. */
function mustBeTold({ transcribe }: Capabilities): boolean {
  return transcribe !== undefined && !transcribe.detectsLanguage && transcribe.languages.length > 1;
}

const missing = (kind: Helper): string =>
  `This server has no model that ${WORK[kind]}. Get one with: ${helperRemedy(kind)}`;

function onlyLanguage({ capabilities: { transcribe } }: CatalogModel): string | undefined {
  return transcribe?.languages.length === 1 ? transcribe.languages[0] : undefined;
}

function checkPunctuation({ manifest, capabilities }: CatalogModel, language: string | undefined): void {
  const known = capabilities.punctuate!.languages;
  const plain = (tag: string): string => tag.toLowerCase().split('-', 1)[0]!;
  if (language === undefined || known.some((tag) => plain(tag) === plain(language))) return;
  const message = `The model '${manifest.id}' does not punctuate '${language.slice(0, 40)}'. It knows: ${known.join(', ')}.`;
  throw new SpeechError('unsupported_by_model', message, { param: 'punctuate' });
}
