import type { Model, Voice } from '../api/types.ts';
import { voiceFamilies } from '../speak/families.ts';

/** What a model can do beyond the plain thing, in a few words each. */
export function abilities({ speak, transcribe }: Pick<Model, 'speak' | 'transcribe'>): string[] {
  const found: (string | false)[] = [];
  if (speak) {
    found.push(
      voiceCount(speak.voices),
      speak.speed !== null && `speed ${speak.speed.min} to ${speak.speed.max}×`,
      speak.instructions === true && 'takes instructions',
      speak.wordMarks === true && 'word times',
    );
  }
  if (transcribe) {
    found.push(
      transcribe.detectsLanguage && 'finds the language',
      transcribe.wordTimes && 'word times',
      transcribe.translate && 'translates to English',
      transcribe.confidence && 'says how sure it is',
    );
  }
  return found.filter((ability) => ability !== false);
}

function voiceCount(voices: readonly Voice[]): string {
  const families = voiceFamilies(voices);
  const manners = 1 + Math.max(0, ...families.map(({ variants }) => variants.length));
  const count = families.length === 1 ? '1 voice' : `${families.length} voices`;
  return manners === 1 ? count : `${count} in ${manners} manners`;
}
