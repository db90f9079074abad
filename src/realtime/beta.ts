/**
 * The Realtime protocol as it was before it became generally available. Inside there is only the newer one: what beta
 * clients send and receive is translated at the edge.
 */
import { RealtimeProblem } from './problem.ts';
import type { AudioFormat, Session } from './session-config.ts';
import type { ServerEvent } from './state.ts';

type Fields = Record<string, unknown>;

const FORMATS: Readonly<Record<string, AudioFormat>> = {
  pcm16: { type: 'audio/pcm', rate: 24_000 },
  g711_ulaw: { type: 'audio/pcmu' },
  g711_alaw: { type: 'audio/pcma' },
};

/** Paths of the newer protocol, and what they are called in beta. */
const NAMES: readonly (readonly [string, string])[] = [
  ['session.audio.input.turn_detection', 'session.turn_detection'],
  ['session.audio.input.', 'session.input_audio_'],
  ['session.audio.output.format', 'session.output_audio_format'],
  ['response.audio.output.format', 'response.output_audio_format'],
  ['session.audio.output.', 'session.'],
  ['response.audio.output.', 'response.'],
  ['session.output_modalities', 'session.modalities'],
  ['response.output_modalities', 'response.modalities'],
  ['session.max_output_tokens', 'session.max_response_output_tokens'],
  ['response.max_output_tokens', 'response.max_response_output_tokens'],
];

/** A beta client's event as the newer protocol has it. RealtimeProblem where a field means nothing in beta. */
export function fromBeta(event: Fields): Fields {
  switch (event.type) {
    case 'session.update':
      return { ...event, session: sessionFromBeta(event.session) };
    case 'transcription_session.update':
      return { ...event, type: 'session.update', session: transcriptionFromBeta(event.session) };
    case 'response.create':
      return isFields(event.response) ? { ...event, response: responseFromBeta(event.response) } : event;
    case 'conversation.item.create':
      return isFields(event.item) ? { ...event, item: itemFromBeta(event.item) } : event;
    default:
      return event;
  }
}

/** What a beta client is sent instead of a newer event: none, one or two events. `conversation`: the session's own. */
export function toBeta(event: ServerEvent, conversation: string): ServerEvent[] {
  switch (event.type) {
    case 'session.created': {
      const created = { id: conversation, object: 'realtime.conversation' };
      return [
        sessionEvent(event, 'created'),
        { type: 'conversation.created', event_id: `${event.event_id}c`, conversation: created },
      ];
    }
    case 'error':
      return [{ ...event, error: errorToBeta(event.error as Fields) }];
    case 'session.updated':
      return [sessionEvent(event, 'updated')];
    case 'conversation.item.added':
      return [{ ...event, type: 'conversation.item.created', item: itemToBeta(event.item as Fields) }];
    case 'conversation.item.done':
      return [];
    default: {
      const translated: ServerEvent = {
        ...event,
        type: event.type.replace(/^response\.output_(text|audio)/, 'response.$1'),
      };
      if (isFields(event.item)) translated.item = itemToBeta(event.item);
      if (isFields(event.response)) translated.response = responseToBeta(event.response);
      return [translated];
    }
  }
}

function sessionFromBeta(session: unknown): unknown {
  if (!isFields(session)) throw noSession(session);
  refuse(session, ['type', 'audio', 'output_modalities', 'max_output_tokens'], 'session');
  const {
    modalities,
    voice,
    speed,
    input_audio_format,
    output_audio_format,
    input_audio_transcription,
    input_audio_noise_reduction,
    turn_detection,
    max_response_output_tokens,
    // A sampling temperature means nothing where the language model has its own.
    temperature: _,
    client_secret: __,
    id: ___,
    object: ____,
    ...rest
  } = session;
  return defined({
    type: 'realtime',
    ...rest,
    output_modalities: modality(modalities),
    max_output_tokens: max_response_output_tokens,
    audio: defined({
      input: inputFromBeta({
        input_audio_format,
        input_audio_transcription,
        input_audio_noise_reduction,
        turn_detection,
      }),
      output: outputFromBeta(output_audio_format, voice, speed),
    }),
  });
}

function transcriptionFromBeta(session: unknown): unknown {
  if (!isFields(session)) throw noSession(session);
  refuse(session, ['type', 'audio'], 'session');
  const { include, ...input } = session;
  return defined({ type: 'transcription', include, audio: defined({ input: inputFromBeta(input) }) });
}

function inputFromBeta(given: Fields): Fields | undefined {
  const input = defined({
    format: format(given.input_audio_format, 'session.input_audio_format'),
    transcription: given.input_audio_transcription,
    noise_reduction: given.input_audio_noise_reduction,
    // Beta servers took `none` where the newer protocol takes null.
    turn_detection:
      isFields(given.turn_detection) && given.turn_detection.type === 'none' ? null : given.turn_detection,
  });
  return Object.keys(input).length === 0 ? undefined : input;
}

