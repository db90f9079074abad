/** The items of a conversation: adding, placing and deleting them. */
import { type ClientEvent, readBase64 } from './client-events.ts';
import { charsOf, type Item, placeFor, readItem } from './items.ts';
import { RealtimeProblem } from './problem.ts';
import type { Draft } from './state.ts';

export function createItem(draft: Draft, event: ClientEvent & { type: 'conversation.item.create' }): void {
  const { item, audio } = readItem(event.item, 'item', (kind) => draft.newId(kind));
  if (draft.state.items.some(({ id }) => id === item.id)) {
    throw new RealtimeProblem('invalid_value', `There is an item '${item.id}' already.`, 'item.id');
  }
  if (charsOf(item) > draft.rules.maxChars) {
    throw new RealtimeProblem('item_too_large', `An item has at most ${draft.rules.maxChars} characters.`, 'item');
  }
  const place = placeFor(draft.state.items, event.previous_item_id);
  if (audio.length > 0) {
    const parts = audio.map((part) => readBase64(part, 'item.content.audio'));
    draft.state.untranscribed = new Set(draft.state.untranscribed).add(item.id);
    draft.effects.push({ type: 'transcribe', item: item.id, audio: Buffer.concat(parts) });
  }
  addItem(draft, item, place);
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

export function findItem(draft: Draft, id: string, code: string): Item {
  const found = draft.state.items.find((item) => item.id === id);
  if (found !== undefined) return found;
  throw new RealtimeProblem(code, `There is no item '${id.slice(0, 128)}'.`, 'item_id');
}

export function replaceItem(draft: Draft, item: Item): void {
  draft.state.items = draft.state.items.map((known) => (known.id === item.id ? item : known));
}

export function setTranscript(draft: Draft, id: string, transcript: string): void {
  draft.state.items = draft.state.items.map((item) =>
    item.id === id && item.type === 'message'
      ? {
          ...item,
          content: item.content.map((part) => (part.type === 'input_audio' ? { ...part, transcript } : part)),
        }
      : item,
  );
}

export function without<T>(set: ReadonlySet<T>, gone: T): ReadonlySet<T> {
  return new Set([...set].filter((each) => each !== gone));
}
