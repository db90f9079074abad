import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { SpeechError } from '../errors.ts';
import type { Catalog, CatalogModel } from './catalog.ts';
import type { Choices, Task } from './choices.ts';
import { MODEL_ID, type ModelKind } from './manifest.ts';
import { type ChosenDefault, ChosenNames, type ChosenSettings, type ModelAlias, pairs } from './names-chosen.ts';
import { inMainLanguage, OPENAI_VOICES, speaks, stockVoice } from './names-of-voices.ts';
import { CATALOG_FOLDER, RECOMMENDED, STARTERS } from './shipped.ts';

/** OpenAI's own model names, which stock clients send. Each stands for this server's default of its kind. */
const OPENAI_MODELS: Readonly<Record<Task, readonly string[]>> = {
  tts: ['tts-1', 'tts-1-hd', 'gpt-4o-mini-tts', 'gpt-4o-mini-tts-2025-12-15'],
  stt: [
    'whisper-1',
    'gpt-transcribe',
    'gpt-4o-transcribe',
    'gpt-4o-mini-transcribe',
    'gpt-4o-mini-transcribe-2025-12-15',
    'gpt-4o-transcribe-diarize',
  ],
};

export interface NameSettings extends ChosenSettings {
  ttsVoice: string;
  voiceAliases: readonly string[];
}

const NO_CHOICES: Pick<Choices, 'defaults' | 'aliases'> = { defaults: [], aliases: [] };

/** Turns the names that callers use into models and voices that exist, and refuses the rest with what there is. */
export class Names {
  #catalog: Catalog;
  #settings: NameSettings;
  #chosen: ChosenNames;
  #voiceAliases: ReadonlyMap<string, string>;
  /** The id of a model that is not here and can be had, by id or alias. */
  #offered: (name: string) => string | undefined = shippedId;

  /** Throws an Error that names a setting which points to nothing. */
  constructor(catalog: Catalog, settings: NameSettings, choices = NO_CHOICES) {
    this.#catalog = catalog;
    this.#settings = settings;
    this.#chosen = new ChosenNames(settings, choices);
    this.#voiceAliases = pairs('OS_VOICE_ALIASES', settings.voiceAliases);
    for (const { task, language, model } of this.#chosen.settingDefaults) {
      if (catalog.get(model)?.manifest.kind === task) continue;
      const setting = language === null ? `${task.toUpperCase()}_MODEL` : `OS_DEFAULT_MODELS: ${task}:${language}`;
      const why = this.#away(model) ?? `there is no such model; there are ${this.#list(task)}`;
      throw new Error(`${setting}=${model}: ${why}`);
    }
    for (const [alias, target] of this.#chosen.settingAliases) {
      if (catalog.get(target) === undefined) {
        throw new Error(`OS_MODEL_ALIASES: ${alias}=${target}: ${this.#away(target) ?? 'there is no such model'}`);
      }
      if (this.isId(alias)) throw new Error(`OS_MODEL_ALIASES: ${alias} is the id of a model and stays that`);
    }
  }

  /** Says what can be had besides what is here. Without that, the catalogue of this installation counts. */
  offer(offered: (name: string) => string | undefined): void {
    this.#offered = offered;
  }

