/**
 * Decides when a model's processes start and end and which call runs where. Pure: time comes in with each event, and
 * what is to be done goes out as effects, in order.
 */

export interface PoolRules {
  /** Calls worked on at the same time, were each process to take one. */
  maxProcesses: number;
  /** The last idle process ends after this long; Infinity keeps it. */
  ttlMs: number;
  /** Failed loads in a row, with no process left, after which the model is quarantined. */
  failures: number;
}

export interface PoolProcess {
  readonly id: number;
  /** `asking` waits for room; `closing` takes no more calls and ends after its last; `ending` has been told to end. */
  phase: 'asking' | 'loading' | 'ready' | 'closing' | 'ending';
  /** Asked for beside another: the model can do without it. */
  readonly more: boolean;
  busy: number;
  /** Works on a call that shares its process with no other. */
  alone: boolean;
  idleSince: number;
}

export interface WaitingCall {
  readonly call: number;
  /** Must share its process with no other call. */
  readonly alone: boolean;
}

export interface PoolState {
  readonly rules: PoolRules;
  processes: PoolProcess[];
  waiting: WaitingCall[];
  /** Calls that one process takes, as the last load told; 1 before the first. */
  concurrency: number;
  /** Processors that a full process keeps busy, as the last load told; 1 before the first. */
  processors: number;
  /** Failed loads since the last good one. */
  failedLoads: number;
  /** Crashes since the last call that was answered. */
  crashes: number;
  /** No process starts before this time. */
  startAfter: number;
  quarantine: string | undefined;
  /** A load was asked for without a call. */
  wanted: boolean;
  /** There is no room for one more process than there are. */
  full: boolean;
  /** The last process stays, however long it has been idle. */
  kept: boolean;
  nextId: number;
}

export type PoolEvent =
  | { type: 'call'; call: number; alone: boolean }
  /** A waiting call gave up. */
  | { type: 'left'; call: number }
  /** A process finished a call; `answered` when in full. */
  | { type: 'freed'; process: number; answered: boolean }
  | { type: 'loaded'; process: number; concurrency: number; processors: number }
  | { type: 'stuck'; process: number }
  /** A process is gone. `fault` names what went wrong unless we wanted it. */
  | { type: 'died'; process: number; fault: 'load' | 'crash' | undefined; reason: string }
  | { type: 'load' }
  | { type: 'unload' }
  /** A process that asked for room has it. */
  | { type: 'granted'; process: number }
  /** It does not get any. `reason` is for the calls that can do nothing without it. */
  | { type: 'denied'; process: number; reason: string }
  /** There may be room for more again. */
  | { type: 'room' }
  /** Somebody else needs the room of an idle process. */
  | { type: 'evict'; process: number }
  | { type: 'keep'; kept: boolean }
  | { type: 'tick' };

export type PoolEffect =
  /** A process needs room before it starts. */
  | { type: 'ask'; process: number; more: boolean }
  /** It no longer does. */
  | { type: 'withdraw'; process: number }
  | { type: 'start'; process: number }
  | { type: 'run'; call: number; process: number }
  | { type: 'stop'; process: number }
  /** The model is quarantined or has no room: the call ends with this reason. */
  | { type: 'refuse'; call: number; reason: string; why: 'quarantine' | 'room' };

/** Processes beyond the first end after this much idle time. */
const EXTRA_IDLE_MS = 60_000;
const BACKOFF_MS = 100;
const MAX_BACKOFF_MS = 10_000;

export function newPool(rules: PoolRules): PoolState {
  return {
    rules,
    processes: [],
    waiting: [],
    concurrency: 1,
    processors: 1,
    failedLoads: 0,
    crashes: 0,
    startAfter: 0,
    quarantine: undefined,
    wanted: false,
    full: false,
    kept: false,
    nextId: 1,
  };
}

