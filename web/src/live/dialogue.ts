import type { Moments } from './latency.ts';

/** What one side said. */
export interface Turn {
  /** Of the item in the conversation. */
  id: string;
  speaker: 'you' | 'server';
  text: string;
  state: 'open' | 'done' | 'failed';
  /** Where somebody spoke into it: the characters that had been heard by then. Null where nobody did. */
  heardChars: number | null;
  moments: Moments;
}

export interface Dialogue {
  /** No more than `MAX_TURNS`: the oldest go. */
  turns: readonly Turn[];
  doing: 'listening' | 'hearing' | 'thinking' | 'speaking';
  /** What went wrong with the last answer, in the server's words. */
  problem: string | null;
}

export const NO_DIALOGUE: Dialogue = { turns: [], doing: 'listening', problem: null };
export const MAX_TURNS = 400;

export interface DialogueLine {
  now: number;
  timeOf(ms: number): number | null;
  /** The pause that ends a turn. */
  pauseMs: number;
}

type Event = Record<string, unknown>;

/** What is shown after one event of the Realtime protocol (docs/realtime.md). Others change nothing. */
export function withRealtimeEvent(dialogue: Dialogue, event: Event, line: DialogueLine): Dialogue {
  const item = typeof event.item_id === 'string' ? event.item_id : null;
  switch (event.type) {
    case 'input_audio_buffer.speech_started':
      return item === null ? dialogue : { ...withTurn(dialogue, item, 'you', {}), doing: 'hearing', problem: null };
    case 'input_audio_buffer.speech_stopped': {
      if (item === null) return dialogue;
      const end = typeof event.audio_end_ms === 'number' ? line.timeOf(event.audio_end_ms) : null;
      const moments = { stopped: line.now, ...(end !== null && { spoken: end - line.pauseMs }) };
      return { ...withTurn(dialogue, item, 'you', { moments }), doing: 'thinking' };
    }
    case 'conversation.item.input_audio_transcription.completed': {
      if (item === null || typeof event.transcript !== 'string') return dialogue;
      if (event.transcript.trim() === '') return resting(without(dialogue, item));
      const said = { text: event.transcript, state: 'done', moments: { transcribed: line.now } } as const;
      return withTurn(dialogue, item, 'you', said);
    }
    case 'conversation.item.input_audio_transcription.failed':
      return item === null ? dialogue : resting(withTurn(dialogue, item, 'you', { state: 'failed' }));
    case 'response.output_audio_transcript.delta': {
      if (item === null || typeof event.delta !== 'string') return dialogue;
      const known = dialogue.turns.find(({ id }) => id === item);
      const moments = known === undefined ? { ...questionOf(dialogue)?.moments, thought: line.now } : {};
      return withTurn(dialogue, item, 'server', { text: (known?.text ?? '') + event.delta, moments });
    }
    case 'response.output_audio.delta': {
      const known = dialogue.turns.find(({ id }) => id === item);
      if (known === undefined || known.moments.synthesised !== undefined) return dialogue;
      return withTurn(dialogue, known.id, 'server', { moments: { synthesised: line.now } });
    }
    case 'response.output_audio_transcript.done':
      return item === null || !dialogue.turns.some(({ id }) => id === item)
        ? dialogue
        : withTurn(dialogue, item, 'server', { state: 'done' });
    case 'response.done':
      return withEnd(dialogue, event.response);
    case 'conversation.item.retrieved':
      return withHeard(dialogue, event.item);
    default:
      return dialogue;
  }
}

/** The first sound of an answer has left the loudspeaker. */
export function withSound(dialogue: Dialogue, item: string, now: number): Dialogue {
  if (!dialogue.turns.some(({ id }) => id === item)) return dialogue;
  const heard = withTurn(dialogue, item, 'server', { moments: { heard: now } });
  return dialogue.doing === 'hearing' ? heard : { ...heard, doing: 'speaking' };
}

/** The last sound of an answer was played. */
export function withSilence(dialogue: Dialogue): Dialogue {
  return dialogue.doing === 'speaking' ? { ...dialogue, doing: 'listening' } : dialogue;
}

/** The line has ended: nothing more comes of what is open. */
export function withoutLine(dialogue: Dialogue): Dialogue {
  const turns = dialogue.turns
    .filter(({ state, text }) => state !== 'open' || text !== '')
    .map((turn) => (turn.state === 'open' ? ({ ...turn, state: 'done' } as const) : turn));
  return { ...dialogue, turns, doing: 'listening' };
}

/** What a turn says to whoever goes on with it: of an answer that was interrupted, what had been heard. */
export function saidIn({ text, heardChars }: Turn): string {
  return heardChars === null ? text : text.slice(0, heardChars);
}

function withEnd(dialogue: Dialogue, response: unknown): Dialogue {
  const { status, status_details: details } = (response ?? {}) as {
    status?: unknown;
    status_details?: { error?: { message?: unknown } } | null;
  };
  // An answer of no words is never heard to end.
  if (status !== 'failed') return dialogue.turns.at(-1)?.speaker === 'server' ? dialogue : resting(dialogue);
  const message = details?.error?.message;
  return { ...resting(dialogue), problem: typeof message === 'string' ? message : 'The answer failed.' };
}

/** After an interruption the server says what of an item had been heard. */
function withHeard(dialogue: Dialogue, item: unknown): Dialogue {
  const { id, content } = (item ?? {}) as { id?: unknown; content?: { transcript?: unknown }[] };
  const turn = dialogue.turns.find((known) => known.id === id && known.speaker === 'server');
  const heard = content?.[0]?.transcript;
  if (turn === undefined || typeof heard !== 'string') return dialogue;
  return withTurn(dialogue, turn.id, 'server', { state: 'done', heardChars: Math.min(heard.length, turn.text.length) });
}

function questionOf({ turns }: Dialogue): Turn | undefined {
  return turns.findLast(({ speaker, state }) => speaker === 'you' && state === 'done');
}

/** Nothing is being answered any more, unless somebody speaks already. */
function resting(dialogue: Dialogue): Dialogue {
  return dialogue.doing === 'thinking' ? { ...dialogue, doing: 'listening' } : dialogue;
}

function without(dialogue: Dialogue, id: string): Dialogue {
  return { ...dialogue, turns: dialogue.turns.filter((turn) => turn.id !== id) };
}

function withTurn(dialogue: Dialogue, id: string, speaker: Turn['speaker'], change: Partial<Turn>): Dialogue {
  const at = dialogue.turns.findIndex((turn) => turn.id === id);
  const fresh: Turn = { id, speaker, text: '', state: 'open', heardChars: null, moments: {} };
  const before = dialogue.turns[at] ?? fresh;
  const turn = { ...before, ...change, moments: { ...before.moments, ...change.moments } };
  const turns = at === -1 ? [...dialogue.turns, turn].slice(-MAX_TURNS) : dialogue.turns.with(at, turn);
  return { ...dialogue, turns };
}
