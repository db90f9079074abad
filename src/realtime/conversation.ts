/** The items of a conversation: adding, placing and deleting them. */
import type { ClientEvent } from './client-events.ts';
import { charsOf, type Item, placeFor, readItem, withTranscript } from './items.ts';
import { RealtimeProblem } from './problem.ts';
import type { Draft } from './state.ts';

export function createItem(draft: Draft, event: ClientEvent & { type: 'conversation.item.create' }): void {
  const { item, audio } = readItem(event.item, 'item', (kind) => draft.newId(kind));
  if (draft.state.items.some(({ id }) => id === item.id)) {
    throw new RealtimeProblem('invalid_value', `There is an item '${item.id}' already.`, 'item.id');
  }
  if (item.type === 'function_call_output') requireCall(draft.state.items, item);
  if (charsOf(item) > draft.rules.maxChars) {
    throw new RealtimeProblem('item_too_large', `An item has at most ${draft.rules.maxChars} characters.`, 'item');
  }
  const place = placeFor(draft.state.items, event.previous_item_id);
  if (audio !== undefined) hearItem(draft, item.id, audio);
  addItem(draft, item, place);
}

/** Has the words of an item found out; responses that need them wait. */
export function hearItem(draft: Draft, item: string, audio: Buffer): void {
  draft.state.untranscribed = new Set(draft.state.untranscribed).add(item);
  draft.effects.push({ type: 'transcribe', item, audio });
}

/** A result belongs to a call, as OpenAI has it: without one a language model can make nothing of it. */
export function requireCall(items: readonly Item[], { call_id }: Item & { type: 'function_call_output' }): void {
  if (items.some((item) => item.type === 'function_call' && item.call_id === call_id)) return;
  throw new RealtimeProblem('invalid_tool_call_id', `Tool call ID '${call_id}' not found in conversation.`);
}

/** Tells of a finished item and keeps it. */
export function addItem(draft: Draft, item: Item, place = draft.state.items.length): void {
  const previous = draft.state.items[place - 1]?.id ?? null;
  insertItem(draft, item, place);
  draft.send('conversation.item.added', { item, previous_item_id: previous });
  draft.send('conversation.item.done', { item, previous_item_id: previous });
}

export function insertItem(draft: Draft, item: Item, place: number): void {
  draft.state.items = draft.state.items.toSpliced(place, 0, item);
  makeRoom(draft, item.id);
}

/** Lets the oldest items go, but never the one for which there has to be room. */
export function makeRoom(draft: Draft, keptId: string): void {
  const { maxItems, maxChars } = draft.rules;
  let chars = draft.state.items.reduce((sum, item) => sum + charsOf(item), 0);
  while (draft.state.items.length > maxItems || chars > maxChars) {
    const oldest = draft.state.items.find(({ id }) => id !== keptId);
    if (oldest === undefined) return;
    chars -= charsOf(oldest);
    removeItem(draft, oldest.id);
  }
}

export function removeItem(draft: Draft, id: string): void {
  draft.state.items = draft.state.items.filter((item) => item.id !== id);
  draft.state.spoken = new Map([...draft.state.spoken].filter(([item]) => item !== id));
  draft.state.untranscribed = without(draft.state.untranscribed, id);
  draft.send('conversation.item.deleted', { item_id: id });
}

export function findItem(draft: Draft, id: string, code: string, param = 'item_id'): Item {
  const found = draft.state.items.find((item) => item.id === id);
  if (found !== undefined) return found;
  throw new RealtimeProblem(code, `There is no item '${id.slice(0, 128)}'.`, param);
}

export function replaceItem(draft: Draft, item: Item): void {
  draft.state.items = draft.state.items.map((known) => (known.id === item.id ? item : known));
}

export function setTranscript(draft: Draft, id: string, transcript: string): void {
  draft.state.items = draft.state.items.map((item) => (item.id === id ? withTranscript(item, transcript) : item));
}

export function without<T>(set: ReadonlySet<T>, gone: T): ReadonlySet<T> {
  return new Set([...set].filter((each) => each !== gone));
}
