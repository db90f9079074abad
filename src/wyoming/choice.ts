import { SpeechError } from '../errors.ts';
import type { Catalog, CatalogModel } from '../models/catalog.ts';
import type { Names } from '../models/names.ts';

/** Where the models are, and who knows their names. */
export interface Models {
  catalog: Catalog;
  names: Names;
}

/** Between a model and a voice in the name of a voice; no model's id holds one. */
const SEPARATOR = ':';

/** The models of a kind that work on this machine. */
export function availableModels({ catalog }: Models, kind: 'stt' | 'tts'): CatalogModel[] {
  return catalog.list().filter((model) => model.manifest.kind === kind && model.available);
}

/** The name that clients get for a voice and send back: it stays the same whatever other models come and go. */
export function voiceName(model: CatalogModel, voice: string): string {
  return `${model.manifest.id}${SEPARATOR}${voice}`;
}

/**
 * The recogniser for a client that may name one, or a language, or neither. Clients choose among the languages of all
 * models and name none, so where the default does not know the language another one does it. Errors are those of
 * `Names.model`.
 */
export function chooseRecogniser(models: Models, name: string | undefined, language: string | undefined): CatalogModel {
  const model = models.names.model('stt', name, language);
  if (name !== undefined || language === undefined || knows(model, language)) return model;
  return availableModels(models, 'stt').find((other) => knows(other, language)) ?? model;
}

/**
 * The voice for a client that may name one as `voiceName` does, or by the voice's id alone, or a language, or nothing.
 * Errors are those of `Names.model` and `Names.voice`.
 */
export function chooseVoice(
  models: Models,
  name: string | undefined,
  language: string | undefined,
): { model: CatalogModel; voice: string } {
  const { names } = models;
  const cut = name?.indexOf(SEPARATOR) ?? -1;
  if (name !== undefined && cut > 0) {
    const model = names.model('tts', name.slice(0, cut));
    return { model, voice: names.voice(model, name.slice(cut + 1), undefined) };
  }
  const first = names.model('tts', undefined, language);
  try {
    return { model: first, voice: names.voice(first, name, name === undefined ? language : undefined) };
  } catch (error) {
    const other = availableModels(models, 'tts').find((candidate) =>
      name === undefined
        ? language !== undefined && knows(candidate, language)
        : candidate.capabilities.speak!.voices.some((voice) => voice.id === name),
    );
    if (!(error instanceof SpeechError) || other === undefined) throw error;
    return { model: other, voice: names.voice(other, name, name === undefined ? language : undefined) };
  }
}

function knows({ capabilities }: CatalogModel, language: string): boolean {
  const plain = (tag: string): string => tag.toLowerCase().split('-', 1)[0]!;
  const { languages } = (capabilities.speak ?? capabilities.listen ?? capabilities.transcribe)!;
  return languages.some((known) => plain(known) === plain(language));
}
