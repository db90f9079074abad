import type { SpeakCapability, Voice } from '../engines/contract.ts';

/** OpenAI's voice names with how they sound, in the order of OpenAI's list. */
export const OPENAI_VOICES: Readonly<Record<string, 'female' | 'male'>> = {
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

/** Whether a voice speaks a language (BCP 47). A plain language stands for all its regions. */
export function speaks(voice: Voice, language: string): boolean {
  const [a, b] = [voice.language.toLowerCase(), language.toLowerCase()];
  return a === b || a.startsWith(`${b}-`) || b.startsWith(`${a}-`);
}

/** The voices of American English, else of any English, else of the model's first language. */
export function inMainLanguage({ voices }: SpeakCapability): readonly Voice[] {
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
export function stockVoice(speak: SpeakCapability, name: string, among: readonly Voice[]): string {
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
