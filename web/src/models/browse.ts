import type { ManagedModel } from '../api/manager.ts';
import { languageName, primaryLanguage } from '../lib/language.ts';
import { matches } from '../lib/search.ts';
import { transferOf } from './arrival.ts';
import { kindName, type TaskGroup, taskOf } from './tasks.ts';

/** What a visitor looks for, as it stands in the page's address. What is left out is not asked for. */
export interface Search {
  task?: TaskGroup;
  /** Primary language subtag: `pt` finds `pt-BR`. */
  language?: string;
  where?: 'here' | 'away';
}

/** Reads a search out of the page's address, where anything may stand. */
export function searchFrom(given: Record<string, unknown>): Search {
  const { task, language, where } = given;
  return {
    ...((task === 'stt' || task === 'tts' || task === 'helper') && { task }),
    ...(typeof language === 'string' && /^[a-z]{2,3}$/.test(language) && { language }),
    ...((where === 'here' || where === 'away') && { where }),
  };
}

/** The models that fit every part of a search and have every word of a text somewhere about them. */
export function findModels(models: readonly ManagedModel[], search: Search, text = ''): ManagedModel[] {
  return models.filter((model) => fits(model, search) && (text.trim() === '' || matches(aboutOf(model), text)));
}

/**
 * The order in which models are shown: those whose names have the words that are looked for, then those on their way,
 * those in memory, those here, the rest; each by name.
 */
export function inOrder(models: readonly ManagedModel[], text = ''): ManagedModel[] {
  const named = new Set(models.filter(({ id, aliases }) => matches([id, ...aliases].join(' '), text)));
  const place = (model: ManagedModel): number => rank(model) + (named.has(model) ? 0 : RANKS);
  return [...models].sort((a, b) => place(a) - place(b) || a.id.localeCompare(b.id, 'en', { numeric: true }));
}

/**
 * A place in the list that a model keeps while the visitor works with it: one that is fetched, loaded or deleted does
 * not jump away from under the pointer. Models that were not there before follow at the end.
 */
export function keepOrder(models: readonly ManagedModel[], order: readonly string[]): ManagedModel[] {
  const place = new Map(order.map((id, at) => [id, at]));
  const at = ({ id }: ManagedModel): number => place.get(id) ?? order.length;
  return [...models].sort((a, b) => at(a) - at(b));
}

/** One more than the last rank. */
const RANKS = 5;

function rank(model: ManagedModel): number {
  if (transferOf(model) !== null) return 0;
  if (model.present) return model.state === 'loaded' || model.state === 'loading' ? 1 : 2;
  return model.state === 'absent' ? 4 : 3;
}

function fits(model: ManagedModel, { task, language, where }: Search): boolean {
  if (task !== undefined && taskOf(model) !== task) return false;
  if (where !== undefined && model.present !== (where === 'here')) return false;
  return language === undefined || model.languages.some((tag) => primaryLanguage(tag) === language);
}

/** Kept with each model: a thousand of them are searched with every letter that is typed. */
const abouts = new WeakMap<ManagedModel, string>();

function aboutOf(model: ManagedModel): string {
  const known = abouts.get(model);
  if (known !== undefined) return known;
  const { id, aliases, description, engine, kind, licence, languages } = model;
  const about = [id, ...aliases, description, engine, kindName(kind), licence, ...languages.map(languageName)].join(
    ' ',
  );
  abouts.set(model, about);
  return about;
}

export interface LanguageChoice {
  /** Primary language subtag. */
  language: string;
  name: string;
  /** How many of the models know it. */
  count: number;
}

/** The languages that models know: those the reader prefers first, in their order, then the rest by name. */
export function languageChoices(models: readonly ManagedModel[], preferred: readonly string[]): LanguageChoice[] {
  const counts = new Map<string, number>();
  for (const { languages } of models) {
    for (const language of new Set(languages.map(primaryLanguage))) {
      counts.set(language, (counts.get(language) ?? 0) + 1);
    }
  }
  const wanted = [...new Set(preferred.map(primaryLanguage))];
  const place = (language: string): number => {
    const at = wanted.indexOf(language);
    return at === -1 ? wanted.length : at;
  };
  return [...counts]
    .map(([language, count]) => ({ language, count, name: languageName(language) }))
    .sort((a, b) => place(a.language) - place(b.language) || a.name.localeCompare(b.name));
}

/** Names of languages, each once, by name. */
export function languageNames(tags: readonly string[]): string[] {
  return [...new Set(tags.map(languageName))].sort((a, b) => a.localeCompare(b));
}

/** What stands for a model's languages where there is little room: regions only where it knows one language. */
export function languageSummary(model: ManagedModel, preferred: readonly string[]): string {
  const choices = languageChoices([model], preferred);
  return fewOf(choices.length > 1 ? choices.map(({ name }) => name) : languageNames(model.languages), 3);
}

/** The first few and how many more there are: `English, German and 55 more`. */
export function fewOf(names: readonly string[], few: number): string {
  if (names.length <= few + 1) return new Intl.ListFormat('en').format(names);
  return `${names.slice(0, few).join(', ')} and ${names.length - few} more`;
}
