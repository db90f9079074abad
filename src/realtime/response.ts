import type { Item, MessageItem } from './items.ts';
import type { AudioFormat, ConversationSession, ResponseParams } from './session-config.ts';
import { voiceId } from './session-config.ts';

/** What makes a response tells: text, spoken sentences with their audio, calls of functions, and the end. */
export type ResponseOutput =
  /** Of a response in text. */
  | { kind: 'text'; delta: string }
  /** A sentence that is about to be heard. */
  | { kind: 'sentence'; text: string }
  /** base64 in the response's format. */
  | { kind: 'audio'; delta: string; durationMs: number }
  | { kind: 'call'; callId: string; name: string }
  | { kind: 'arguments'; delta: string }
  | { kind: 'end'; incomplete?: 'max_output_tokens' | 'content_filter'; usage?: TokenUsage }
  | { kind: 'failed'; code: string; message: string };

export interface TokenUsage {
  inputTokens: number;
  outputTokens: number;
}

/** What is asked of whoever makes a response. */
export interface Generation {
  response: string;
  modality: 'audio' | 'text';
  instructions: string;
  items: readonly Item[];
  /** To be said as it is, where there is no language model; undefined where nothing was given. */
  literal: string | undefined;
  tools: ConversationSession['tools'];
  toolChoice: ConversationSession['tool_choice'];
  parallelToolCalls: boolean;
  maxOutputTokens: number | 'inf';
  voice: string;
  speed: number;
  format: AudioFormat;
}

/** A response that is being made. */
export interface Response {
  id: string;
  conversationId: string | null;
  metadata: Record<string, string> | null;
  generation: Generation;
  /** It has not begun: words of its input are not known yet. */
  waits: boolean;
  output: Item[];
  /** The item that is being made: the last of `output`. */
  open: OpenItem | undefined;
  /** Of all its items. */
  audioMs: number;
}

export type OpenItem =
  /** `heardMs`: the client has said that it plays no more of it than that. */
  | { kind: 'message'; item: MessageItem; said: Said[]; audioMs: number; heardMs?: number }
  | { kind: 'call'; item: Item & { type: 'function_call' } };

/** A sentence, and where in the item's audio it begins, in ms. */
export interface Said {
  text: string;
  atMs: number;
}

/** What a response takes from its session where it does not say otherwise. */
export function generationOf(
  session: ConversationSession,
  params: ResponseParams,
  items: readonly Item[],
  response: string,
): Generation {
  const output = { ...session.audio.output, ...params.audio?.output };
  return {
    response,
    modality: (params.output_modalities ?? session.output_modalities)[0],
    instructions: params.instructions ?? session.instructions,
    items,
    literal: undefined,
    tools: params.tools ?? session.tools,
    toolChoice: params.tool_choice ?? session.tool_choice,
    parallelToolCalls: params.parallel_tool_calls ?? session.parallel_tool_calls,
    maxOutputTokens: params.max_output_tokens ?? session.max_output_tokens,
    voice: voiceId(output.voice),
    speed: output.speed,
    format: output.format,
  };
}

export type Status =
  | { status: 'in_progress' | 'completed'; details?: undefined }
  | { status: 'cancelled'; details: { type: 'cancelled'; reason: 'client_cancelled' | 'turn_detected' } }
  | { status: 'incomplete'; details: { type: 'incomplete'; reason: 'max_output_tokens' | 'content_filter' } }
  | { status: 'failed'; details: { type: 'failed'; error: { type: string; code: string; message: string } } };

/** The response as the protocol shows it. */
export function shown(response: Response, { status, details }: Status, usage?: TokenUsage): object {
  const { generation } = response;
  return {
    object: 'realtime.response',
    id: response.id,
    status,
    status_details: details ?? null,
    output: response.output,
    conversation_id: response.conversationId,
    output_modalities: [generation.modality],
    max_output_tokens: generation.maxOutputTokens,
    audio: { output: { format: generation.format, voice: generation.voice } },
    usage: status === 'in_progress' ? null : shownUsage(usage),
    metadata: response.metadata,
  };
}

function shownUsage({ inputTokens, outputTokens }: TokenUsage = { inputTokens: 0, outputTokens: 0 }): object {
  return {
    total_tokens: inputTokens + outputTokens,
    input_tokens: inputTokens,
    output_tokens: outputTokens,
    input_token_details: { text_tokens: inputTokens, audio_tokens: 0, image_tokens: 0, cached_tokens: 0 },
    output_token_details: { text_tokens: outputTokens, audio_tokens: 0 },
  };
}

/** What is left of spoken sentences that were cut at `endMs`. */
export function spokenUntil(spoken: { said: readonly Said[]; audioMs: number }, endMs: number): typeof spoken {
  return { said: spoken.said.filter(({ atMs }) => atMs < endMs), audioMs: Math.min(spoken.audioMs, endMs) };
}

/** What was heard of sentences until `endMs`: whole ones, and of the one that was cut, words in proportion. */
export function heardUntil(said: readonly Said[], audioMs: number, endMs: number): string {
  const heard: string[] = [];
  for (const [index, { text, atMs }] of said.entries()) {
    const untilMs = said[index + 1]?.atMs ?? audioMs;
    if (endMs >= untilMs) heard.push(text);
    else if (endMs > atMs) {
      const words = text.split(/\s+/);
      const whole = Math.floor((words.length * (endMs - atMs)) / Math.max(1, untilMs - atMs));
      heard.push(words.slice(0, whole).join(' '));
    }
  }
  return heard.filter((words) => words !== '').join(' ');
}
