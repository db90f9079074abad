import type { Voice } from '../api/types.ts';
import { languageName, primaryLanguage } from '../lib/language.ts';
import { matches } from '../lib/search.ts';

export interface VoiceGroup {
  /** Name of the language. */
  group: string;
  items: { value: string; label: string }[];
}

/**
 * Voices by language: the languages the reader prefers first, in their order, then the rest by name. Ids are unique;
 * a repeated one is shown once.
 */
export function groupVoices(voices: readonly Voice[], preferred: readonly string[]): VoiceGroup[] {
  const groups = new Map<string, Map<string, Voice>>();
  for (const voice of voices) {
    const language = primaryLanguage(voice.language);
    const group = groups.get(language) ?? new Map<string, Voice>();
    groups.set(language, group.set(voice.id, voice));
  }
  const wanted = [...new Set(preferred.map(primaryLanguage))];
  const rank = (language: string): number => {
    const at = wanted.indexOf(language);
    return at === -1 ? wanted.length : at;
  };
  const seen = new Set<string>();
  return [...groups]
    .map(([language, group]) => ({ language, name: languageName(language), voices: [...group.values()] }))
    .sort((a, b) => rank(a.language) - rank(b.language) || a.name.localeCompare(b.name))
    .map(({ name, voices: members }) => ({
      group: name,
      items: members
        .filter((voice) => !seen.has(voice.id) && seen.add(voice.id))
        .map((voice) => ({ value: voice.id, label: voiceLabel(voice) }))
        .sort((a, b) => a.label.localeCompare(b.label)),
    }))
    .filter(({ items }) => items.length > 0);
}

/** The voice as it stands in a closed list: its language is said unless its name says it already. */
function voiceLabel({ id, name, language }: Voice): string {
  const known = name === '' ? id : name;
  const spoken = languageName(language);
  return known.includes(languageName(primaryLanguage(language))) ? known : `${known} · ${spoken}`;
}

/** Whether each word of `query` occurs in the voice's name, id, language or gender. */
export function voiceMatches(voice: Voice, query: string): boolean {
  const about = [
    voice.name,
    voice.id,
    voice.language,
    languageName(voice.language),
    languageName(primaryLanguage(voice.language)),
    voice.gender ?? '',
  ];
  return matches(about.join(' '), query);
}
