import type { SpeakCapability, Voice } from '../engines/contract.ts';
import { SpeechError } from '../errors.ts';
import type { Catalog, CatalogModel } from './catalog.ts';
import type { ModelKind } from './manifest.ts';

type Kind = 'tts' | 'stt';

/** OpenAI's own model names, which stock clients send. Each stands for this server's default of its kind. */
const OPENAI_MODELS: Readonly<Record<Kind, readonly string[]>> = {
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

/** OpenAI's voice names with how they sound, in the order of OpenAI's list. */
const OPENAI_VOICES: Readonly<Record<string, 'female' | 'male'>> = {
  alloy: 'female',
  ash: 'male',
  ballad: 'male',
  coral: 'female',
  echo: 'male',
  fable: 'male',
  onyx: 'male',
  nova: 'female',
  sage: 'female',
  shimmer: 'female',
  verse: 'male',
  marin: 'female',
  cedar: 'male',
};

export interface NameSettings {
  sttModel: string;
  ttsModel: string;
  ttsVoice: string;
  modelAliases: readonly string[];
  voiceAliases: readonly string[];
}

/** Turns the names that callers use into models and voices that exist, and refuses the rest with what there is. */
export class Names {
  #catalog: Catalog;
  #settings: NameSettings;
  #modelAliases: ReadonlyMap<string, string>;
  #voiceAliases: ReadonlyMap<string, string>;

  /** Throws an Error that names a setting which points to nothing. */
  constructor(catalog: Catalog, settings: NameSettings) {
    this.#catalog = catalog;
    this.#settings = settings;
    this.#modelAliases = pairs('OS_MODEL_ALIASES', settings.modelAliases);
    this.#voiceAliases = pairs('OS_VOICE_ALIASES', settings.voiceAliases);
    for (const [name, kind] of [
      [settings.ttsModel, 'tts'],
      [settings.sttModel, 'stt'],
    ] as const) {
      if (name !== '' && catalog.get(name)?.manifest.kind !== kind) {
        throw new Error(`${kind.toUpperCase()}_MODEL=${name}: there is no such model; there are ${this.#list(kind)}`);
      }
    }
    for (const [alias, target] of this.#modelAliases) {
      if (catalog.get(target) === undefined) throw new Error(`OS_MODEL_ALIASES: ${alias} names no model (${target})`);
    }
  }

  /**
   * The model a caller means. No name means the default. Errors: `model_not_found` with the valid names,
   * `model_unavailable` where there is no default to use.
   */
  model(kind: Kind, name: string | undefined): CatalogModel {
    if (name === undefined || OPENAI_MODELS[kind].includes(name)) {
      const aliased = name === undefined ? undefined : this.#modelAliases.get(name);
      return aliased === undefined ? this.#default(kind) : this.#catalog.get(aliased)!;
    }
    const model = this.find(name);
    if (model === undefined || model.manifest.kind !== kind) {
      const work = kind === 'tts' ? 'speaks' : 'transcribes';
      throw new SpeechError(
        'model_not_found',
        `There is no model '${shorten(name)}' that ${work}. There are: ${this.#list(kind)}.`,
        { param: 'model' },
      );
    }
    return model;
  }

  /** A model of either kind by id or alias. OpenAI's names are not models of their own. */
  find(name: string): CatalogModel | undefined {
    const id = this.#modelAliases.get(name) ?? name;
    return this.#catalog.get(id) ?? this.#catalog.list().find((candidate) => candidate.manifest.aliases.includes(name));
  }

  /** The default model of a kind: the operator's, else the best that is available. */
  default(kind: ModelKind): CatalogModel | undefined {
    const chosen = kind === 'tts' ? this.#settings.ttsModel : kind === 'stt' ? this.#settings.sttModel : '';
    if (chosen !== '') return this.#catalog.get(chosen);
    const available = this.#catalog.list().filter((model) => model.manifest.kind === kind && model.available);
    // What someone added is better than what comes with every installation.
    return available.find((model) => !model.packaged) ?? available[0];
  }

  /** Every name that stands for a model: its manifest's aliases, the operator's, and OpenAI's for the defaults. */
  aliases(model: CatalogModel): string[] {
    const { id, kind, aliases } = model.manifest;
    const operators = [...this.#modelAliases].filter(([, target]) => target === id).map(([alias]) => alias);
    const openai = (kind === 'tts' || kind === 'stt') && this.default(kind) === model ? OPENAI_MODELS[kind] : [];
    return [...new Set([...aliases, ...operators, ...openai])];
  }

  /**
   * The voice a caller means, as the model knows it. `language` (BCP 47) chooses among voices when the name is one of
   * OpenAI's or missing. Errors: `voice_not_found` with the valid ones, `unsupported_by_model` for the language.
   */
  voice(model: CatalogModel, name: string | undefined, language: string | undefined): string {
    const speak = model.capabilities.speak!;
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

  #default(kind: Kind): CatalogModel {
    const model = this.default(kind);
    if (model !== undefined) return model;
    const packaged = this.#catalog.list().find((candidate) => candidate.manifest.kind === kind);
    const remedy = packaged?.remedy === undefined ? '' : ` Get one with: ${packaged.remedy}`;
    throw new SpeechError(
      'model_unavailable',
      `This server has no model that ${kind === 'tts' ? 'speaks' : 'transcribes'}.${remedy}`,
      { param: 'model' },
    );
  }

  #list(kind: Kind): string {
    const ids = this.#catalog.list().filter((model) => model.manifest.kind === kind);
    return listed([...ids.map((model) => model.manifest.id), ...OPENAI_MODELS[kind]]);
  }
}

function speaks(voice: Voice, language: string): boolean {
  const [a, b] = [voice.language.toLowerCase(), language.toLowerCase()];
  return a === b || a.startsWith(`${b}-`) || b.startsWith(`${a}-`);
}

/** The voices of American English, else of any English, else of the model's first language. */
function inMainLanguage({ voices }: SpeakCapability): readonly Voice[] {
  const wanted = [
    (tag: string) => tag === 'en-us',
    (tag: string) => tag === 'en' || tag.startsWith('en-'),
    (tag: string) => tag === voices[0]!.language.toLowerCase(),
  ];
  const found = wanted.map((fits) => voices.filter((voice) => fits(voice.language.toLowerCase())));
  return found.find((pool) => pool.length > 0)!;
}

/**
 * The model's voice for one of OpenAI's names: its own voice of that name (`af_nova` for `nova`), else always the same
 * one of the fitting gender, so that different names stay different voices as far as the model has them.
 */
function stockVoice(speak: SpeakCapability, name: string, among: readonly Voice[]): string {
  const pool = among.length > 0 ? among : speak.voices;
  if (name === '') return pool[0]!.id;
  const own = pool.find((voice) => voice.id.toLowerCase() === name || voice.id.toLowerCase().endsWith(`_${name}`));
  if (own !== undefined) return own.id;
  const gender = OPENAI_VOICES[name]!;
  const sameGender = pool.filter((voice) => voice.gender === gender);
  const choices = sameGender.length > 0 ? sameGender : pool;
  const names = Object.keys(OPENAI_VOICES).filter((other) => OPENAI_VOICES[other] === gender);
  return choices[names.indexOf(name) % choices.length]!.id;
}

function pairs(setting: string, entries: readonly string[]): ReadonlyMap<string, string> {
  return new Map(
    entries.map((entry) => {
      const [alias, target, ...rest] = entry.split('=').map((part) => part.trim());
      if (!alias || !target || rest.length > 0) throw new Error(`${setting}: '${entry}' is not alias=name`);
      return [alias, target];
    }),
  );
}

const LISTED = 40;
function listed(names: readonly string[]): string {
  const shown = names.slice(0, LISTED).join(', ');
  return names.length > LISTED ? `${shown} and ${names.length - LISTED} more (GET /v1/audio/voices)` : shown;
}

function shorten(name: string): string {
  return name.length > 80 ? `${name.slice(0, 80)}…` : name;
}
