/**
 * A language model behind any OpenAI-compatible `chat/completions`: takes the conversation, streams text and calls of
 * functions.
 */
import { randomUUID } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { z } from 'zod';
import { abortError, SpeechError } from '../errors.ts';
import { chatRequest } from './chat-messages.ts';
import { ChatRequests, letEnd } from './chat-request.ts';
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

/** As much of a chunk as is used. Servers leave out or null what they have nothing to say about. */
const chatChunk = z.object({
  choices: z
    .array(
      z.object({
        delta: z
          .object({
            content: z.string().nullish(),
            tool_calls: z
              .array(
                z.object({
                  index: z.int().nonnegative().nullish(),
                  id: z.string().max(128).nullish(),
                  function: z
                    .object({ name: z.string().max(128).nullish(), arguments: z.string().nullish() })
                    .nullish(),
                }),
              )
              .nullish(),
          })
          .nullish(),
        finish_reason: z.string().nullish(),
      }),
    )
    .nullish(),
  usage: z
    .object({
      prompt_tokens: z.int().nonnegative().nullish(),
      completion_tokens: z.int().nonnegative().nullish(),
    })
    .nullish(),
  error: z.unknown().optional(),
});
type ChatChunk = z.infer<typeof chatChunk>;

/** Calls of functions in one answer: each becomes an item of the conversation. */
const MAX_CALLS = 128;
/** Of a call that came with none: clients and other models read them as JSON. */
const NO_ARGUMENTS = { kind: 'arguments', delta: '{}' } as const;

export class LanguageModel {
  #options: LanguageModelOptions;
  #requests: ChatRequests;

  constructor(options: LanguageModelOptions) {
    this.#options = options;
    this.#requests = new ChatRequests(`${options.url.replace(/\/+$/, '')}/chat/completions`, {
      accept: 'text/event-stream',
      ...(options.apiKey === '' ? {} : { authorization: `Bearer ${options.apiKey}` }),
    });
  }

  /** Ends with `end`, or throws SpeechError: `upstream_failed`, or the signal's reason. */
  async *think(generation: Generation, signal: AbortSignal): AsyncGenerator<Thought> {
    const { model, idleMs, maxBytes } = this.#options;
    const stop = new AbortController();
    let stalled = false;
    // Runs only while the model is waited for, not while somebody speaks what it said.
    let timer: NodeJS.Timeout | undefined;
    const stall = (): void => {
      stalled = true;
      stop.abort();
    };
    const waits = (waiting: boolean): void => {
      clearTimeout(timer);
      timer = waiting ? setTimeout(stall, idleMs) : undefined;
    };
    waits(true);
    let whole = false;
    try {
      const either = AbortSignal.any([signal, stop.signal]);
      const answer = await this.#requests.post(chatRequest(model, generation), either);
      if (answer.statusCode !== 200) throw failed(`it answered ${answer.statusCode}`);
      for await (const thought of thoughts(eventsOf(answer, maxBytes, waits))) {
        if (thought.kind === 'end') {
          whole = true;
          letEnd(answer);
        }
        yield thought;
      }
    } catch (thrown) {
      if (signal.aborted) throw abortError(signal);
      if (thrown instanceof SpeechError) throw thrown;
      throw failed(stalled ? `it said nothing for ${idleMs / 1000} seconds` : String((thrown as Error).message));
    } finally {
      waits(false);
      // Leaving halfway also ends the request.
      if (!whole) stop.abort();
    }
  }
}

/** The data of server-sent events. `waits` is told when the next bytes are waited for, and when they are there. */
async function* eventsOf(
  answer: IncomingMessage,
  maxBytes: number,
  waits: (waiting: boolean) => void,
): AsyncGenerator<string> {
  const decoder = new TextDecoder();
  let bytes = 0;
  let rest = '';
  for await (const chunk of answer.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    waits(false);
    bytes += chunk.length;
    if (bytes > maxBytes) throw failed('its answer is too long');
    // Only what is new is searched, so that a line without an end costs no more than its length.
    const [first, ...others] = decoder.decode(chunk, { stream: true }).split('\n');
    rest += first;
    for (const next of others) {
      if (rest.startsWith('data:')) yield rest.slice(5).trim();
      rest = next;
    }
    waits(true);
  }
}

async function* thoughts(events: AsyncIterable<string>): AsyncGenerator<Thought> {
  let incomplete: 'max_output_tokens' | 'content_filter' | undefined;
  let usage: TokenUsage | undefined;
  let call: { index: number; id: string; hasArguments: boolean } | undefined;
  let finished = false;
  let calls = 0;
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
    for (const { index, id, function: called } of choice?.delta?.tool_calls ?? []) {
      const at = index ?? 0;
      // Some servers call every one the first, others give each piece of one a new id: a new call has a name, too.
      if (at !== call?.index || (id && id !== call.id && called?.name)) {
        if (call?.hasArguments === false) yield NO_ARGUMENTS;
        if (!called?.name) throw failed('it called a function without a name');
        if (++calls > MAX_CALLS) throw failed('it called too many functions');
        call = { index: at, id: id || `call_${randomUUID().replaceAll('-', '')}`, hasArguments: false };
        yield { kind: 'call', callId: call.id, name: called.name };
      }
      if (called?.arguments) {
        call.hasArguments = true;
        yield { kind: 'arguments', delta: called.arguments };
      }
    }
    if (choice?.finish_reason) finished = true;
    if (choice?.finish_reason === 'length') incomplete = 'max_output_tokens';
    if (choice?.finish_reason === 'content_filter') incomplete = 'content_filter';
  }
  if (!finished) throw failed('its answer broke off');
  if (call?.hasArguments === false && incomplete === undefined) yield NO_ARGUMENTS;
  yield { kind: 'end', ...(incomplete === undefined ? {} : { incomplete }), ...(usage === undefined ? {} : { usage }) };
}

function parse(data: string): ChatChunk {
  let value: unknown;
  try {
    value = JSON.parse(data);
  } catch {
    throw failed('it sent something that is not JSON');
  }
  const { success, data: chunk } = chatChunk.safeParse(value);
  if (!success) throw failed('it sent something that is no chunk of an answer');
  if (chunk.error != null) throw failed('it reported an error');
  return chunk;
}

/** Nothing of the conversation goes into the detail: it is logged. */
function failed(reason: string): SpeechError {
  return new SpeechError('upstream_failed', 'The language model failed to answer.', {
    detail: `language model: ${reason}`,
  });
}
