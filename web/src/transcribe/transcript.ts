import type { TranscriptSegment } from '../api/transcriptEvents.ts';

export interface Transcript {
  text: string;
  /** With times in seconds; empty when the recogniser gave none. */
  segments: TranscriptSegment[];
  model: string;
  /** As the server named it. */
  language: string | null;
  /** Length of the recording in seconds. */
  duration: number | null;
}
