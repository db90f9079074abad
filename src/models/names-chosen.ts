import { type Choices, canonicalLanguage, type DefaultModel, TASKS, type Task } from './choices.ts';

export interface ChosenSettings {
  sttModel: string;
  ttsModel: string;
  modelAliases: readonly string[];
  defaultModels: readonly string[];
}

/** A name that stands for a model, and who said so. */
export interface ModelAlias {
  alias: string;
  model: string;
  source: 'manifest' | 'setting' | 'operator';
}

/** A default, and who chose it. */
export interface ChosenDefault extends DefaultModel {
  source: 'setting' | 'operator';
}

interface Counting {
  defaults: readonly ChosenDefault[];
  aliases: ReadonlyMap<string, ModelAlias>;
}

/**
 * The defaults and aliases that somebody chose, in settings or while the server runs: of two for the same, the latter
 * counts. Says nothing about whether the models are here.
 */
export class ChosenNames {
  readonly settingDefaults: readonly DefaultModel[];
  readonly settingAliases: ReadonlyMap<string, string>;
  #choices: Pick<Choices, 'defaults' | 'aliases'>;
  #counting: Counting | undefined;
  /** The choices that this comes from; each further choice makes both lists anew. */
  #of: readonly object[] = [];

  /** Throws an Error that names the setting which is not written as it should be. */
  constructor(settings: ChosenSettings, choices: Pick<Choices, 'defaults' | 'aliases'>) {
    this.#choices = choices;
    this.settingDefaults = settingDefaults(settings);
    this.settingAliases = pairs('OS_MODEL_ALIASES', settings.modelAliases);
  }

  get defaults(): readonly ChosenDefault[] {
    return this.#current().defaults;
  }

  get aliases(): ReadonlyMap<string, ModelAlias> {
    return this.#current().aliases;
  }

  /** The default for a language as it is, else without region and script, else for all. */
  default(task: Task, language: string | undefined): string | undefined {
    const defaults = this.defaults.filter((each) => each.task === task);
    const parts = language === undefined ? [] : language.toLowerCase().split('-');
    for (; parts.length > 0; parts.pop()) {
      const tag = parts.join('-');
      const found = defaults.find((each) => each.language?.toLowerCase() === tag);
      if (found !== undefined) return found.model;
    }
    return defaults.find((each) => each.language === null)?.model;
  }

  #current(): Counting {
    const { defaults, aliases } = this.#choices;
    if (this.#counting === undefined || this.#of[0] !== defaults || this.#of[1] !== aliases) {
      this.#counting = this.#count();
      this.#of = [defaults, aliases];
    }
    return this.#counting;
  }

  #count(): Counting {
    const defaults = new Map<string, ChosenDefault>();
    const choose = (each: DefaultModel, source: ChosenDefault['source']): unknown =>
      defaults.set(`${each.task} ${each.language ?? ''}`, { ...each, source });
    for (const each of this.settingDefaults) choose(each, 'setting');
    for (const each of this.#choices.defaults) choose(each, 'operator');
    const aliases = new Map<string, ModelAlias>();
    for (const [alias, model] of this.settingAliases) aliases.set(alias, { alias, model, source: 'setting' });
    for (const { alias, model } of this.#choices.aliases) aliases.set(alias, { alias, model, source: 'operator' });
    const ordered = [...defaults].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, each]) => each);
    return { defaults: ordered, aliases };
  }
}

/** Reads `name=target` entries of a setting. Throws an Error that names it. */
export function pairs(setting: string, entries: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    entries.map((entry) => {
      const [alias, target, ...rest] = entry.split('=').map((part) => part.trim());
      if (!alias || !target || rest.length > 0) throw new Error(`${setting}: '${entry}' is not alias=name`);
      return [alias, target];
    }),
  );
}

function settingDefaults({ sttModel, ttsModel, defaultModels }: ChosenSettings): DefaultModel[] {
  const general = [
    { task: 'tts', language: null, model: ttsModel },
    { task: 'stt', language: null, model: sttModel },
  ] as const;
  const ofLanguages = [...pairs('OS_DEFAULT_MODELS', defaultModels)].map(([written, model]): DefaultModel => {
    const [task, language, ...rest] = written.split(':');
    const known = TASKS.find((each) => each === task);
    if (known === undefined || !language || rest.length > 0) {
      throw new Error(`OS_DEFAULT_MODELS: '${written}' is not stt or tts with a language, as in stt:de=model`);
    }
    try {
      return { task: known, language: canonicalLanguage(language), model };
    } catch (error) {
      throw new Error(`OS_DEFAULT_MODELS: ${(error as Error).message}`);
    }
  });
  return [...general.filter(({ model }) => model !== ''), ...ofLanguages];
}
