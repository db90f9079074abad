/**
 * Decides when an utterance is decoded by a recogniser that cannot listen: again and again while it is spoken, as far as
 * there is time, and once when it is over. One decode of a session runs at a time. Pure: `now` is milliseconds from any
 * origin, lengths are milliseconds of audio.
 */

export interface RedecodeRules {
  /** Audio that has to come before the utterance is worth decoding again. */
  stepMs: number;
}

interface OpenUtterance {
  readonly number: number;
  readonly partials: boolean;
  /** Beyond this it is not decoded before its end. */
  readonly maxMs: number;
  lengthMs: number;
  decodedMs: number;
}

interface Decode {
  readonly utterance: number;
  readonly kind: 'partial' | 'final';
  readonly since: number;
}

export interface RedecodeState {
  readonly rules: RedecodeRules;
  open: OpenUtterance | undefined;
  /** Over, and not decoded yet; oldest first. */
  waiting: readonly number[];
  running: Decode | undefined;
  /** No partial decode starts before this time. */
  notBefore: number;
}

export type RedecodeEvent =
  | { type: 'open'; utterance: number; partials: boolean; maxMs: number }
  | { type: 'audio'; lengthMs: number }
  | { type: 'close'; utterance: number }
  | { type: 'forget'; utterance: number }
  /** The running decode is over, one way or the other. */
  | { type: 'done' };

export type RedecodeEffect =
  | { type: 'decode'; utterance: number; kind: 'partial' | 'final' }
  /** Stop the running decode: its result is no longer wanted. `done` must not be sent for it. */
  | { type: 'stop' };

export function newRedecode(rules: RedecodeRules): RedecodeState {
  return { rules, open: undefined, waiting: [], running: undefined, notBefore: Number.NEGATIVE_INFINITY };
}

/** Takes one event at time `now` and tells what to do. The given state is left as it is. */
export function step(
  before: RedecodeState,
  event: RedecodeEvent,
  now: number,
): { state: RedecodeState; effects: RedecodeEffect[] } {
  const state: RedecodeState = { ...before, open: before.open && { ...before.open } };
  const effects: RedecodeEffect[] = [];
  switch (event.type) {
    case 'open': {
      const { utterance: number, partials, maxMs } = event;
      state.open = { number, partials, maxMs, lengthMs: 0, decodedMs: 0 };
      break;
    }
    case 'audio':
      if (state.open !== undefined) state.open.lengthMs = event.lengthMs;
      break;
    case 'close':
      state.open = undefined;
      state.waiting = [...state.waiting, event.utterance];
      // The final text is wanted now, and it makes this one worthless.
      if (state.running?.kind === 'partial') stop(state, effects);
      break;
    case 'forget':
      if (state.open?.number === event.utterance) state.open = undefined;
      state.waiting = state.waiting.filter((utterance) => utterance !== event.utterance);
      if (state.running?.utterance === event.utterance) stop(state, effects);
      break;
    case 'done':
      if (state.running === undefined) break;
      // As long a pause as the decode took: half the time at most goes into text that will be replaced.
      state.notBefore = now + (now - state.running.since);
      state.running = undefined;
      break;
  }
  start(state, now, effects);
  return { state, effects };
}

function stop(state: RedecodeState, effects: RedecodeEffect[]): void {
  state.running = undefined;
  effects.push({ type: 'stop' });
}

function start(state: RedecodeState, now: number, effects: RedecodeEffect[]): void {
  if (state.running !== undefined) return;
  const [utterance, ...rest] = state.waiting;
  if (utterance !== undefined) {
    state.waiting = rest;
    state.running = { utterance, kind: 'final', since: now };
    effects.push({ type: 'decode', utterance, kind: 'final' });
    return;
  }
  const { open } = state;
  if (open === undefined || !open.partials || now < state.notBefore) return;
  if (open.lengthMs > open.maxMs || open.lengthMs - open.decodedMs < state.rules.stepMs) return;
  open.decodedMs = open.lengthMs;
  state.running = { utterance: open.number, kind: 'partial', since: now };
  effects.push({ type: 'decode', utterance: open.number, kind: 'partial' });
}
