/**
 * Decides where utterances begin and end. Pure: audio comes in as judged frames, each with the time of the wall clock,
 * and what follows from them goes out as effects, in order. Positions are milliseconds of audio from the session's first
 * sample; `now` is milliseconds from any origin.
 */
import type { Turns } from './contract.ts';

export interface TurnRules {
  turns: Turns;
  /** The longest utterance; one that goes on is cut there. */
  longestMs: number;
}

interface OpenUtterance {
  readonly number: number;
  readonly fromMs: number;
  /** Whether it was opened by a voice, so that its beginning and end are told. */
  readonly spoken: boolean;
  /** End of the last voice that was more than a click. */
  voiceUntilMs: number;
  /** Voice in it, so far. */
  voicedMs: number;
  /** Silence after which it is asked next whether it is over, in the pause since `voiceUntilMs`. */
  askAfterMs: number;
  /** A question has no answer yet. */
  asking: boolean;
  /** There was no answer to a question: silence alone decides. */
  unjudged: boolean;
}

export interface TurnState {
  readonly rules: TurnRules;
  /** Of all frames. */
  audioMs: number;
  /** No later utterance begins before this: what lies before it was heard or forgotten. */
  freeFromMs: number;
  /** Audio from here on may still be asked for. */
  keepFromMs: number;
  open: OpenUtterance | undefined;
  /** The last frames, no more than `WINDOW_MS` of them. */
  recent: readonly { voice: boolean; ms: number }[];
  /** When the last frame came. */
  frameAt: number;
  /** Nobody spoke since, or was expected to before: this may lie ahead. */
  quietFromMs: number;
  idleTold: boolean;
  lastNumber: number;
}

export type TurnEvent =
  | { type: 'frame'; ms: number; voice: boolean }
  | { type: 'commit' }
  | { type: 'clear' }
  | { type: 'change'; rules: TurnRules }
  /** The answer to a question; `ended` is undefined where there is none. */
  | { type: 'verdict'; utterance: number; voiceUntilMs: number; ended: boolean | undefined }
  | { type: 'tick' };

export type TurnEffect =
  | { type: 'open'; utterance: number; fromMs: number; spoken: boolean }
  | { type: 'close'; utterance: number; toMs: number; spoken: boolean; voicedMs: number; continues: boolean }
  | { type: 'forget'; utterance: number }
  /** Is it over, as it sounds up to here? */
  | { type: 'ask'; utterance: number; voiceUntilMs: number; fromMs: number; toMs: number }
  | { type: 'idle'; fromMs: number; toMs: number };

/** So much voice in so much audio is speech; less is a click or a breath. */
const VOICE_MS = 60;
export const WINDOW_MS = 100;
/** A network that falters is no end of speech: how much longer than the silence itself a client may send nothing. */
const STALL_MS = 1000;
/** From this part of the longest utterance on, a pause between words ends it, so that none is cut through a word. */
const LONG_PART = 0.75;
const WORD_PAUSE_MS = 200;

export function newTurns(rules: TurnRules): TurnState {
  return {
    rules,
    audioMs: 0,
    freeFromMs: 0,
    keepFromMs: 0,
    open: undefined,
    recent: [],
    frameAt: 0,
    quietFromMs: idleFrom(rules) ?? 0,
    idleTold: false,
    lastNumber: 0,
  };
}

/** Takes one event at time `now` and tells what follows. The given state is left as it is. */
export function step(before: TurnState, event: TurnEvent, now: number): { state: TurnState; effects: TurnEffect[] } {
  const state: TurnState = { ...before, open: before.open && { ...before.open } };
  const effects: TurnEffect[] = [];
  switch (event.type) {
    case 'frame':
      takeFrame(state, event.ms, event.voice, now, effects);
      break;
    case 'commit':
      close(state, false, effects);
      break;
    case 'clear':
      forget(state, effects);
      break;
    case 'verdict':
      takeVerdict(state, event, effects);
      break;
    case 'change':
      return change(state, event.rules, effects);
    case 'tick': {
      const due = nextTick(state);
      if (due !== undefined && now >= due) close(state, false, effects);
      break;
    }
  }
  keep(state);
  return { state, effects };
}

