import type { Model } from '../api/types.ts';

/** What a model can do beyond the plain thing, in a few words each. */
export function abilities({ speak, transcribe }: Pick<Model, 'speak' | 'transcribe'>): string[] {
  const found: (string | false)[] = [];
  if (speak) {
    found.push(
      speak.voices.length === 1 ? '1 voice' : `${speak.voices.length} voices`,
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
