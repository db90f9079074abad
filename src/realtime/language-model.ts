/**
 * A language model behind any OpenAI-compatible `chat/completions`: takes the conversation, streams text and calls of
 * functions.
 */
import { SpeechError } from '../errors.ts';
import { type Item, textOf } from './items.ts';
import type { Generation, TokenUsage } from './response.ts';

export interface LanguageModelOptions {
  /** Base URL as OpenAI's clients take it, for example `http://127.0.0.1:11434/v1`. */
  url: string;
  model: string;
  apiKey: string;
  /** Longest wait for the next bytes of an answer. */
  idleMs: number;
  /** Longest answer in bytes, as it arrives. */
  maxBytes: number;
}

export type Thought =
  | { kind: 'text'; delta: string }
  | { kind: 'call'; callId: string; name: string }
  | { kind: 'arguments'; delta: string }
  | { kind: 'end'; incomplete?: 'max_output_tokens' | 'content_filter'; usage?: TokenUsage };

interface ChatChunk {
  choices?: {
    delta?: {
      content?: string | null;
      tool_calls?: { index?: number; id?: string; function?: { name?: string; arguments?: string } }[];
    };
    finish_reason?: string | null;
  }[];
  usage?: { prompt_tokens?: number; completion_tokens?: number } | null;
  error?: unknown;
}

export class LanguageModel {
  #options: LanguageModelOptions;

  constructor(options: LanguageModelOptions) {
    this.#options = options;
  }

  /** Ends with `end`, or throws SpeechError: `upstream_failed`, or the signal's reason. */
  async *think(generation: Generation, signal: AbortSignal): AsyncGenerator<Thought> {
    const { url, apiKey, idleMs, maxBytes } = this.#options;
    const idle = new AbortController();
    const timer = setTimeout(() => idle.abort(), idleMs);
    const either = AbortSignal.any([signal, idle.signal]);
    try {
      const answer = await fetch(`${url.replace(/\/+$/, '')}/chat/completions`, {
        method: 'POST',
        headers: {
          'content-type': 'application/json',
          accept: 'text/event-stream',
          ...(apiKey === '' ? {} : { authorization: `Bearer ${apiKey}` }),
        },
        body: JSON.stringify(chatRequest(this.#options.model, generation)),
        signal: either,
        redirect: 'error',
      });
      if (!answer.ok || answer.body === null) {
        await answer.body?.cancel();
        throw failed(`it answered ${answer.status}`);
      }
      yield* thoughts(eventsOf(answer.body, maxBytes, () => timer.refresh()));
    } catch (thrown) {
      if (signal.aborted || thrown instanceof SpeechError) throw SpeechError.from(thrown);
      throw failed(
        idle.signal.aborted ? `it said nothing for ${idleMs / 1000} seconds` : String((thrown as Error).message),
      );
    } finally {
      clearTimeout(timer);
      // Leaving halfway also ends the request.
      idle.abort();
    }
  }
}

/** The data of server-sent events. */
async function* eventsOf(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  onBytes: () => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let bytes = 0;
  let rest = '';
  for await (const chunk of body) {
    onBytes();
    bytes += chunk.length;
    if (bytes > maxBytes) throw failed('its answer is too long');
    rest += decoder.decode(chunk, { stream: true });
    const lines = rest.split(/\r?\n/);
    rest = lines.pop()!;
    for (const line of lines) if (line.startsWith('data:')) yield line.slice(5).trim();
  }
}

async function* thoughts(events: AsyncIterable<string>): AsyncGenerator<Thought> {
  let incomplete: 'max_output_tokens' | 'content_filter' | undefined;
  let usage: TokenUsage | undefined;
  let call: number | undefined;
  let finished = false;
  for await (const data of events) {
    if (data === '[DONE]') {
      finished = true;
      break;
    }
    const chunk = parse(data);
    if (chunk.usage) {
      usage = { inputTokens: chunk.usage.prompt_tokens ?? 0, outputTokens: chunk.usage.completion_tokens ?? 0 };
    }
    const choice = chunk.choices?.[0];
    if (choice?.delta?.content) yield { kind: 'text', delta: choice.delta.content };
    for (const part of choice?.delta?.tool_calls ?? []) {
      const index = part.index ?? 0;
      if (index !== call) {
        call = index;
        const name = part.function?.name;
        if (name === undefined) throw failed('it called a function without a name');
        yield { kind: 'call', callId: part.id ?? `call_${index}`, name };
      }
      if (part.function?.arguments) yield { kind: 'arguments', delta: part.function.arguments };
    }
    if (choice?.finish_reason) finished = true;
    if (choice?.finish_reason === 'length') incomplete = 'max_output_tokens';
    if (choice?.finish_reason === 'content_filter') incomplete = 'content_filter';
  }
  if (!finished) throw failed('its answer broke off');
  yield { kind: 'end', ...(incomplete === undefined ? {} : { incomplete }), ...(usage === undefined ? {} : { usage }) };
}

function parse(data: string): ChatChunk {
  let chunk: ChatChunk;
  try {
    chunk = JSON.parse(data) as ChatChunk;
  } catch {
    throw failed('it sent something that is not JSON');
  }
  if (chunk.error !== undefined) throw failed('it reported an error');
  return chunk;
}

/** Nothing of the conversation goes into the detail: it is logged. */
function failed(reason: string): SpeechError {
  return new SpeechError('upstream_failed', 'The language model failed to answer.', {
    detail: `language model: ${reason}`,
  });
}

function chatRequest(model: string, generation: Generation): object {
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
          parallel_tool_calls: generation.parallelToolCalls,
        }),
  };
}

/** The conversation as chat messages. A turn whose words nobody understood is left out. */
export function messagesOf({ instructions, items }: Pick<Generation, 'instructions' | 'items'>): object[] {
  const messages: object[] = instructions === '' ? [] : [{ role: 'system', content: instructions }];
  for (const item of items) messages.push(...messageOf(item));
  return messages;
}

function messageOf(item: Item): object[] {
  if (item.type === 'function_call') {
    const { call_id: id, name, arguments: given } = item;
    return [{ role: 'assistant', tool_calls: [{ id, type: 'function', function: { name, arguments: given } }] }];
  }
  if (item.type === 'function_call_output') {
    return [{ role: 'tool', tool_call_id: item.call_id, content: item.output }];
  }
  const images = item.content.flatMap((part) =>
    part.type === 'input_image' ? [{ type: 'image_url', image_url: { url: part.image_url } }] : [],
  );
  const text = textOf(item);
  if (images.length > 0) {
    return [{ role: item.role, content: [...(text === '' ? [] : [{ type: 'text', text }]), ...images] }];
  }
  return text === '' ? [] : [{ role: item.role, content: text }];
}