/** When `tick` has to be sent at the latest, or undefined where only audio or the caller can change anything. */
export function nextTick({ rules, open, audioMs, frameAt }: TurnState): number | undefined {
  if (open === undefined || rules.turns.kind === 'manual') return undefined;
  return frameAt + Math.max(0, rules.turns.silenceMs - (audioMs - open.voiceUntilMs)) + STALL_MS;
}

function takeFrame(state: TurnState, ms: number, voice: boolean, now: number, effects: TurnEffect[]): void {
  const { turns, longestMs } = state.rules;
  if (state.open !== undefined && state.audioMs + ms - state.open.fromMs > longestMs) cut(state, effects);
  const startMs = state.audioMs;
  state.audioMs += ms;
  state.frameAt = now;
  state.recent = withFrame(state.recent, { voice, ms });
  const speech = voice && voicedMs(state.recent) >= VOICE_MS;

  if (state.open === undefined) {
    if (turns.kind === 'manual') openAt(state, startMs, false, effects);
    else if (speech) openAt(state, Math.max(state.freeFromMs, firstVoiceMs(state) - turns.prefixMs), true, effects);
    else tellIdle(state, turns.idle, effects);
  } else if (voice) {
    state.open.voicedMs += ms;
  }
  const { open } = state;
  if (open === undefined) return;
  if (speech) {
    open.voiceUntilMs = state.audioMs;
    open.askAfterMs = firstQuestion(state.rules);
  }
  if (turns.kind === 'manual' || voice) return;
  const long = state.audioMs - open.fromMs >= longestMs * LONG_PART;
  const patienceMs = open.unjudged ? turns.silenceMs : (turns.judge?.patienceMs ?? turns.silenceMs);
  const silenceMs = long ? Math.min(WORD_PAUSE_MS, patienceMs) : patienceMs;
  if (state.audioMs - open.voiceUntilMs >= silenceMs) close(state, false, effects);
  else ask(state, open, effects);
}

/** The longer a pause lasts, the more it sounds like an end: it is asked again after as much more silence. */
function ask({ audioMs }: TurnState, open: OpenUtterance, effects: TurnEffect[]): void {
  const { number: utterance, fromMs, voiceUntilMs, askAfterMs, asking, unjudged } = open;
  if (asking || unjudged || audioMs - voiceUntilMs < askAfterMs) return;
  open.asking = true;
  open.askAfterMs = 2 * (audioMs - voiceUntilMs);
  effects.push({ type: 'ask', utterance, voiceUntilMs, fromMs, toMs: audioMs });
}

function takeVerdict(state: TurnState, verdict: TurnEvent & { type: 'verdict' }, effects: TurnEffect[]): void {
  const { open, audioMs, rules } = state;
  if (open?.number !== verdict.utterance) return;
  open.asking = false;
  open.unjudged = verdict.ended === undefined;
  if (rules.turns.kind === 'manual') return;
  // Who has spoken since was not at the end.
  const asked = open.voiceUntilMs === verdict.voiceUntilMs;
  const ended = verdict.ended ?? audioMs - open.voiceUntilMs >= rules.turns.silenceMs;
  if (asked && ended) close(state, false, effects);
  else ask(state, open, effects);
}

function firstQuestion({ turns }: TurnRules): number {
  return (turns.kind === 'voice' ? turns.judge?.askMs : undefined) ?? Number.POSITIVE_INFINITY;
}

/** Ends an utterance before the frame that would make it too long, and goes on with the next. */
function cut(state: TurnState, effects: TurnEffect[]): void {
  const { recent, open } = state;
  close(state, true, effects);
  openAt(state, state.audioMs, open!.spoken, effects);
  state.recent = recent;
}

