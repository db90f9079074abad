/** What the client has not played is taken out of what was said. */
import { findItem, replaceItem } from './conversation.ts';
import { updateOpen } from './output.ts';
import { RealtimeProblem } from './problem.ts';
import { heardUntil, type OpenItem, type Response, spokenUntil } from './response.ts';
import type { Draft } from './state.ts';

/** Also of an item that is still being spoken, or was just cut off: clients truncate the moment someone interrupts. */
export function truncate(draft: Draft, id: string, index: number, endMs: number): void {
  const item = findItem(draft, id, 'item_truncate_invalid_item_id');
  const response = speaking(draft, id);
  const spoken = response?.open ?? draft.state.spoken.get(id);
  const isAudio = item.type === 'message' && item.content[0]?.type === 'output_audio';
  if (!isAudio || spoken === undefined) {
    throw new RealtimeProblem(
      'invalid_value',
      'Only messages with audio of the assistant can be truncated.',
      'item_id',
    );
  }
  if (index !== 0) throw new RealtimeProblem('invalid_value', 'There is no such content.', 'content_index');
  if (response === undefined && endMs > spoken.audioMs) {
    throw new RealtimeProblem(
      'invalid_value',
      `Audio content of ${Math.floor(spoken.audioMs)}ms is already shorter than ${Math.floor(endMs)}ms.`,
      'audio_end_ms',
    );
  }
  if (response !== undefined) updateOpen(draft, response, { ...response.open, heardMs: endMs });
  else {
    const transcript = heardUntil(spoken.said, spoken.audioMs, endMs);
    replaceItem(draft, { ...item, content: [{ type: 'output_audio', transcript }] });
    draft.state.spoken = new Map(draft.state.spoken).set(id, spokenUntil(spoken, endMs));
  }
  draft.send('conversation.item.truncated', { item_id: id, content_index: index, audio_end_ms: endMs });
}

/** The response that speaks an item now. */
function speaking(draft: Draft, id: string): (Response & { open: OpenItem & { kind: 'message' } }) | undefined {
  for (const response of draft.state.responses.values()) {
    const { open } = response;
    if (open?.kind === 'message' && open.item.id === id) return { ...response, open };
  }
  return undefined;
}