function outputFromBeta(outputFormat: unknown, voice: unknown, speed: unknown): Fields | undefined {
  const output = defined({ format: format(outputFormat, 'output_audio_format'), voice, speed });
  return Object.keys(output).length === 0 ? undefined : output;
}

function responseFromBeta(response: Fields): Fields {
  refuse(response, ['audio', 'output_modalities'], 'response');
  const { modalities, voice, output_audio_format, max_response_output_tokens, temperature: _, ...rest } = response;
  const output = outputFromBeta(output_audio_format, voice, undefined);
  return defined({
    ...rest,
    ...defined({ max_output_tokens: max_response_output_tokens }),
    output_modalities: modality(modalities),
    audio: output === undefined ? undefined : { output },
    input: Array.isArray(rest.input)
      ? rest.input.map((item) => (isFields(item) ? itemFromBeta(item) : item))
      : rest.input,
  });
}

function itemFromBeta(item: Fields): Fields {
  if (!Array.isArray(item.content) || item.role !== 'assistant') return item;
  const content = item.content.map((part) =>
    isFields(part) && (part.type === 'text' || part.type === 'audio') ? { ...part, type: `output_${part.type}` } : part,
  );
  return { ...item, content };
}

function itemToBeta(item: Fields): Fields {
  if (!Array.isArray(item.content)) return item;
  const content = item.content.map((part: Fields) => ({ ...part, type: String(part.type).replace(/^output_/, '') }));
  return { ...item, content };
}

function responseToBeta(response: Fields): Fields {
  const { output_modalities, audio, output, ...rest } = response;
  const { format: wire, voice } = (audio as { output: { format: AudioFormat; voice: string } }).output;
  return {
    ...rest,
    output: (output as Fields[]).map(itemToBeta),
    modalities: modalitiesToBeta(output_modalities),
    voice,
    output_audio_format: formatToBeta(wire),
  };
}

/** Fields are named as the client knows them. */
function errorToBeta(error: Fields): Fields {
  const { param } = error;
  if (typeof param !== 'string') return error;
  const [known, own] = NAMES.find(([name]) => param.startsWith(name)) ?? ['', ''];
  return { ...error, param: param.replace(known, own), message: String(error.message).replaceAll(known, own) };
}

function sessionEvent(event: ServerEvent, what: 'created' | 'updated'): ServerEvent {
  const session = event.session as Session;
  const kind = session.type === 'transcription' ? 'transcription_session' : 'session';
  return { ...event, type: `${kind}.${what}`, session: sessionToBeta(session) };
}

/** The flat session of the beta protocol. */
export function sessionToBeta(session: Session): Fields {
  const { input } = session.audio;
  const heard = {
    input_audio_format: formatToBeta(input.format),
    input_audio_transcription: input.transcription,
    input_audio_noise_reduction: input.noise_reduction,
    turn_detection: input.turn_detection,
    include: session.include,
  };
  const { id, object, expires_at } = session;
  if (session.type === 'transcription') return { id, object, expires_at, ...heard };
  const { model, instructions, tools, tool_choice, tracing } = session;
  const { output } = session.audio;
  return {
    ...{ id, object, expires_at, model, instructions, tools, tool_choice, tracing },
    modalities: modalitiesToBeta(session.output_modalities),
    voice: output.voice,
    speed: output.speed,
    output_audio_format: formatToBeta(output.format),
    max_response_output_tokens: session.max_output_tokens,
    temperature: 0.8,
    ...heard,
  };
}

const modalitiesToBeta = (modalities: unknown): string[] =>
  Array.isArray(modalities) && modalities[0] === 'text' ? ['text'] : ['text', 'audio'];

function modality(modalities: unknown): unknown {
  if (!Array.isArray(modalities)) return modalities;
  return modalities.includes('audio') ? ['audio'] : modalities;
}

function format(name: unknown, param: string): AudioFormat | undefined {
  if (name === undefined) return undefined;
  if (typeof name === 'string' && Object.hasOwn(FORMATS, name)) return FORMATS[name];
  throw new RealtimeProblem(
    'invalid_value',
    `Invalid value for '${param}': there are ${Object.keys(FORMATS).join(', ')}.`,
    param,
  );
}

function formatToBeta(wire: AudioFormat): string {
  return Object.keys(FORMATS).find((name) => FORMATS[name]!.type === wire.type)!;
}

/** Keys of the newer protocol. */
function refuse(value: Fields, keys: readonly string[], at: string): void {
  const found = keys.find((key) => key in value);
  if (found !== undefined) {
    throw new RealtimeProblem('unknown_parameter', `Unknown parameter: '${at}.${found}'.`, `${at}.${found}`);
  }
}

function noSession(session: unknown): RealtimeProblem {
  return session === undefined
    ? new RealtimeProblem('missing_required_parameter', "Missing required parameter: 'session'.", 'session')
    : new RealtimeProblem('invalid_type', "Invalid type for 'session': expected an object.", 'session');
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function defined(values: Fields): Fields {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
