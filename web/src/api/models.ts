import type { Capabilities, Model, SpeakAbility, TranscribeAbility } from './types.ts';

/** States in which every request for a model is refused; one that is not loaded yet is loaded when it is asked for. */
const USELESS = new Set(['unavailable', 'quarantined']);

export function isUsable(model: Model): boolean {
  return !USELESS.has(model.state);
}

export type SpeakingModel = Model & { speak: SpeakAbility };
export type HearingModel = Model & { transcribe: TranscribeAbility };

/** Models that can speak now. */
export function speakingModels(capabilities: Capabilities): SpeakingModel[] {
  return capabilities.models.filter((model): model is SpeakingModel => isUsable(model) && model.speak != null);
}

/** Models that can transcribe now. */
export function hearingModels(capabilities: Capabilities): HearingModel[] {
  return capabilities.models.filter((model): model is HearingModel => isUsable(model) && model.transcribe != null);
}

/** The wanted model if it is there, else the default, else any. `name` may be an id or an alias. */
export function pickModel<M extends Model>(models: readonly M[], ...names: (string | null)[]): M | null {
  for (const name of names) {
    const found = models.find(({ id, aliases }) => id === name || (name !== null && aliases.includes(name)));
    if (found !== undefined) return found;
  }
  return models[0] ?? null;
}

export interface Notice {
  text: string;
  /** A line to run on the server's machine; the text leads up to it. */
  command: string | null;
}

/** What the server wants known. A remedy at the end of a notice is told apart, so that it can be copied. */
export function noticesOf({ notices, models }: Pick<Capabilities, 'notices' | 'models'>): Notice[] {
  const remedies = models.flatMap(({ remedy }) => remedy ?? []);
  return notices.map((notice) => withoutRemedy(notice, remedies));
}

/** Why a model cannot be used and what mends it; null where nothing is known to be wrong. */
export function troubleOf({ reason, remedy }: Pick<Model, 'reason' | 'remedy'>): Notice | null {
  if (!reason) return null;
  return { ...withoutRemedy(reason, remedy ? [remedy] : []), command: remedy ?? null };
}

function withoutRemedy(text: string, remedies: readonly string[]): Notice {
  const command = remedies.find((remedy) => remedy !== '' && text.endsWith(remedy));
  return command === undefined ? { text, command: null } : { text: text.slice(0, -command.length).trim(), command };
}
