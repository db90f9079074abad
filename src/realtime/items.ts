import { z } from 'zod';
import { readBase64 } from './client-events.ts';
import { RealtimeProblem } from './problem.ts';
import { check } from './session-config.ts';

/** Items of a conversation, as the Realtime protocol shows them. Audio itself is never kept in them. */
const MAX_TEXT = 1_000_000;
const id = z.string().min(1).max(128);
const text = z.string().max(MAX_TEXT);

const userPart = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('input_text'), text }),
  z.strictObject({
    type: z.literal('input_audio'),
    /** base64 in the session's input format. */
    audio: z.string().nullish(),
    transcript: text.nullish(),
  }),
  z.strictObject({ type: z.literal('input_image'), image_url: text, detail: z.string().max(16).optional() }),
]);
const assistantPart = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('output_text'), text }),
  z.strictObject({ type: z.literal('output_audio'), transcript: text.nullish(), audio: z.string().nullish() }),
]);

const common = {
  id: id.optional(),
  object: z.literal('realtime.item').optional(),
  status: z.enum(['in_progress', 'completed', 'incomplete']).optional(),
};
const message = { ...common, type: z.literal('message') };
const givenItem = z.discriminatedUnion('type', [
  z.discriminatedUnion('role', [
    z.strictObject({ ...message, role: z.literal('user'), content: z.array(userPart).max(64) }),
    z.strictObject({ ...message, role: z.literal('assistant'), content: z.array(assistantPart).max(64) }),
    z.strictObject({
      ...message,
      role: z.literal('system'),
      content: z.array(z.strictObject({ type: z.literal('input_text'), text })).max(64),
    }),
  ]),
  z.strictObject({ ...common, type: z.literal('function_call'), call_id: id.optional(), name: id, arguments: text }),
  z.strictObject({ ...common, type: z.literal('function_call_output'), call_id: id, output: text }),
]);

/** Among what a response is made from. */
export const itemReference = z.strictObject({ type: z.literal('item_reference'), id });

export type Part =
  | { type: 'input_text'; text: string }
  /** `transcript` is always there, because clients fail on its absence. */
  | { type: 'input_audio'; transcript: string | null }
  | { type: 'input_image'; image_url: string; detail?: string }
  | { type: 'output_text'; text: string }
  | { type: 'output_audio'; transcript: string | null };

interface ItemBase {
  id: string;
  object: 'realtime.item';
  status: 'in_progress' | 'completed' | 'incomplete';
}
export interface MessageItem extends ItemBase {
  type: 'message';
  role: 'user' | 'assistant' | 'system';
  content: Part[];
}
export type Item =
  | MessageItem
  | (ItemBase & { type: 'function_call'; call_id: string; name: string; arguments: string })
  | (ItemBase & { type: 'function_call_output'; call_id: string; output: string });

/** A client's item with what it lacks; `audio` is that of its parts that came without a transcript. */
export function readItem(
  given: unknown,
  at: string,
  newId: (kind: 'item' | 'call') => string,
): { item: Item; audio: Buffer | undefined } {
  const parsed = check(givenItem, given, at);
  const base = { id: parsed.id ?? newId('item'), object: 'realtime.item' as const, status: 'completed' as const };
  if (parsed.type === 'function_call') {
    return {
      item: {
        ...base,
        type: parsed.type,
        call_id: parsed.call_id ?? newId('call'),
        name: parsed.name,
        arguments: parsed.arguments,
      },
      audio: undefined,
    };
  }
  if (parsed.type === 'function_call_output') {
    return { item: { ...base, type: parsed.type, call_id: parsed.call_id, output: parsed.output }, audio: undefined };
  }
  const audio: Buffer[] = [];
  const content = parsed.content.map((part, index): Part => {
    switch (part.type) {
      case 'input_audio':
        if (part.transcript == null && part.audio != null) {
          audio.push(readBase64(part.audio, `${at}.content[${index}].audio`));
        }
        return { type: part.type, transcript: part.transcript ?? null };
      case 'output_audio':
        return { type: part.type, transcript: part.transcript ?? null };
      case 'input_image':
        return {
          type: part.type,
          image_url: part.image_url,
          ...(part.detail === undefined ? {} : { detail: part.detail }),
        };
      default:
        return { type: part.type, text: part.text };
    }
  });
  return {
    item: { ...base, type: 'message', role: parsed.role, content },
    audio: audio.length === 0 ? undefined : Buffer.concat(audio),
  };
}

/** The item with the words of its audio; those that the client gave stay. */
export function withTranscript(item: Item, transcript: string): Item {
  if (item.type !== 'message') return item;
  const first = item.content.findIndex(isUnheard);
  const content = item.content.map((part, index) =>
    // All audio of an item is heard as one.
    isUnheard(part) ? { ...part, transcript: index === first ? transcript : '' } : part,
  );
  return { ...item, content };
}

function isUnheard(part: Part): boolean {
  return part.type === 'input_audio' && part.transcript === null;
}

const lengths = new WeakMap<Item, number>();

/** Characters of an item as JSON. Items are never changed, only replaced. */
export function charsOf(item: Item): number {
  const known = lengths.get(item) ?? JSON.stringify(item).length;
  lengths.set(item, known);
  return known;
}

/** What a message says, whichever way. */
export function textOf(item: MessageItem): string {
  return item.content
    .map((part) => ('text' in part ? part.text : 'transcript' in part ? (part.transcript ?? '') : ''))
    .filter((words) => words !== '')
    .join(' ');
}

/** Where an item goes: behind the last one, first (`root`), or behind the named one. RealtimeProblem where that is not there. */
export function placeFor(items: readonly Item[], previous: string | null | undefined): number {
  if (previous == null) return items.length;
  if (previous === 'root') return 0;
  const index = items.findIndex((item) => item.id === previous);
  if (index !== -1) return index + 1;
  throw new RealtimeProblem(
    'invalid_value',
    `The previous item '${previous.slice(0, 128)}' is not in the conversation.`,
    'previous_item_id',
  );
}