  /**
   * The model a caller means. No name means the default, that of the language (BCP 47) where there is one. Errors:
   * `model_not_found` with the valid names or how to get it, `model_unavailable` where there is no default to use.
   */
  model(task: Task, name: string | undefined, language?: string): CatalogModel {
    if (name === undefined || (OPENAI_MODELS[task].includes(name) && this.#target(name) === undefined)) {
      return this.#default(task, language);
    }
    const model = this.find(name);
    if (model?.manifest.kind === task) return model;
    const target = this.#target(name);
    if (target !== undefined && this.#catalog.get(target) === undefined) {
      throw notFound(`The name '${name}' stands for the model '${target}', which is not here.${this.#how(target)}`);
    }
    const offered = model === undefined ? this.#offered(name) : undefined;
    if (offered !== undefined) throw notFound(`The model '${offered}' is not here.${this.#how(offered)}`);
    const work = task === 'tts' ? 'speaks' : 'transcribes';
    throw notFound(`There is no model '${shorten(name)}' that ${work}. There are: ${this.#list(task)}.`);
  }

  /** A model of any kind by id or alias. OpenAI's names are not models of their own. */
  find(name: string): CatalogModel | undefined {
    const target = this.#target(name);
    if (target !== undefined) return this.#catalog.get(target);
    return this.#catalog.get(name) ?? this.#catalog.list().find(({ manifest }) => manifest.aliases.includes(name));
  }

  /** Whether a name is the id of a model, here or to be had. No alias may be one. */
  isId(name: string): boolean {
    return this.#catalog.get(name) !== undefined || this.#offered(name) === name;
  }

  /** The default model of a kind: the operator's for that language, else for all, else the best that is available. */
  default(kind: ModelKind, language?: string): CatalogModel | undefined {
    const chosen = kind === 'tts' || kind === 'stt' ? this.#chosen.default(kind, language) : undefined;
    if (chosen !== undefined) return this.#catalog.get(chosen);
    const available = this.#catalog
      .list()
      .filter((model) => model.manifest.kind === kind && model.available && hasVoice(model));
    const fitting = language === undefined ? [] : available.filter((model) => knows(model, language));
    const candidates = fitting.length > 0 ? fitting : available;
    return [...candidates].sort((a, b) => rank(a) - rank(b))[0];
  }

  /** Every default that a setting or the operator chose; of two for the same, the operator's. */
  defaults(): readonly ChosenDefault[] {
    return this.#chosen.defaults;
  }

  /** What a model is the default for: languages, `*` for all that have none of their own. */
  defaultFor(model: CatalogModel): string[] {
    const { id, kind } = model.manifest;
    const languages = this.defaults().filter((each) => each.model === id && each.language !== null);
    return [...(this.default(kind) === model ? ['*'] : []), ...languages.map(({ language }) => language!)];
  }

  /** Every name that stands for a model: its manifest's aliases, the operator's, and OpenAI's for the defaults. */
  aliases(model: CatalogModel): string[] {
    const { id, kind, aliases } = model.manifest;
    const given = [...this.#chosen.aliases.values()].filter((each) => each.model === id);
    const openai = (kind === 'tts' || kind === 'stt') && this.default(kind) === model ? OPENAI_MODELS[kind] : [];
    const free = openai.filter((name) => this.#target(name) === undefined);
    return [...new Set([...aliases, ...given.map(({ alias }) => alias), ...free])];
  }

  /** Every alias there is but OpenAI's names; of two alike the one that counts. */
  aliasList(): ModelAlias[] {
    const all = new Map<string, ModelAlias>();
    for (const { manifest } of this.#catalog.list()) {
      for (const alias of manifest.aliases) {
        if (!all.has(alias)) all.set(alias, { alias, model: manifest.id, source: 'manifest' });
      }
    }
    for (const given of this.#chosen.aliases.values()) all.set(given.alias, given);
    return [...all.values()].sort((a, b) => (a.alias < b.alias ? -1 : 1));
  }

  /**
   * The voice a caller means, as the model knows it. `language` (BCP 47) chooses among voices when the name is one of
   * OpenAI's or missing. Errors: `voice_not_found` with the valid ones, `unsupported_by_model` for the language.
   */
  voice(model: CatalogModel, name: string | undefined, language: string | undefined): string {
    const speak = model.capabilities.speak!;
    if (speak.voices.length === 0) {
      throw new SpeechError(
        'unsupported_by_model',
        `The model '${model.manifest.id}' imitates recordings and has no voice of its own: give its manifest one (docs/models.md).`,
        { param: 'voice' },
      );
    }
    const wanted = name ?? this.#settings.ttsVoice;
    const aliased = this.#voiceAliases.get(`${model.manifest.id}:${wanted}`) ?? this.#voiceAliases.get(wanted);
    const id = aliased ?? wanted;
    if (speak.voices.some((voice) => voice.id === id)) return id;
    const spoken = language === undefined ? [] : speak.voices.filter((voice) => speaks(voice, language));
    if (language !== undefined && spoken.length === 0) {
      throw new SpeechError(
        'unsupported_by_model',
        `The model '${model.manifest.id}' does not speak '${shorten(language)}'. It speaks: ${listed(speak.languages)}.`,
        { param: 'language' },
      );
    }
    if (wanted === '' || Object.hasOwn(OPENAI_VOICES, wanted.toLowerCase())) {
      return stockVoice(speak, wanted.toLowerCase(), spoken.length > 0 ? spoken : inMainLanguage(speak));
    }
    throw new SpeechError(
      'voice_not_found',
      `The model '${model.manifest.id}' has no voice '${shorten(wanted)}'. It has: ${listed(speak.voices.map((voice) => voice.id))}. OpenAI's voice names work too.`,
      { param: 'voice' },
    );
  }

  #default(task: Task, language: string | undefined): CatalogModel {
    const model = this.default(task, language);
    if (model !== undefined) return model;
    const chosen = this.#chosen.default(task, language);
    const packaged = this.#catalog.list().find((candidate) => candidate.manifest.kind === task);
    const remedy = packaged?.remedy === undefined ? '' : ` Get one with: ${packaged.remedy}`;
    const message =
      chosen === undefined
        ? `This server has no model that ${task === 'tts' ? 'speaks' : 'transcribes'}.${remedy}`
        : `The default model '${chosen}' is not here.${this.#how(chosen)}`;
    throw new SpeechError('model_unavailable', message, { param: 'model' });
  }

  /** What a setting or the operator lets a name stand for. The id of a model that is here is always that model. */
  #target(name: string): string | undefined {
    if (this.#catalog.get(name) !== undefined) return undefined;
    return this.#chosen.aliases.get(name)?.model;
  }

  /** What to say of a model that is not here and can be had. */
  #away(id: string): string | undefined {
    return this.#catalog.get(id) === undefined && this.isId(id) ? `this model is not here.${this.#how(id)}` : undefined;
  }

  #how(id: string): string {
    return this.#offered(id) === undefined ? '' : ` Get it with: open-speech models pull ${id}`;
  }

  #list(task: Task): string {
    const ids = this.#catalog.list().filter((model) => model.manifest.kind === task);
    return listed([...ids.map((model) => model.manifest.id), ...OPENAI_MODELS[task]]);
  }
}

