import { SpeechError } from '../errors.ts';
import type { CatalogModel } from './catalog.ts';
import { ALIAS, type Choices, canonicalLanguage, type Task } from './choices.ts';
import type { Names } from './names.ts';

export interface ChooseDeps {
  names: Names;
  choices: Choices;
}

/**
 * Chooses the model for callers who name none, of a language (BCP 47) or, with null, of all that have none of their
 * own; a model of null takes the choice back. Throws SpeechError `model_not_found`, `unsupported_by_model` where it does
 * not do that in that language, `conflict` where a setting would have to be changed.
 */
export function chooseDefault(
  { names, choices }: ChooseDeps,
  task: Task,
  language: string | null,
  name: string | null,
): void {
  const tag = language === null ? null : canonicalLanguage(language);
  const is = (each: { task: Task; language: string | null }): boolean => each.task === task && each.language === tag;
  if (name === null) {
    if (!choices.defaults.some(is) && names.defaults().some(is)) {
      const setting = tag === null ? `${task.toUpperCase()}_MODEL` : 'OS_DEFAULT_MODELS';
      throw new SpeechError('conflict', `This default comes from ${setting}: change that.`, { param: 'model' });
    }
    choices.setDefault(task, tag, null);
    return;
  }
  const model = names.model(task, name);
  if (tag !== null) requireLanguage(model, tag);
  choices.setDefault(task, tag, model.manifest.id);
}

/**
 * Lets a name stand for a model; a model of null takes that back. Throws SpeechError `model_not_found` where there is no
 * such model, `invalid_request` for what cannot be a name, `conflict` for the id of a model and where a setting would
 * have to be changed.
 */
export function chooseAlias({ names, choices }: ChooseDeps, alias: string, name: string | null): void {
  const param = 'alias';
  if (name === null) {
    const { source } = names.aliasList().find((each) => each.alias === alias) ?? {};
    if (source === 'setting') {
      throw new SpeechError('conflict', `The alias '${alias}' comes from OS_MODEL_ALIASES: change that.`, { param });
    }
    if (source === 'manifest') {
      throw new SpeechError('conflict', `The alias '${alias}' comes with the model itself.`, { param });
    }
    choices.setAlias(alias, null);
    return;
  }
  if (!ALIAS.test(alias)) {
    const message = 'An alias has up to 128 letters, digits and . _ : / @ + - and begins with a letter or digit.';
    throw new SpeechError('invalid_request', message, { param });
  }
  if (names.isId(alias)) {
    const message = `'${alias}' is the id of a model, and an alias never stands in its place.`;
    throw new SpeechError('conflict', message, { param });
  }
  const model = names.find(name);
  if (model === undefined) {
    throw new SpeechError('model_not_found', `There is no model '${name.slice(0, 80)}' here.`, { param: 'model' });
  }
  choices.setAlias(alias, model.manifest.id);
}

/** What has to be changed before a model may be removed, or undefined where nothing names it. */
export function whatNames(choices: Choices, id: string): string | undefined {
  if (choices.pins.includes(id)) return `The model '${id}' is pinned: unpin it first.`;
  const chosen = choices.defaults.find(({ model }) => model === id);
  if (chosen !== undefined) {
    const language = chosen.language === null ? '' : ` for ${chosen.language}`;
    return `The model '${id}' is the default of ${chosen.task}${language}: choose another first.`;
  }
  const alias = choices.aliases.find(({ model }) => model === id)?.alias;
  return alias === undefined ? undefined : `The alias '${alias}' stands for the model '${id}': take it back first.`;
}

function requireLanguage({ manifest, capabilities }: CatalogModel, tag: string): void {
  const languages = (capabilities.speak ?? capabilities.transcribe)?.languages ?? [];
  const plain = (each: string): string => each.toLowerCase().split('-', 1)[0]!;
  if (languages.some((known) => plain(known) === plain(tag))) return;
  throw new SpeechError(
    'unsupported_by_model',
    `The model '${manifest.id}' does not know the language '${tag}'. It knows: ${languages.join(', ')}.`,
    { param: 'language' },
  );
}
