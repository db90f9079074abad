import { ApiError } from './errors.ts';

export interface SseEvent {
  /** The `event:` field, `message` without one. */
  name: string;
  data: string;
}

/** One event may not be longer than this many characters: a stream that never ends a line would fill memory. */
const MAX_EVENT_CHARS = 8 * 1024 * 1024;

/**
 * The events of a `text/event-stream` body, by the rules of the HTML standard (§9.2.6): lines end with LF, CR or
 * CRLF, `data:` lines of one event are joined with LF, lines that start with a colon are comments, and an event that
 * the end of the stream cuts off is dropped. Throws ApiError for an event beyond 8 Mi characters.
 */
export async function* sseEvents(body: AsyncIterable<Uint8Array>): AsyncGenerator<SseEvent, void> {
  const decoder = new TextDecoder();
  let rest = '';
  let name = '';
  let data: string[] = [];
  let size = 0;
  for await (const piece of body) {
    rest += decoder.decode(piece, { stream: true });
    // A CR at the very end may be half of a CRLF: it waits for the next piece.
    const end = rest.endsWith('\r') ? rest.length - 1 : rest.length;
    const lines = rest.slice(0, end).split(/\r\n|\r|\n/);
    rest = (lines.pop() ?? '') + rest.slice(end);
    for (const line of lines) {
      if (line === '') {
        if (data.length > 0) yield { name: name === '' ? 'message' : name, data: data.join('\n') };
        name = '';
        data = [];
        size = 0;
        continue;
      }
      const colon = line.indexOf(':');
      const field = colon === -1 ? line : line.slice(0, colon);
      const value = colon === -1 ? '' : line.slice(colon + 1).replace(/^ /, '');
      if (field === 'data') data.push(value);
      else if (field === 'event') name = value;
      size += line.length;
    }
    if (size + rest.length > MAX_EVENT_CHARS) {
      throw new ApiError('The server sent an answer that is too long to show.', { code: 'unreadable_answer' });
    }
  }
}
