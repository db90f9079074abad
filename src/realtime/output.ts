/** What a response is made of, on its way to the client: items and their parts, opened, filled and closed in order. */
import { insertItem, makeRoom, replaceItem } from './conversation.ts';
import { awaitReaction } from './idle.ts';
import { type Item, type MessageItem, textOf } from './items.ts';
import {
  heardUntil,
  type OpenItem,
  type Response,
  type ResponseOutput,
  type Status,
  shown,
  spokenUntil,
  type TokenUsage,
} from './response.ts';
import type { Draft } from './state.ts';

export function takeOutput(draft: Draft, id: string, output: ResponseOutput): void {
  const response = draft.state.responses.get(id);
  // It was cancelled while this was on its way.
  if (response === undefined) return;
  switch (output.kind) {
    case 'text':
      addText(draft, response, output.delta);
      return;
    case 'sentence':
      addSentence(draft, response, output.text);
      return;
    case 'audio':
      addAudio(draft, response, output.delta, output.durationMs);
      return;
    case 'call':
      openCall(draft, response, output.callId, output.name);
      return;
    case 'arguments':
      addArguments(draft, response, output.delta);
      return;
    case 'end':
      if (output.incomplete === undefined) finishResponse(draft, response, { status: 'completed' }, output.usage);
      else {
        const details = { type: 'incomplete', reason: output.incomplete } as const;
        finishResponse(draft, response, { status: 'incomplete', details }, output.usage);
      }
      return;
    case 'failed': {
      const { code, message } = output;
      const error = { type: 'server_error', code, message };
      finishResponse(draft, response, { status: 'failed', details: { type: 'failed', error } });
    }
  }
}

function addText(draft: Draft, given: Response, delta: string): void {
  const { response, open } = openMessage(draft, given, 'output_text');
  const text = textOf(open.item) + delta;
  updateOpen(draft, response, { ...open, item: { ...open.item, content: [{ type: 'output_text', text }] } });
  draft.send('response.output_text.delta', { ...ids(response), content_index: 0, delta });
}

function addSentence(draft: Draft, given: Response, text: string): void {
  const { response, open } = openMessage(draft, given, 'output_audio');
  const delta = open.said.length === 0 ? text : ` ${text}`;
  const transcript = textOf(open.item) + delta;
  updateOpen(draft, response, {
    ...open,
    item: { ...open.item, content: [{ type: 'output_audio', transcript }] },
    said: [...open.said, { text, atMs: open.audioMs }],
  });
  draft.send('response.output_audio_transcript.delta', { ...ids(response), content_index: 0, delta });
}

function addAudio(draft: Draft, given: Response, delta: string, durationMs: number): void {
  const { response, open } = openMessage(draft, given, 'output_audio');
  draft.state.hasSpoken = true;
  const longer = { ...response, audioMs: response.audioMs + durationMs };
  updateOpen(draft, longer, { ...open, audioMs: open.audioMs + durationMs });
  draft.send('response.output_audio.delta', { ...ids(response), content_index: 0, delta });
}

/** The message that is open, or a new one. */
function openMessage(
  draft: Draft,
  given: Response,
  kind: 'output_text' | 'output_audio',
): { response: Response; open: Response['open'] & { kind: 'message' } } {
  if (given.open?.kind === 'message') return { response: given, open: given.open };
  const item: MessageItem = {
    ...{
      id: draft.newId('item'),
      object: 'realtime.item',
      type: 'message',
      status: 'in_progress',
      role: 'assistant',
    },
    content: [],
  };
  const response = openItem(draft, given, item);
  const part = kind === 'output_text' ? { type: 'text', text: '' } : { type: 'audio', transcript: '' };
  draft.send('response.content_part.added', { ...ids(response), content_index: 0, part });
  const filled = {
    ...item,
    content: [kind === 'output_text' ? { type: kind, text: '' } : { type: kind, transcript: '' }],
  };
  const open = { kind: 'message' as const, item: filled as MessageItem, said: [], audioMs: 0 };
  return { response: updateOpen(draft, response, open), open };
}

function openCall(draft: Draft, given: Response, callId: string, name: string): void {
  const item = {
    ...{ id: draft.newId('item'), object: 'realtime.item' as const, type: 'function_call' as const },
    ...{ status: 'in_progress' as const, call_id: callId, name, arguments: '' },
  };
  updateOpen(draft, openItem(draft, given, item), { kind: 'call', item });
}