/** Takes one event at time `now` (ms, any origin) and tells what to do. The given state is left as it is. */
export function step(before: PoolState, event: PoolEvent, now: number): { state: PoolState; effects: PoolEffect[] } {
  const state: PoolState = {
    ...before,
    processes: before.processes.map((process) => ({ ...process })),
    waiting: [...before.waiting],
  };
  const effects: PoolEffect[] = [];
  take(state, event, now, effects);
  settle(state, now, effects);
  return { state, effects };
}

/** Most processes there may be: fewer where each keeps several processors busy. */
export function maxProcesses(state: PoolState): number {
  return Math.ceil(state.rules.maxProcesses / state.processors);
}

/** When `tick` has to be sent at the latest, or undefined where only an event can change anything. */
export function nextTick(state: PoolState): number | undefined {
  const times: number[] = [];
  if (needsProcess(state)) times.push(state.startAfter);
  for (const process of state.processes) {
    if (process.phase === 'ready' && process.busy === 0) times.push(process.idleSince + keepMs(state));
  }
  const first = Math.min(...times);
  return Number.isFinite(first) ? first : undefined;
}

function take(state: PoolState, event: PoolEvent, now: number, effects: PoolEffect[]): void {
  const process = 'process' in event ? state.processes.find(({ id }) => id === event.process) : undefined;
  switch (event.type) {
    case 'call':
      state.waiting.push({ call: event.call, alone: event.alone });
      break;
    case 'left':
      state.waiting = state.waiting.filter(({ call }) => call !== event.call);
      break;
    case 'freed':
      if (event.answered) state.crashes = 0;
      if (process === undefined) break;
      process.busy--;
      process.alone = false;
      process.idleSince = now;
      break;
    case 'loaded':
      if (process?.phase !== 'loading') break;
      process.phase = 'ready';
      process.idleSince = now;
      state.concurrency = event.concurrency;
      state.processors = event.processors;
      state.failedLoads = 0;
      state.wanted = false;
      break;
    case 'stuck':
      if (process?.phase === 'ready') process.phase = 'closing';
      break;
    case 'died':
      state.processes = state.processes.filter(({ id }) => id !== event.process);
      if (event.fault !== undefined) blame(state, event.fault, event.reason, now);
      break;
    case 'load':
      state.quarantine = undefined;
      state.failedLoads = 0;
      state.crashes = 0;
      state.startAfter = now;
      state.wanted = !state.processes.some(({ phase }) => phase === 'ready');
      break;
    case 'unload':
      state.wanted = false;
      withdraw(state, effects);
      for (const each of state.processes) if (each.phase !== 'ending') each.phase = 'closing';
      break;
    case 'granted':
      if (process?.phase !== 'asking') break;
      process.phase = 'loading';
      effects.push({ type: 'start', process: process.id });
      break;
    case 'denied':
      if (process?.phase !== 'asking') break;
      state.processes = state.processes.filter((each) => each !== process);
      state.full = process.more;
      if (!process.more) refuse(state, event.reason, 'room', effects);
      break;
    case 'room':
      state.full = false;
      break;
    case 'evict':
      if (process?.phase === 'ready') process.phase = 'closing';
      break;
    case 'keep':
      state.kept = event.kept;
      break;
    case 'tick':
      break;
  }
}

function blame(state: PoolState, fault: 'load' | 'crash', reason: string, now: number): void {
  if (fault === 'load') state.failedLoads++;
  else state.crashes++;
  const failures = state.failedLoads + state.crashes;
  // The first is replaced at once: somebody waits, and most crashes come alone.
  if (failures > 1) state.startAfter = now + Math.min(MAX_BACKOFF_MS, BACKOFF_MS * 2 ** (failures - 2));
  if (fault === 'load' && !state.processes.some(serves) && state.failedLoads >= state.rules.failures)
    state.quarantine = reason;
}

