/** What event streams send, as far as transcripts and downloads of models go. */
export interface ServerEvent {
  type?: string;
  delta?: string;
  text?: string;
  speaker?: string;
  error?: { message: string; code?: string };
}

const MAX_EVENT_CHARS = 4 * 1024 * 1024;

/** Reads server-sent events (HTML standard, section 9.2) whose data is JSON. Other lines than `data:` are passed over. */
export async function* serverEvents(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<ServerEvent> {
  const decoder = new TextDecoder();
  let held = '';
  for await (const chunk of chunks) {
    held += decoder.decode(chunk, { stream: true }).replaceAll('\r', '');
    for (let end = held.indexOf('\n\n'); end !== -1; end = held.indexOf('\n\n')) {
      const data = held
        .slice(0, end)
        .split('\n')
        .filter((line) => line.startsWith('data:'))
        .map((line) => line.slice('data:'.length).trimStart())
        .join('\n');
      held = held.slice(end + 2);
      if (data.startsWith('{')) yield JSON.parse(data) as ServerEvent;
    }
    if (held.length > MAX_EVENT_CHARS) throw new Error('the server sends an event without an end');
  }
}
