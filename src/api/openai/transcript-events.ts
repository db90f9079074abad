import type { TranscriptSegment } from '../../speech/transcribe.ts';
import { languageName, segmentId, separator, type TranscriptFormat } from '../../speech/transcript-formats.ts';
import { serverEvent } from '../stream.ts';

/**
 * OpenAI's transcription stream. The deltas joined are the final text: each but the first begins with its space. With
 * `diarized_json` each delta is followed by who said it when. With `verbose_json` each is followed by its times, and
 * the end names language and duration: OpenAI has these events for other formats, and clients pass over what they did
 * not ask for.
 */
export async function* transcriptEvents(
  segments: AsyncIterable<TranscriptSegment>,
  durationMs: () => number,
  { format, language }: { format: TranscriptFormat; language: string },
): AsyncGenerator<string> {
  let text = '';
  let index = 0;
  let spoken: string | undefined;
  for await (const segment of segments) {
    if (segment.text === '') continue;
    const delta = separator(text, segment.text) + segment.text;
    text += delta;
    spoken ??= segment.language;
    const { text: own, speaker } = segment;
    const times = { start: Math.round(segment.startMs) / 1000, end: Math.round(segment.endMs) / 1000 };
    if (format === 'diarized_json') {
      const id = segmentId(index);
      yield serverEvent({ type: 'transcript.text.delta', delta, segment_id: id });
      yield serverEvent({ type: 'transcript.text.segment', id, ...times, text: own, speaker });
    } else {
      yield serverEvent({ type: 'transcript.text.delta', delta });
    }
    if (format === 'verbose_json') {
      yield serverEvent({ type: 'transcript.text.segment', id: index, ...times, text: own, speaker });
    }
    index++;
  }
  const about = { language: languageName(spoken ?? language), duration: Math.round(durationMs()) / 1000 };
  yield serverEvent({ type: 'transcript.text.done', text, ...(format === 'verbose_json' && about) });
}