function settle(state: PoolState, now: number, effects: PoolEffect[]): void {
  if (state.quarantine !== undefined) refuse(state, state.quarantine, 'quarantine', effects);
  assign(state, effects);
  if (state.waiting.length === 0 && !state.wanted) withdraw(state, effects);
  while (needsProcess(state) && now >= state.startAfter) {
    const id = state.nextId++;
    const more = state.processes.some(serves);
    state.processes.push({ id, more, phase: 'asking', busy: 0, alone: false, idleSince: now });
    effects.push({ type: 'ask', process: id, more });
  }
  retire(state, now, effects);
}

function refuse(state: PoolState, reason: string, why: 'quarantine' | 'room', effects: PoolEffect[]): void {
  for (const { call } of state.waiting) effects.push({ type: 'refuse', call, reason, why });
  state.waiting = [];
  state.wanted = false;
}

/** Nobody needs a process that has not even begun to load. */
function withdraw(state: PoolState, effects: PoolEffect[]): void {
  for (const { id, phase } of state.processes) if (phase === 'asking') effects.push({ type: 'withdraw', process: id });
  state.processes = state.processes.filter(({ phase }) => phase !== 'asking');
}

/** Gives waiting calls, in order, to the least busy process; the oldest of equals, so that the others can go idle. */
function assign(state: PoolState, effects: PoolEffect[]): void {
  while (state.waiting.length > 0) {
    const { call, alone } = state.waiting[0]!;
    const room = alone ? 1 : state.concurrency;
    let best: PoolProcess | undefined;
    for (const process of state.processes) {
      if (process.phase !== 'ready' || process.alone || process.busy >= room) continue;
      if (best === undefined || process.busy < best.busy) best = process;
    }
    if (best === undefined) return;
    best.busy++;
    best.alone = alone;
    state.waiting.shift();
    effects.push({ type: 'run', call, process: best.id });
  }
}

/** Whether one more process is due: the first load runs by itself, then at most as many load as there are ready ones. */
function needsProcess(state: PoolState): boolean {
  const count = (phase: PoolProcess['phase']) => state.processes.filter((process) => process.phase === phase).length;
  if (state.full && state.processes.some(serves)) return false;
  const loading = count('asking') + count('loading');
  const work = Math.max(state.waiting.length, state.wanted ? 1 : 0);
  if (loading * state.concurrency >= work) return false;
  return loading < Math.max(1, count('ready')) && state.processes.length < maxProcesses(state);
}

function retire(state: PoolState, now: number, effects: PoolEffect[]): void {
  // Newest first: the oldest is the one kept warm.
  for (const process of [...state.processes].reverse()) {
    const expired = process.phase === 'ready' && process.busy === 0 && now >= process.idleSince + keepMs(state);
    if (!expired && !(process.phase === 'closing' && process.busy === 0)) continue;
    process.phase = 'ending';
    effects.push({ type: 'stop', process: process.id });
  }
}

/** When the idle model is unloaded, by the clock of the events; undefined while it works, or where it never is. */
export function unloadAt(state: PoolState): number | undefined {
  if (state.waiting.length > 0) return undefined;
  let at = 0;
  for (const { phase, busy, idleSince } of state.processes) {
    if (busy > 0 || phase === 'asking' || phase === 'loading') return undefined;
    if (phase === 'ready') at = Math.max(at, idleSince + (state.kept ? Number.POSITIVE_INFINITY : state.rules.ttlMs));
  }
  return at > 0 && Number.isFinite(at) ? at : undefined;
}

/** How long an idle process is kept. */
function keepMs(state: PoolState): number {
  const ready = state.processes.filter(({ phase }) => phase === 'ready').length;
  if (ready > 1) return Math.min(EXTRA_IDLE_MS, state.rules.ttlMs);
  return state.kept ? Number.POSITIVE_INFINITY : state.rules.ttlMs;
}

/** Works on calls, or will. */
function serves({ phase }: PoolProcess): boolean {
  return phase === 'asking' || phase === 'loading' || phase === 'ready';
}
