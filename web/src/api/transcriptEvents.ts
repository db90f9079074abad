/** Times are seconds from the start of the recording, as on the wire. */
export interface TranscriptSegment {
  start: number;
  end: number;
  text: string;
}

export type TranscriptEvent =
  | { type: 'delta'; text: string }
  | { type: 'segment'; segment: TranscriptSegment }
  | { type: 'done'; text: string; language: string | null; duration: number | null };

/**
 * One event of a streamed transcription; null for a kind that the page has no use for. The server is ours, but an
 * older or newer one may lack fields, so each is checked.
 */
export function transcriptEvent(data: unknown): TranscriptEvent | null {
  if (typeof data !== 'object' || data === null) return null;
  const { type, delta, text, start, end, language, duration } = data as Record<string, unknown>;
  if (type === 'transcript.text.delta' && typeof delta === 'string') return { type: 'delta', text: delta };
  if (type === 'transcript.text.segment' && typeof text === 'string') {
    if (typeof start !== 'number' || typeof end !== 'number') return null;
    return { type: 'segment', segment: { start, end, text: text.trim() } };
  }
  if (type === 'transcript.text.done' && typeof text === 'string') {
    return {
      type: 'done',
      text,
      language: typeof language === 'string' ? language : null,
      duration: typeof duration === 'number' ? duration : null,
    };
  }
  return null;
}
