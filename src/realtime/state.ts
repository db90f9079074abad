/** What a Realtime session is made of, and the draft that one step of its machine works on. */
import type { Item } from './items.ts';
import type { RealtimeProblem } from './problem.ts';
import type { Generation, Response, Said } from './response.ts';
import { type NewSession, newSession, type Session, type SessionRules } from './session-config.ts';

export type ServerEvent = { type: string; event_id: string } & Record<string, unknown>;

export type Effect =
  | { type: 'send'; event: ServerEvent }
  /** PCM or G.711 in the session's input format. */
  | { type: 'push'; audio: Buffer; eventId: string | null }
  | { type: 'commit'; eventId: string | null }
  | { type: 'clear-input' }
  /** The session's input has changed. */
  | { type: 'configure' }
  /** Silence counts, for the idle timeout, from so much audio after what has come until now. */
  | { type: 'await-voice'; inMs: number }
  | { type: 'transcribe'; item: string; audio: Buffer }
  | { type: 'generate'; generation: Generation }
  | { type: 'stop'; response: string };

export interface Utterance {
  item: string;
  committed: boolean;
  /** The client ended it, though a voice had begun it. */
  byClient: boolean;
  /** What was said in parts of the turn that are over: a long one comes in several. */
  said: string;
  /** Characters of the transcript that were sent as deltas. */
  sent: number;
  /** Of the parts that are over. */
  audioMs: number;
}

export interface RealtimeState {
  session: Session;
  conversation: string;
  items: readonly Item[];
  /** Sentences and length of the audio of items that were spoken, for truncation. */
  spoken: ReadonlyMap<string, { said: readonly Said[]; audioMs: number }>;
  /** Utterances whose words are not known yet, by number. */
  utterances: ReadonlyMap<number, Utterance>;
  /** The last utterance that was committed; 0 for none. */
  lastCommitted: number;
  /** The last utterances of turns that the client cleared, in order. */
  cleared: readonly number[];
  /** Items that the client sent as audio, whose words are not known yet. */
  untranscribed: ReadonlySet<string>;
  responses: ReadonlyMap<string, Response>;
  /** Audio was made in this session. */
  hasSpoken: boolean;
  salt: string;
  lastId: number;
}

export interface Rules extends SessionRules {
  /** Items a conversation keeps; the oldest go. */
  maxItems: number;
  /** Characters of all of them, as JSON; the oldest go here, too. */
  maxChars: number;
  /** Responses that may be made at once. */
  maxResponses: number;
  hasLanguageModel: boolean;
}

/** `salt` makes the ids of this session unlike any other's. */
export function newRealtime(session: NewSession, salt: string): RealtimeState {
  return {
    session: newSession(session),
    conversation: `conv_${salt}`,
    items: [],
    spoken: new Map(),
    utterances: new Map(),
    lastCommitted: 0,
    cleared: [],
    untranscribed: new Set(),
    responses: new Map(),
    hasSpoken: false,
    salt,
    lastId: 0,
  };
}

/** The response that writes to the conversation. */
export function activeResponse(state: RealtimeState): Response | undefined {
  return [...state.responses.values()].find(({ conversationId }) => conversationId !== null);
}

/** One step over a state of its own; collections in it are replaced, never changed. */
export class Draft {
  state: RealtimeState;
  readonly effects: Effect[] = [];
  readonly rules: Rules;

  constructor(before: RealtimeState, rules: Rules) {
    this.state = { ...before };
    this.rules = rules;
  }

  send(type: string, fields: object): void {
    this.effects.push({ type: 'send', event: { type, event_id: this.newId('event'), ...fields } });
  }

  refuse({ type, code, message, param }: RealtimeProblem, eventId: string | null): void {
    this.send('error', { error: { type, code, message, param, event_id: eventId } });
  }

  newId(kind: 'item' | 'resp' | 'event' | 'call'): string {
    this.state.lastId++;
    return `${kind}_${this.state.salt}${this.state.lastId.toString(36).padStart(6, '0')}`;
  }
}
