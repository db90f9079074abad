import type { TranscriptSegment } from '../speech/transcribe.ts';
import { alternative, recordingMetadata, type StreamFacts, seconds } from './messages.ts';

export interface RecordedOptions extends StreamFacts {
  utterances: boolean;
  detectLanguage: boolean;
}

/** The answer to `POST /v1/listen`. */
export function recordedAnswer(
  segments: readonly TranscriptSegment[],
  options: RecordedOptions,
): { metadata: Record<string, unknown>; results: Record<string, unknown> } {
  const speakers = new Map<string, number>();
  // Deepgram numbers speakers from 0 in the order in which they speak.
  const numberOf = (speaker: string | undefined): object => {
    if (speaker === undefined) return {};
    if (!speakers.has(speaker)) speakers.set(speaker, speakers.size);
    return { speaker: speakers.get(speaker) };
  };
  const parts = segments.map((segment) => {
    const { words, ...rest } = alternative(segment);
    return { segment, ...rest, words: words.map((word) => ({ ...word, ...numberOf(segment.speaker) })) };
  });
  const measured = parts.filter(({ confidence }) => confidence > 0);
  const confidence = measured.reduce((sum, part) => sum + part.confidence, 0) / Math.max(1, measured.length);
  const language = segments.find((segment) => segment.language !== undefined)?.language;
  return {
    metadata: { ...recordingMetadata(options) },
    results: {
      channels: [
        {
          ...(options.detectLanguage && language !== undefined ? { detected_language: language } : {}),
          alternatives: [
            {
              transcript: parts.map(({ transcript }) => transcript).join(' '),
              confidence,
              words: parts.flatMap(({ words }) => words),
            },
          ],
        },
      ],
      ...(options.utterances
        ? {
            utterances: parts.map(({ segment, ...part }, index) => ({
              id: `${options.requestId}-${index}`,
              start: seconds(segment.startMs),
              end: seconds(segment.endMs),
              channel: 0,
              ...part,
              ...numberOf(segment.speaker),
            })),
          }
        : {}),
    },
  };
}
