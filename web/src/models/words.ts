import type { ManagedModel, ManagedState } from '../api/manager.ts';
import { languageName } from '../lib/language.ts';
import { fileSize } from '../lib/size.ts';
import { ago, span } from '../lib/time.ts';

export const STATE_NAMES: Record<ManagedState, string> = {
  absent: 'Not installed',
  queued: 'Queued',
  downloading: 'Downloading',
  unpacking: 'Unpacking',
  verifying: 'Checking',
  failed: 'Not installed',
  available: 'Installed',
  loading: 'Loading',
  loaded: 'In memory',
  unloading: 'Unloading',
  quarantined: 'Quarantined',
  unavailable: 'Cannot be used',
};

/** What a model is a default for, all languages first. One that the server chose by itself counts for all of them. */
export function defaultNames(model: Pick<ManagedModel, 'default' | 'defaultFor'>): string[] {
  const { defaultFor } = model;
  const languages = defaultFor.filter((language) => language !== '*').map(languageName);
  const all = model.default || defaultFor.includes('*');
  return [...(all ? ['Default'] : []), ...languages.sort().map((name) => `Default for ${name}`)];
}

/** What a model in memory takes and how long it stays; empty for one that is not there. */
export function memoryWords(model: ManagedModel, now: number): string[] {
  if (model.residentBytes === 0) return [];
  const { pinned, ttlRemainingMs, lastUsedAt } = model;
  const used = lastUsedAt === null ? null : ago(now - Date.parse(lastUsedAt));
  return [
    `${fileSize(model.residentBytes)} of memory in use`,
    ...(used === null ? [] : [`used ${used}`]),
    ...(!pinned && ttlRemainingMs !== null ? [`unloads in ${span(Math.max(1000, ttlRemainingMs))} unless used`] : []),
  ];
}
