import { separator } from '../../speech/transcript-formats.ts';

/** The text of a transcript while it becomes known; where speakers are told apart, each turn is a line of its own. */
export async function* textOfSegments(
  segments: AsyncIterable<{ text: string; speaker?: string }>,
): AsyncGenerator<string> {
  let last: { text: string; speaker?: string } | undefined;
  for await (const segment of segments) {
    const { text, speaker } = segment;
    if (text === '') continue;
    if (last !== undefined && last.speaker === speaker) yield separator(last.text, text) + text;
    else yield `${last === undefined ? '' : '\n'}${speaker === undefined ? '' : `${speaker}: `}${text}`;
    last = segment;
  }
}
