import type { Capabilities, OpenModel, SpeakCapability, TranscribeCapability, Voice } from '../contract.ts';

/** What is asked of a recogniser that can be told a language or to translate. */
export interface Hints {
  /** BCP 47; one of the model's languages. */
  language?: string | undefined;
  task: 'transcribe' | 'translate';
}

interface CommonFamily {
  /** Roles that a manifest must name in `assets`. */
  required(model: OpenModel): readonly string[];
}

/** What sherpa-onnx is told for one text besides speaker, pace and pauses. */
export interface Generation {
  /** Steps of a model that makes sound by refining noise: more are slower and better. */
  numSteps?: number;
  extra?: Readonly<Record<string, string | number>>;
}

/** A family of voices. */
export interface VoiceFamily extends CommonFamily {
  api: 'voice';
  /** Hz, where the manifest does not say. */
  sampleRate: number;
  /** Where it cannot speak at every pace. */
  speed?: SpeakCapability['speed'];
  /**
   * The family sounds like a recording: the role `reference`, a WAV file. `transcribed` ones also need its words, in the
   * option `referenceText`.
   */
  imitates?: 'recording' | 'transcribed recording';
  generation?(model: OpenModel, voice: Voice): Generation;
  /** The family's part of sherpa's `OfflineTtsConfig.model`. */
  config(model: OpenModel): Readonly<Record<string, object>>;
}

/** A family of recognisers. `recogniser` hears a whole recording at once, `streaming` piece by piece. */
export interface RecogniserFamily extends CommonFamily {
  api: 'recogniser' | 'streaming';
  /** The family's part of sherpa's `modelConfig`. */
  config(model: OpenModel, hints: Hints): Readonly<Record<string, object | string>>;
  /**
   * True where language and task are part of the configuration. Such models hold them for all their streams, so they
   * take one request at a time.
   */
  takesHints?: boolean;
  capability(model: OpenModel): Omit<TranscribeCapability, 'languages'>;
}

/** How sherpa-onnx runs a model: a part of every configuration. */
export interface Runtime {
  numThreads: number;
  provider: string;
  debug: boolean;
}

/** A family of models that help: they find voices, speakers and languages, take out noise, punctuate. */
export interface HelperFamily extends CommonFamily {
  api: 'vad' | 'denoiser' | 'diarizer' | 'embedder' | 'punctuator' | 'casing-punctuator' | 'language-id';
  /** sherpa's configuration. */
  config(model: OpenModel, runtime: Runtime): Record<string, unknown>;
  capabilities(model: OpenModel): Capabilities;
}

export type Family = VoiceFamily | RecogniserFamily | HelperFamily;

/** Whether a family is of the models that help, which say themselves what they can do. */
export const helps = (family: Family): family is HelperFamily => 'capabilities' in family;

/** The paths of the named roles that the manifest has, by role. */
export function paths(model: OpenModel, ...roles: string[]): Record<string, string> {
  return Object.fromEntries(roles.flatMap((role) => (model.assets[role] ? [[role, model.assets[role]]] : [])));
}

/**
 * The paths of a role that may have several files: `lexicon`, or `lexicon-us`, `lexicon-zh`, … in the manifest's
 * order, joined by commas as sherpa-onnx wants them.
 */
export function pathList(model: OpenModel, role: string): Record<string, string> {
  const found = Object.entries(model.assets).filter(([name]) => name === role || name.startsWith(`${role}-`));
  return found.length === 0 ? {} : { [role]: found.map(([, path]) => path).join(',') };
}

/** The named options that the manifest has. */
export function options(model: OpenModel, ...names: string[]): Record<string, string | number> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = model.options[name];
      return value === undefined ? [] : [[name, typeof value === 'boolean' ? Number(value) : value]];
    }),
  );
}

/** The language without script and region: `pt` of `pt-BR`. */
export const baseLanguage = (tag: string): string => tag.split('-', 1)[0]!.toLowerCase();

/** Whether the model knows more than one language. */
export const multilingual = (model: OpenModel): boolean => new Set(model.languages.map(baseLanguage)).size > 1;
