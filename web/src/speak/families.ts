import type { Voice } from '../api/types.ts';

/** A voice with the manners it can take on: `en-us` with `en-us+f3` and `en-us+whisper`. Many voices have none. */
export interface VoiceFamily {
  voice: Voice;
  variants: Voice[];
}

export interface ChosenVoice {
  family: VoiceFamily;
  /** The voice of the family or one of its variants. */
  voice: Voice;
}

/** Gathers `name+manner` under `name`, so that a list of thousands becomes one that can be looked through. */
export function voiceFamilies(voices: readonly Voice[]): VoiceFamily[] {
  const families = new Map(voices.map((voice): [string, VoiceFamily] => [voice.id, { voice, variants: [] }]));
  for (const voice of voices) {
    const family = families.get(voice.id.slice(0, Math.max(0, voice.id.lastIndexOf('+'))));
    if (family === undefined) continue;
    family.variants.push(voice);
    families.delete(voice.id);
  }
  return [...families.values()];
}

/** The first of these ids that there is, else any voice; null where there is none. */
export function chooseVoice(families: readonly VoiceFamily[], ...ids: (string | null)[]): ChosenVoice | null {
  for (const id of ids) {
    for (const family of families) {
      const voice = [family.voice, ...family.variants].find((candidate) => candidate.id === id);
      if (voice !== undefined) return { family, voice };
    }
  }
  const first = families[0];
  return first === undefined ? null : { family: first, voice: first.voice };
}

/** Another voice in the same manner, where it has it. */
export function sameManner(family: VoiceFamily, before: ChosenVoice): string {
  const manner = before.voice.id.slice(before.family.voice.id.length);
  return family.variants.find(({ id }) => id === family.voice.id + manner)?.id ?? family.voice.id;
}

/** What makes a variant different: `English (America), female 3` is `Female 3` of `English (America)`. */
export function mannerName(family: VoiceFamily, variant: Voice): string {
  const start = `${family.voice.name}, `;
  const name = variant.name.startsWith(start) ? variant.name.slice(start.length) : variant.name;
  return name.charAt(0).toUpperCase() + name.slice(1);
}
