import type { Voice } from '../contract.ts';
import type { VoiceList } from './voice-list.ts';
import list from './voices.json' with { type: 'json' };

/**
 * Every language by itself (`en-us`) and with each classic variant (`en-us+f3`), from the shipped list: knowing them
 * takes no WASM. `speaker` is what eSpeak calls the voice.
 */
export function espeakVoices({ voices, variants }: VoiceList): Voice[] {
  return voices.flatMap(({ id, name, language, file }): Voice[] => [
    { id, name, language, speaker: file },
    ...variants.map((variant) => ({
      id: `${id}+${variant.id}`,
      name: `${name}, ${variant.name}`,
      language,
      gender: variant.gender,
      speaker: `${file}+${variant.id}`,
    })),
  ]);
}

export const VOICES: readonly Voice[] = espeakVoices(list as VoiceList);
export const LANGUAGES: readonly string[] = [...new Set(VOICES.map((voice) => voice.language))];