const LISTED = 40;
function listed(names: readonly string[]): string {
  const shown = names.slice(0, LISTED).join(', ');
  return names.length > LISTED ? `${shown} and ${names.length - LISTED} more (GET /v1/audio/voices)` : shown;
}

function shorten(name: string): string {
  return name.length > 80 ? `${name.slice(0, 80)}…` : name;
}

function notFound(message: string): SpeechError {
  return new SpeechError('model_not_found', message, { param: 'model' });
}

/**
 * Which of several models callers get where nobody chose: a recommended one before any other that was added, those of a
 * first start after these, and last what comes with every installation.
 */
function rank({ manifest: { id }, packaged }: CatalogModel): number {
  if (packaged) return 3;
  return RECOMMENDED.includes(id) ? 0 : STARTERS.includes(id) ? 2 : 1;
}

/** False for a voice model that imitates recordings and was given none. */
function hasVoice({ capabilities }: CatalogModel): boolean {
  return capabilities.speak === undefined || capabilities.speak.voices.length > 0;
}

/** Whether a model works in a language; regions do not matter. */
function knows({ capabilities }: CatalogModel, language: string): boolean {
  const plain = (tag: string): string => tag.toLowerCase().split('-', 1)[0]!;
  const languages = (capabilities.speak ?? capabilities.transcribe)?.languages ?? [];
  return languages.some((known) => plain(known) === plain(language));
}

/** The catalogue has one file for each model, so nothing needs to be read to know whether it has one. */
function shippedId(name: string): string | undefined {
  return MODEL_ID.test(name) && existsSync(join(CATALOG_FOLDER, `${name}.json`)) ? name : undefined;
}
