import { isUsable } from '../api/models.ts';
import type { Capabilities, ListenAbility, Model } from '../api/types.ts';
import { languageName } from '../lib/language.ts';
import { Store } from '../lib/store.ts';

export type LiveMode = 'captions' | 'conversation';

/** How to listen and answer. Null is the server's or the browser's choice. */
export interface LiveChoices {
  mode: LiveMode;
  device: string | null;
  model: string | null;
  language: string | null;
  /** The pause that ends an utterance. */
  pauseMs: number;
  voice: string | null;
  instructions: string;
}

export const PAUSES_MS = [300, 500, 800, 1200, 2000];

const KEPT = 'open-speech.live';

/** Remembered on this device, apart from the instructions: they may say what nobody else should read. */
export class LiveChoicesStore extends Store<LiveChoices> {
  constructor() {
    super({
      ...{ mode: 'captions', device: null, model: null, language: null, pauseMs: 500, voice: null, instructions: '' },
      ...kept(),
    });
  }

  edit(change: Partial<LiveChoices>): void {
    this.update(change);
    const { instructions: _, ...choices } = this.state;
    try {
      localStorage.setItem(KEPT, JSON.stringify(choices));
    } catch {
      // A browser that stores nothing remembers nothing.
    }
  }

  clear(): void {
    this.update({ instructions: '' });
  }
}

function kept(): Partial<LiveChoices> {
  try {
    return choicesFrom(JSON.parse(localStorage.getItem(KEPT) ?? 'null'));
  } catch {
    return {};
  }
}

/** What an earlier visit left, as far as it makes sense. */
export function choicesFrom(found: unknown): Partial<LiveChoices> {
  if (typeof found !== 'object' || found === null) return {};
  const { mode, device, model, language, pauseMs, voice } = found as Record<string, unknown>;
  return {
    ...((mode === 'captions' || mode === 'conversation') && { mode }),
    ...(typeof device === 'string' && { device }),
    ...(typeof model === 'string' && { model }),
    ...(typeof language === 'string' && { language }),
    ...(typeof voice === 'string' && { voice }),
    ...(typeof pauseMs === 'number' && PAUSES_MS.includes(pauseMs) && { pauseMs }),
  };
}

export interface LiveModel extends Model {
  hears: ListenAbility;
}

/** Recognisers that can be used now: those made for live speech first, the others hear it piece by piece. */
export function liveModels({ models }: Pick<Capabilities, 'models'>): LiveModel[] {
  const usable = models.filter(isUsable).flatMap((model) => {
    const hears = model.listen ?? model.transcribe;
    return hears == null ? [] : [{ ...model, hears }];
  });
  return [...usable.filter(({ listen }) => listen != null), ...usable.filter(({ listen }) => listen == null)];
}

/** Stands for leaving the language to the model. */
export const ANY_LANGUAGE = '';

/** The languages to choose from, and which of them is chosen. */
export function languageChoices(
  { languages, detectsLanguage }: ListenAbility,
  wanted: string | null,
): { choices: { value: string; label: string }[]; language: string } {
  const named = languages
    .map((value) => ({ value, label: languageName(value) }))
    .sort((a, b) => a.label.localeCompare(b.label));
  const free = detectsLanguage || languages.length !== 1;
  const choices = free ? [{ value: ANY_LANGUAGE, label: 'Found by the model' }, ...named] : named;
  const language = choices.find(({ value }) => value === wanted)?.value ?? choices[0]?.value ?? ANY_LANGUAGE;
  return { choices, language };
}
