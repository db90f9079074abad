/** A conversation as a request of OpenAI's chat completions, the shape that other makers' endpoints take, too. */
import { type Item, textOf } from './items.ts';
import type { Generation } from './response.ts';

type Call = Item & { type: 'function_call' };
type Result = Item & { type: 'function_call_output' };

export function chatRequest(model: string, generation: Generation): object {
  const functions = generation.tools.filter(({ type }) => type === 'function');
  const { toolChoice, maxOutputTokens } = generation;
  return {
    model,
    stream: true,
    stream_options: { include_usage: true },
    messages: messagesOf(generation),
    ...(maxOutputTokens === 'inf' ? {} : { max_tokens: maxOutputTokens }),
    ...(functions.length === 0
      ? {}
      : {
          tools: functions.map(({ type, ...definition }) => ({ type, function: definition })),
          tool_choice:
            typeof toolChoice === 'object' && toolChoice.type === 'function'
              ? { type: 'function', function: { name: toolChoice.name } }
              : toolChoice,
          // What is the default is not said: some endpoints know no such field.
          ...(generation.parallelToolCalls ? {} : { parallel_tool_calls: false }),
        }),
  };
}

/**
 * The conversation as chat messages. Endpoints refuse calls of functions that their results do not follow at once, and
 * results of no call: so calls that were made at once are one message with their results behind it, wherever these
 * came, and a call whose result is not here yet is left out, as is a turn whose words nobody understood.
 */
export function messagesOf({ instructions, items }: Pick<Generation, 'instructions' | 'items'>): object[] {
  const messages: object[] = instructions === '' ? [] : [{ role: 'system', content: instructions }];
  const results = resultsOf(items);
  let calls: Call[] = [];
  for (const item of [...items, undefined]) {
    if (item?.type === 'function_call') {
      if (results.has(item)) calls.push(item);
      continue;
    }
    if (calls.length > 0) messages.push(...callMessages(calls, results));
    calls = [];
    if (item?.type === 'message') messages.push(...messageOf(item));
  }
  return messages;
}

/** The result of each call that has one. Where several calls have one id, each gets its own, in their order. */
function resultsOf(items: readonly Item[]): Map<Call, Result> {
  const waiting = new Map<string, Result[]>();
  for (const item of items) {
    if (item.type !== 'function_call_output') continue;
    const known = waiting.get(item.call_id);
    if (known === undefined) waiting.set(item.call_id, [item]);
    else known.push(item);
  }
  const results = new Map<Call, Result>();
  for (const item of items) {
    const result = item.type === 'function_call' ? waiting.get(item.call_id)?.shift() : undefined;
    if (result !== undefined) results.set(item as Call, result);
  }
  return results;
}

function callMessages(calls: readonly Call[], results: ReadonlyMap<Call, Result>): object[] {
  return [
    {
      role: 'assistant',
      tool_calls: calls.map(({ call_id: id, name, arguments: given }) => ({
        ...{ id, type: 'function', function: { name, arguments: given } },
      })),
    },
    ...calls.map((call) => ({ role: 'tool', tool_call_id: call.call_id, content: results.get(call)!.output })),
  ];
}

function messageOf(item: Item & { type: 'message' }): object[] {
  const images = item.content.flatMap((part) =>
    part.type === 'input_image' ? [{ type: 'image_url', image_url: { url: part.image_url } }] : [],
  );
  const text = textOf(item);
  if (images.length > 0) {
    return [{ role: item.role, content: [...(text === '' ? [] : [{ type: 'text', text }]), ...images] }];
  }
  return text === '' ? [] : [{ role: item.role, content: text }];
}
