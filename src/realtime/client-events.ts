import { z } from 'zod';
import { hasManyValues, MAX_JSON_VALUES } from '../security/json-values.ts';
import { RealtimeProblem } from './problem.ts';
import { check } from './session-config.ts';

const id = z.string().min(1).max(128);
const common = { event_id: z.string().max(512).nullish() };

const schemas = {
  'session.update': z.looseObject({ ...common, session: z.unknown() }),
  'input_audio_buffer.append': z.looseObject({ ...common, audio: z.string() }),
  'input_audio_buffer.commit': z.looseObject(common),
  'input_audio_buffer.clear': z.looseObject(common),
  'conversation.item.create': z.looseObject({ ...common, item: z.unknown(), previous_item_id: id.nullish() }),
  'conversation.item.retrieve': z.looseObject({ ...common, item_id: id }),
  'conversation.item.delete': z.looseObject({ ...common, item_id: id }),
  'conversation.item.truncate': z.looseObject({
    ...common,
    item_id: id,
    content_index: z.int().nonnegative().default(0),
    audio_end_ms: z.number().nonnegative(),
  }),
  'response.create': z.looseObject({ ...common, response: z.unknown().optional() }),
  'response.cancel': z.looseObject({ ...common, response_id: id.nullish() }),
} as const;

type Schemas = typeof schemas;
export type ClientEvent = { [K in keyof Schemas]: { type: K } & z.infer<Schemas[K]> }[keyof Schemas];

/** Reads one frame. RealtimeProblem where it is no JSON object or no event that there is. */
export function readFrame(frame: string): Record<string, unknown> {
  if (hasManyValues(frame)) {
    throw new RealtimeProblem('invalid_event', `A message has at most ${MAX_JSON_VALUES} lists, objects and commas.`);
  }
  let value: unknown;
  try {
    value = JSON.parse(frame);
  } catch {
    throw new RealtimeProblem('invalid_json', 'The message is not JSON.');
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new RealtimeProblem('invalid_event', 'The message is not a JSON object.');
  }
  checkDepth(value);
  return value as Record<string, unknown>;
}

/** No event and no description of a function needs more. What is deeper could be read, but not written again. */
const MAX_DEPTH = 64;

/** Throws RealtimeProblem for a value that is nested too deeply. */
export function checkDepth(value: object, levels = MAX_DEPTH): void {
  if (levels < 0) throw new RealtimeProblem('invalid_event', `Values may be nested ${MAX_DEPTH} levels deep.`);
  for (const key in value) {
    const part: unknown = value[key as keyof typeof value];
    if (typeof part === 'object' && part !== null) checkDepth(part, levels - 1);
  }
}

/** Checks the event's fields, except for what belongs to a session, an item or a response. */
export function readClientEvent(value: Record<string, unknown>): ClientEvent {
  const { type } = value;
  if (type === undefined)
    throw new RealtimeProblem('missing_required_parameter', "Missing required parameter: 'type'.", 'type');
  if (typeof type !== 'string' || !Object.hasOwn(schemas, type)) {
    const shown = String(type).slice(0, 64);
    throw new RealtimeProblem('invalid_value', `Invalid value: '${shown}'. There is no such event.`, 'type');
  }
  const schema = schemas[type as keyof Schemas] as unknown as z.ZodType<ClientEvent>;
  return { ...check(schema, value, ''), type } as ClientEvent;
}

/** For `error.event_id`: the client's own name for the event, if it gave one. */
export function eventIdOf(value: unknown): string | null {
  const name = (value as { event_id?: unknown } | null)?.event_id;
  return typeof name === 'string' ? name.slice(0, 512) : null;
}

/** RealtimeProblem where the text is not base64; Buffer alone would read what it can of anything. */
export function readBase64(text: string, param: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  const chars = text.length - (text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0);
  const isWhole = chars === text.length ? chars % 4 !== 1 : text.length % 4 === 0;
  // Buffer leaves out what it cannot read, and reads the alphabet of URLs, too.
  if (!isWhole || bytes.length !== Math.floor((chars * 3) / 4) || text.includes('-') || text.includes('_')) {
    throw new RealtimeProblem('invalid_value', `Invalid '${param}': it is not base64.`, param);
  }
  return bytes;
}
