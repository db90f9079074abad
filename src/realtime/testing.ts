/** What the tests of Realtime sessions share: the machine driven by hand, and ears that hear what a test says. */
import { SpeechError } from '../errors.ts';
import type { Listening, ListeningEvent } from '../live/contract.ts';
import { openLog } from '../telemetry/log.ts';
import { readClientEvent } from './client-events.ts';
import { type Input, step } from './realtime.machine.ts';
import { type RealtimeDeps, RealtimeSession, type RealtimeStart } from './session.ts';
import { type Effect, newRealtime, type RealtimeState, type Rules, type ServerEvent } from './state.ts';

export const RULES: Rules = {
  maxItems: 20,
  maxChars: 1_000_000,
  maxResponses: 4,
  hasLanguageModel: true,
  checkVoice() {},
  checkRecogniser() {},
};

const NEW_SESSION = { id: 'sess_1', kind: 'realtime', model: 'gpt-realtime', voice: 'alloy', expiresAt: 1 } as const;

/** A session that is driven by hand and remembers what its last step caused. */
export class Driven {
  state: RealtimeState;
  effects: Effect[] = [];
  #rules: Rules;

  constructor(kind: 'realtime' | 'transcription' = 'realtime', rules: Partial<Rules> = {}) {
    this.#rules = { ...RULES, ...rules };
    this.state = newRealtime({ ...NEW_SESSION, kind }, 's');
  }

  take(input: Input): string[] {
    const { state, effects } = step(this.state, input, this.#rules);
    this.state = state;
    this.effects = effects;
    return this.types;
  }

  client(event: Record<string, unknown>): string[] {
    return this.take({ type: 'client', event: readClientEvent(event) });
  }

  /** Updates how a conversation hears. */
  hearBy(turn_detection: object | null): string[] {
    return this.client({ type: 'session.update', session: { type: 'realtime', audio: { input: { turn_detection } } } });
  }

  hear(event: ListeningEvent): string[] {
    return this.take({ type: 'hearing', event });
  }

  output(response: string, output: (Input & { type: 'output' })['output']): string[] {
    return this.take({ type: 'output', response, output });
  }

  /** Types of the events that were sent, and in brackets what the shell has to do. */
  get types(): string[] {
    return this.effects.map((effect) => (effect.type === 'send' ? effect.event.type : `(${effect.type})`));
  }

  get events(): ServerEvent[] {
    return this.effects.flatMap((effect) => (effect.type === 'send' ? [effect.event] : []));
  }

  sent(type: string): Record<string, unknown> {
    for (const event of this.events) if (event.type === type) return event;
    throw new Error(`no ${type} among ${this.types}`);
  }

  /** Somebody says something and stops. */
  turn(utterance: number, text: string): string[] {
    return [
      ...this.hear({ type: 'speech-started', utterance, atMs: utterance * 1000 }),
      ...this.hear({ type: 'speech-stopped', utterance, atMs: utterance * 1000 + 800 }),
      ...this.hear(final(utterance, text)),
    ];
  }

  /** The id of the response that was begun last. */
  get response(): string {
    return [...this.state.responses.keys()].at(-1)!;
  }
}

export function final(utterance: number, text: string): ListeningEvent & { type: 'final' } {
  return { type: 'final', utterance, text, startMs: 0, endMs: 800, audioMs: 800, continues: false };
}

/** Ears that hear nothing, but for what is given. */
export function ears(given: Partial<Listening> = {}): Listening {
  return {
    ...{ model: 'm', audioMs: 0, backlogMs: 0, openMs: 0 },
    push() {},
    commit: () => undefined,
    clear: () => undefined,
    change() {},
    async finish() {},
    close() {},
    ...given,
  };
}

/** A session without a voice and a language model; `sent` fills with what it tells its client. */
export function openSession(
  deps: Pick<RealtimeDeps, 'openListening'> & Partial<RealtimeDeps>,
  start: Partial<RealtimeStart> = {},
) {
  const sent: ServerEvent[] = [];
  const session = new RealtimeSession(
    {
      rules: { ...RULES, hasLanguageModel: false },
      ...{ languageModel: undefined, maxBacklogMs: 1000, recogniser: () => undefined, ready: async () => {} },
      charge() {},
      log: openLog({ level: 'error', write: () => {} }),
      openSpeaking: () => {
        throw new SpeechError('model_unavailable', 'No voice.');
      },
      ...deps,
    },
    {
      ...{ session: NEW_SESSION, configuration: undefined, beta: false, salt: 's' },
      caller: { requestId: 'r', keyId: 'k', signal: new AbortController().signal },
      ...start,
    },
    (event) => sent.push(event as ServerEvent),
  );
  return { session, sent };
}