function addArguments(draft: Draft, response: Response, delta: string): void {
  if (response.open?.kind !== 'call') return;
  const { item } = response.open;
  updateOpen(draft, response, { kind: 'call', item: { ...item, arguments: item.arguments + delta } });
  draft.send('response.function_call_arguments.delta', { ...ids(response), call_id: item.call_id, delta });
}

function openItem(draft: Draft, given: Response, item: Item): Response {
  const response = { ...closeItem(draft, given, 'completed') };
  response.output = [...response.output, item];
  setResponse(draft, response);
  const { item_id: _, ...at } = ids(response);
  draft.send('response.output_item.added', { ...at, item });
  if (response.conversationId !== null) {
    const previous = draft.state.items.at(-1)?.id ?? null;
    insertItem(draft, item, draft.state.items.length);
    draft.send('conversation.item.added', { item, previous_item_id: previous });
  }
  return response;
}

/** Puts the changed item in its places. */
export function updateOpen(draft: Draft, response: Response, open: OpenItem): Response {
  const updated = { ...response, open, output: [...response.output.slice(0, -1), open.item] };
  setResponse(draft, updated);
  if (response.conversationId !== null) replaceItem(draft, keptItem(open));
  return updated;
}

/** As the conversation keeps it: without what the client does not play. */
function keptItem(open: OpenItem): Item {
  if (open.kind === 'call' || open.heardMs === undefined) return open.item;
  const transcript = heardUntil(open.said, open.audioMs, open.heardMs);
  return { ...open.item, content: [{ type: 'output_audio', transcript }] };
}

function closeItem(draft: Draft, given: Response, status: 'completed' | 'incomplete'): Response {
  if (given.open === undefined) return given;
  const open = { ...given.open, item: { ...given.open.item, status } } as OpenItem;
  const response = { ...updateOpen(draft, given, open), open: undefined };
  const { item_id, ...at } = ids(response);
  if (open.kind === 'call') {
    const { call_id, name, arguments: all } = open.item;
    draft.send('response.function_call_arguments.done', { ...at, item_id, call_id, name, arguments: all });
  } else closePart(draft, response, open);
  setResponse(draft, response);
  if (response.conversationId !== null) {
    makeRoom(draft, open.item.id);
    const place = draft.state.items.findIndex(({ id }) => id === open.item.id);
    const previous = draft.state.items[place - 1]?.id ?? null;
    draft.send('conversation.item.done', { item: keptItem(open), previous_item_id: previous });
  }
  draft.send('response.output_item.done', { ...at, item: open.item });
  return response;
}

function closePart(draft: Draft, response: Response, open: Response['open'] & { kind: 'message' }): void {
  const at = { ...ids(response), content_index: 0 };
  const [part] = open.item.content;
  if (part?.type === 'output_text') {
    draft.send('response.output_text.done', { ...at, text: part.text });
    draft.send('response.content_part.done', { ...at, part: { type: 'text', text: part.text } });
    return;
  }
  const transcript = textOf(open.item);
  // What is in no conversation, or was deleted, cannot be truncated.
  if (draft.state.items.some(({ id }) => id === open.item.id)) {
    const { said, audioMs, heardMs = audioMs } = open;
    draft.state.spoken = new Map(draft.state.spoken).set(open.item.id, spokenUntil({ said, audioMs }, heardMs));
  }
  draft.send('response.output_audio.done', at);
  draft.send('response.output_audio_transcript.done', { ...at, transcript });
  draft.send('response.content_part.done', { ...at, part: { type: 'audio', transcript } });
}

export function finishResponse(draft: Draft, given: Response, status: Status, usage?: TokenUsage): void {
  const response = closeItem(draft, given, status.status === 'completed' ? 'completed' : 'incomplete');
  draft.state.responses = new Map([...draft.state.responses].filter(([id]) => id !== response.id));
  draft.send('response.done', { response: shown(response, status, usage) });
  if (response.conversationId !== null) awaitReaction(draft, response, status);
}

export function setResponse(draft: Draft, response: Response): void {
  draft.state.responses = new Map(draft.state.responses).set(response.id, response);
}

/** Of the item that is being made. */
function ids(response: Response): { response_id: string; item_id: string; output_index: number } {
  return {
    response_id: response.id,
    item_id: response.output.at(-1)?.id ?? '',
    output_index: response.output.length - 1,
  };
}