function openAt(state: TurnState, fromMs: number, spoken: boolean, effects: TurnEffect[]): void {
  const number = ++state.lastNumber;
  state.open = {
    ...{ number, fromMs, spoken, voiceUntilMs: state.audioMs, voicedMs: voicedMs(state.recent) },
    ...{ askAfterMs: firstQuestion(state.rules), asking: false, unjudged: false },
  };
  state.idleTold = false;
  effects.push({ type: 'open', utterance: number, fromMs, spoken });
}

function close(state: TurnState, continues: boolean, effects: TurnEffect[]): void {
  const { open } = state;
  if (open === undefined) return;
  const { number, spoken } = open;
  effects.push({
    ...{ type: 'close', utterance: number, toMs: state.audioMs },
    ...{ spoken, voicedMs: open.voicedMs, continues },
  });
  startAfresh(state);
}

function forget(state: TurnState, effects: TurnEffect[]): void {
  if (state.open !== undefined) effects.push({ type: 'forget', utterance: state.open.number });
  startAfresh(state);
}

/** Nothing before this moment counts for the next utterance. */
function startAfresh(state: TurnState): void {
  // Where nobody spoke, what was said about the time before which nobody has to still holds.
  state.quietFromMs = state.open === undefined ? Math.max(state.quietFromMs, state.audioMs) : state.audioMs;
  state.open = undefined;
  state.freeFromMs = state.audioMs;
  state.recent = [];
}

/** An utterance that only the lack of turns opened ends with it: its last moments remain as what precedes a voice. */
function change(state: TurnState, rules: TurnRules, effects: TurnEffect[]): ReturnType<typeof step> {
  const changed = { ...state, rules };
  const fromMs = idleFrom(rules);
  if (fromMs !== undefined && fromMs !== idleFrom(state.rules)) {
    changed.quietFromMs = Math.max(fromMs, state.audioMs);
    changed.idleTold = false;
  }
  if (rules.turns.kind === 'voice' && changed.open?.spoken === false) {
    const { open } = changed;
    effects.push({ type: 'forget', utterance: open.number });
    changed.open = undefined;
    changed.freeFromMs = open.fromMs;
    changed.quietFromMs = changed.audioMs;
  }
  // What came before the caller took the turns into his own hands is not his.
  if (rules.turns.kind === 'manual' && changed.open === undefined) startAfresh(changed);
  keep(changed);
  return { state: changed, effects };
}

function tellIdle(state: TurnState, idle: (Turns & { kind: 'voice' })['idle'], effects: TurnEffect[]): void {
  if (idle === undefined || state.idleTold || state.audioMs - state.quietFromMs < idle.afterMs) return;
  state.idleTold = true;
  effects.push({ type: 'idle', fromMs: state.quietFromMs, toMs: state.audioMs });
}

function idleFrom({ turns }: TurnRules): number | undefined {
  return turns.kind === 'voice' ? turns.idle?.fromMs : undefined;
}

function keep(state: TurnState): void {
  const { turns } = state.rules;
  const wanted =
    state.open !== undefined
      ? state.open.fromMs
      : turns.kind === 'manual'
        ? state.audioMs
        : Math.max(state.freeFromMs, state.audioMs - turns.prefixMs - WINDOW_MS);
  state.keepFromMs = Math.max(state.keepFromMs, wanted);
  state.freeFromMs = Math.max(state.freeFromMs, state.keepFromMs);
}

type Frames = TurnState['recent'];

function withFrame(recent: Frames, frame: Frames[number]): Frames {
  const frames = [...recent, frame];
  while (lengthMs(frames) > WINDOW_MS) frames.shift();
  return frames;
}

function lengthMs(frames: Frames): number {
  return frames.reduce((sum, { ms }) => sum + ms, 0);
}

function voicedMs(frames: Frames): number {
  return frames.reduce((sum, { voice, ms }) => sum + (voice ? ms : 0), 0);
}

function firstVoiceMs({ recent, audioMs }: TurnState): number {
  return audioMs - lengthMs(recent.slice(recent.findIndex(({ voice }) => voice)));
}
