import type { Capabilities, Model, SpeakAbility, TranscribeAbility } from './types.ts';

/** States in which a request for the model is answered; a model that is only loading is waited for. */
const USABLE = new Set(['ready', 'loading', 'loaded', 'unloading']);

export function isUsable(model: Model): boolean {
  return USABLE.has(model.state);
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

/** Why models of this kind cannot be used, each reason once. */
export function remedies(capabilities: Capabilities, kind: Model['kind']): { reason: string; remedy: string | null }[] {
  const found = new Map<string, string | null>();
  for (const model of capabilities.models) {
    if (model.kind !== kind || isUsable(model) || !model.reason) continue;
    found.set(model.reason, model.remedy ?? null);
  }
  return [...found].map(([reason, remedy]) => ({ reason, remedy }));
}
