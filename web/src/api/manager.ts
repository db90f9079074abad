/** Models as `/api/models` tells of them, and what is asked of them there. */

/** From one that is not here to one that is at work. */
export type ManagedState =
  | 'absent'
  | 'queued'
  | 'downloading'
  | 'unpacking'
  | 'verifying'
  | 'failed'
  | 'available'
  | 'loading'
  | 'loaded'
  | 'unloading'
  | 'quarantined'
  | 'unavailable';

/** A field of the body of `POST /api/models/{id}/download`. */
export type Consent = 'allow_single_source' | 'accept_licence';

export interface ModelNote {
  text: string;
  /** An address, or where else it stands. */
  source: string;
}

export interface ManagedModel {
  id: string;
  /** `tts`, `stt`, or what helps with either, such as `vad`. */
  kind: string;
  engine: string;
  description: string;
  state: ManagedState;
  reason: string | null;
  remedy: string | null;
  packaged: boolean;
  /** Its files are on the server's disk. */
  present: boolean;
  /** What a caller gets who names no model. */
  default: boolean;
  sizeBytes: number;
  memoryBytes: number | null;
  /** What its processes take now. */
  residentBytes: number;
  licence: string;
  commercialUse: boolean | null;
  consents: Consent[];
  /** BCP 47. */
  languages: string[];
  aliases: string[];
  progress: { bytes: number; total: number; rate: number } | null;
  /** ISO 8601. */
  loadedAt: string | null;
  lastUsedAt: string | null;
  /** Until it gives its memory back when nobody asks for it; null where nothing counts down. */
  ttlRemainingMs: number | null;
  pinned: boolean;
  /** BCP 47, `*` for all languages. */
  defaultFor: string[];
  notes: ModelNote[];
}

export interface ModelLibrary {
  models: ManagedModel[];
  /** Room on the disk for more; null where the server cannot tell. */
  freeBytes: number | null;
}

/** What has a default: the two things that callers ask for. */
export type Task = 'stt' | 'tts';

/** A model that was chosen for callers who name none. */
export interface DefaultModel {
  task: Task;
  /** BCP 47, null for all languages. */
  language: string | null;
  model: string;
  /** What a setting chose cannot be taken back here. */
  source: 'setting' | 'operator';
}
