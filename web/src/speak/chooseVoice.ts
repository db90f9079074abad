import type { SpeakAbility, Voice } from '../api/types.ts';

export interface ChosenVoice {
  voice: Voice;
  /** A manner that every voice of the model can take on; null is the voice's own. */
  variant: string | null;
  /** What the API calls the two: `en-us` or `en-us+f3`. */
  id: string;
}

/** The first of these ids that the model has, else any voice; null for a model without voices. */
export function chooseVoice(speak: SpeakAbility, ...ids: (string | null)[]): ChosenVoice | null {
  for (const id of ids) {
    if (id === null) continue;
    const exact = speak.voices.find((voice) => voice.id === id);
    if (exact !== undefined) return { voice: exact, variant: null, id };
    const plus = id.lastIndexOf('+');
    const base = speak.voices.find((voice) => voice.id === id.slice(0, plus));
    const variant = id.slice(plus + 1);
    if (plus > 0 && base !== undefined && speak.variants.includes(variant)) return { voice: base, variant, id };
  }
  const first = speak.voices[0];
  return first === undefined ? null : { voice: first, variant: null, id: first.id };
}

export function voiceId(voice: string, variant: string | null): string {
  return variant === null ? voice : `${voice}+${variant}`;
}

/** `f2` is a second female way of speaking; others, such as `whisper`, say it themselves. */
export function variantName(variant: string): string {
  const [, gender, number] = /^([fm])(\d)$/.exec(variant) ?? [];
  if (gender === undefined) return variant.charAt(0).toUpperCase() + variant.slice(1);
  return `${gender === 'f' ? 'Female' : 'Male'} ${number}`;
}
