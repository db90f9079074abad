import type { Espeak } from './wasm.ts';

/** What `voices.json` holds: the voices, and the variants that each of them can be spoken with. */
export interface VoiceList {
  voices: ListedVoice[];
  variants: ListedVariant[];
}
export interface ListedVoice {
  id: string;
  name: string;
  language: string;
  /** eSpeak's file, as `set_voice` takes it. */
  file: string;
}
export interface ListedVariant {
  id: string;
  name: string;
  gender: 'female' | 'male';
}

/** The classic variants. eSpeak has a hundred more (`!v/Storm`, `klatt4`, …): all times all languages is no list. */
const VARIANTS = ['f1', 'f2', 'f3', 'f4', 'm1', 'm2', 'm3', 'm4', 'm5', 'm6', 'm7', 'croak', 'whisper'];

// eSpeak's own codes that are not BCP 47 or mean something else there (`ca-ba` would be Catalan in Bosnia).
const LANGUAGES: Record<string, string> = {
  'ca-ba': 'ca',
  'ca-nw': 'ca',
  'ca-va': 'ca-valencia',
  'chr-us-qaaa-x-west': 'chr',
  'en-us-nyc': 'en-US',
  piqd: 'tlh-Piqd',
  'ru-cl': 'ru',
};

/** Asks the engine itself. The ids are eSpeak's language codes, or the file's name where two voices share a code. */
export function listVoices(espeak: Espeak): VoiceList {
  const voices = new Map<string, ListedVoice>();
  for (const { name, identifier: file, languages } of espeak.listVoices()) {
    const code = languages[0]!.name.toLowerCase();
    const id = voices.has(code) ? file.slice(file.lastIndexOf('/') + 1).toLowerCase() : code;
    voices.set(id, { id, name: name.trim(), language: LANGUAGES[id] ?? withoutPrivateUse(id), file });
  }
  const variants = VARIANTS.map((id): ListedVariant => {
    const file = espeak.files.readFile(`/usr/share/espeak-ng-data/voices/!v/${id}`, { encoding: 'utf8' });
    const gender = /^gender +female/m.test(file) ? 'female' : 'male';
    return { id, name: /^[fm]\d$/.test(id) ? `${gender} ${id[1]}` : id, gender };
  });
  return { voices: [...voices.values()], variants };
}

/** `en-gb-x-rp` → `en-GB`: what follows `x` means something to eSpeak alone, and stays in the id. */
function withoutPrivateUse(code: string): string {
  return Intl.getCanonicalLocales(code.split('-x-')[0])[0]!;
}
