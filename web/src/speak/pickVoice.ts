import type { Voice } from '../api/types.ts';

/** The wanted voice if the model has it, else the server's default, else any. */
export function pickVoice(voices: readonly Voice[], ...ids: (string | null)[]): Voice | null {
  for (const id of ids) {
    const found = voices.find((voice) => voice.id === id);
    if (found !== undefined) return found;
  }
  return voices[0] ?? null;
}
