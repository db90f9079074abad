import type { SpeechErrorData } from '../../../errors.ts';
import type { EntryRules } from './entry-guard.ts';

/** What the unpacking process is told. */
export interface UnpackJob {
  archive: string;
  format: 'zip' | 'tar' | 'tar.gz' | 'tar.bz2';
  target: string;
  stripComponents: number;
  rules: Omit<EntryRules, 'archiveBytes' | 'stripComponents'>;
}

/** What it tells. */
export type FromUnpacker =
  | { kind: 'read'; bytes: number }
  | { kind: 'done' }
  | { kind: 'failed'; error: SpeechErrorData };

/** An archive that breaks a rule or cannot be read. */
export class BadArchive extends Error {}
