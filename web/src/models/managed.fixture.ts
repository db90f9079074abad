import type { ManagedModel } from '../api/manager.ts';

/** A model for tests: a voice that can be had, changed as told. */
export function managed(changes: Partial<ManagedModel> = {}): ManagedModel {
  return {
    id: 'voice',
    kind: 'tts',
    engine: 'sherpa',
    description: '',
    state: 'absent',
    reason: null,
    remedy: null,
    packaged: false,
    present: false,
    default: false,
    sizeBytes: 1e6,
    memoryBytes: null,
    residentBytes: 0,
    licence: 'MIT',
    commercialUse: true,
    consents: [],
    languages: ['en'],
    aliases: [],
    progress: null,
    loadedAt: null,
    lastUsedAt: null,
    ttlRemainingMs: null,
    pinned: false,
    defaultFor: [],
    notes: [],
    ...changes,
  };
}
