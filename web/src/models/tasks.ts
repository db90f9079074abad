import type { ManagedModel, Task } from '../api/manager.ts';
import type { IconName } from '../components/Icon.tsx';

/** What people look for a model for. */
export type TaskGroup = Task | 'helper';

export const TASK_NAMES: Record<TaskGroup, string> = {
  stt: 'Speech to text',
  tts: 'Text to speech',
  helper: 'Helpers',
};

export const TASK_ICONS: Record<TaskGroup, IconName> = { stt: 'transcribe', tts: 'speak', helper: 'helper' };

const KIND_NAMES: Record<string, string> = {
  stt: 'Speech to text',
  tts: 'Text to speech',
  vad: 'Finds where speech is',
  diarization: 'Tells speakers apart',
  'speaker-embedding': 'Knows speakers again',
  denoise: 'Takes noise away',
  punctuation: 'Sets punctuation',
  'language-id': 'Finds the language',
  'end-of-turn': 'Hears the end of a turn',
};

export function taskOf({ kind }: Pick<ManagedModel, 'kind'>): TaskGroup {
  return kind === 'stt' || kind === 'tts' ? kind : 'helper';
}

/** What a model does, in words. A kind of a later version stays as it is. */
export function kindName(kind: string): string {
  return KIND_NAMES[kind] ?? kind;
}
