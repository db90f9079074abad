/**
 * Decides which engine processes may be in memory on this machine: who gets room at once, who waits for it, and who has
 * to go for that. Pure: time comes in with each event, and what is to be done goes out as effects, in order.
 *
 * A seat is the room of one engine process. It waits → loads → is loaded → unloads. Its process's pool sees to it that
 * a model's first load runs alone; here only room counts.
 */

export interface ResidencyRules {
  /** Resident memory that all seats together may take. */
  maxBytes: number;
  /** Models that may have a seat at the same time; Infinity for any number. */
  maxModels: number;
  /** How long a seat waits for room before it is refused. */
  waitMs: number;
}

export interface Seat {
  readonly id: number;
  readonly model: string;
  /** What it takes, or is expected to take until that is known. */
  bytes: number;
  phase: 'waiting' | 'loading' | 'loaded' | 'unloading';
  /** Works on a call, or is about to. */
  busy: boolean;
  /** When it last began or ended work. */
  usedAt: number;
  /** While it waits: when it is refused. */
  readonly until: number;
}

export interface ResidencyState {
  readonly rules: ResidencyRules;
  /** Waiting ones in the order they came. */
  seats: Seat[];
  pinned: ReadonlySet<string>;
}

export type ResidencyEvent =
  /**
   * Room for a process is wanted. One more process of a model that has one already takes room that is free and never
   * waits or makes others go.
   */
  | { type: 'ask'; seat: number; model: string; bytes: number; more: boolean }
  /** Nobody needs a waiting seat any longer. */
  | { type: 'withdraw'; seat: number }
  | { type: 'loaded'; seat: number; busy: boolean }
  | { type: 'use'; seat: number; busy: boolean }
  /** What its process really takes. */
  | { type: 'measured'; seat: number; bytes: number }
  /** Its process was told to end by its own pool. */
  | { type: 'leaving'; seat: number }
  /** Its process is gone, or will never be started. */
  | { type: 'gone'; seat: number }
  | { type: 'pin'; model: string; pinned: boolean }
  | { type: 'tick' };

export type ResidencyEffect =
  | { type: 'grant'; seat: number }
  /** `too-large`: not even an empty machine would have room. `full`: there is none, and none came in time. */
  | { type: 'refuse'; seat: number; why: 'too-large' | 'full' }
  /** Its process has to end: it is idle. */
  | { type: 'evict'; seat: number }
  /** Whoever was refused more may ask again. */
  | { type: 'room' };

export function newResidency(rules: ResidencyRules): ResidencyState {
  return { rules, seats: [], pinned: new Set() };
}

/** Takes one event at time `now` (ms, any origin) and tells what to do. The given state is left as it is. */
export function step(
  before: ResidencyState,
  event: ResidencyEvent,
  now: number,
): { state: ResidencyState; effects: ResidencyEffect[] } {
  const state: ResidencyState = { ...before, seats: before.seats.map((seat) => ({ ...seat })) };
  const effects: ResidencyEffect[] = [];
  take(state, event, now, effects);
  settle(state, now, effects);
  return { state, effects };
}

/** When `tick` has to be sent at the latest, or undefined where only an event can change anything. */
export function nextTick(state: ResidencyState): number | undefined {
  return state.seats.find(({ phase }) => phase === 'waiting')?.until;
}

/** What is taken now, by processes that end too. */
export function takenBytes(state: ResidencyState): number {
  return sum(state.seats.filter(holds));
}

function take(state: ResidencyState, event: ResidencyEvent, now: number, effects: ResidencyEffect[]): void {
  const seat = 'seat' in event ? state.seats.find(({ id }) => id === event.seat) : undefined;
  switch (event.type) {
    case 'ask':
      ask(state, event, now, effects);
      break;
    case 'withdraw':
      if (seat?.phase === 'waiting') leave(state, seat, effects);
      break;
    case 'loaded':
      if (seat?.phase !== 'loading') break;
      seat.phase = 'loaded';
      seat.busy = event.busy;
      seat.usedAt = now;
      break;
    case 'use':
      if (seat === undefined) break;
      seat.busy = event.busy;
      seat.usedAt = now;
      break;
    case 'measured':
      if (seat !== undefined) seat.bytes = event.bytes;
      break;
    case 'leaving':
      if (seat?.phase === 'loading' || seat?.phase === 'loaded') seat.phase = 'unloading';
      break;
    case 'gone':
      if (seat !== undefined) leave(state, seat, effects);
      break;
    case 'pin': {
      const pinned = new Set(state.pinned);
      if (event.pinned) pinned.add(event.model);
      else pinned.delete(event.model);
      state.pinned = pinned;
      break;
    }
    case 'tick':
      break;
  }
}

function ask(
  state: ResidencyState,
  { seat: id, model, bytes, more }: ResidencyEvent & { type: 'ask' },
  now: number,
  effects: ResidencyEffect[],
): void {
  const seat: Seat = {
    ...{ id, model, bytes, phase: 'waiting', busy: false, usedAt: now },
    until: now + state.rules.waitMs,
  };
  if (bytes > state.rules.maxBytes) {
    effects.push({ type: 'refuse', seat: id, why: 'too-large' });
  } else if (!more) {
    state.seats.push(seat);
  } else if (state.seats.every(holds) && fits(state, seat, state.seats)) {
    // What one model wants besides comes after what others need at all.
    state.seats.push({ ...seat, phase: 'loading' });
    effects.push({ type: 'grant', seat: id });
  } else {
    effects.push({ type: 'refuse', seat: id, why: 'full' });
  }
}

function leave(state: ResidencyState, seat: Seat, effects: ResidencyEffect[]): void {
  state.seats = state.seats.filter((other) => other !== seat);
  effects.push({ type: 'room' });
}

function settle(state: ResidencyState, now: number, effects: ResidencyEffect[]): void {
  for (const seat of state.seats.filter(({ phase, until }) => phase === 'waiting' && now >= until)) {
    effects.push({ type: 'refuse', seat: seat.id, why: 'full' });
    leave(state, seat, effects);
  }
  shrink(state, effects);
  for (;;) {
    // First come, first served: else small models could keep a large one waiting for ever.
    const first = state.seats.find(({ phase }) => phase === 'waiting');
    if (first === undefined) return;
    if (fits(state, first, state.seats.filter(holds))) {
      first.phase = 'loading';
      first.usedAt = now;
      effects.push({ type: 'grant', seat: first.id });
      continue;
    }
    for (const victim of victimsFor(state, first) ?? []) evict(victim, effects);
    return;
  }
}

/**
 * Processes that outgrew what was expected of them may have taken too much together. One alone stays: it would only be
 * loaded anew for each call.
 */
function shrink(state: ResidencyState, effects: ResidencyEffect[]): void {
  const staying = () => state.seats.filter(stays);
  while (staying().length > 1 && sum(staying()) > state.rules.maxBytes) {
    const victim = idleOnes(state, staying())[0];
    if (victim === undefined) return;
    evict(victim, effects);
  }
}

function evict(seat: Seat, effects: ResidencyEffect[]): void {
  seat.phase = 'unloading';
  effects.push({ type: 'evict', seat: seat.id });
}

/**
 * Who has to go so that a seat gets room, least recently used first; none where enough already goes. Undefined where
 * all that may go would not be enough: then nobody goes for nothing.
 */
function victimsFor(state: ResidencyState, wanted: Seat): Seat[] | undefined {
  let staying = state.seats.filter(stays);
  const victims: Seat[] = [];
  const goes = (seats: readonly Seat[]): void => {
    victims.push(...seats);
    staying = staying.filter((seat) => !seats.includes(seat));
  };
  while (!fitsCount(state, wanted, staying)) {
    const model = idleModel(state, staying);
    if (model === undefined) return undefined;
    goes(staying.filter((seat) => seat.model === model));
  }
  while (!fitsBytes(state, wanted, staying)) {
    const seat = idleOnes(state, staying)[0];
    if (seat === undefined) return undefined;
    goes([seat]);
  }
  return victims;
}

/** Seats that may be made to go, least recently used first. A pinned model keeps one. */
function idleOnes(state: ResidencyState, staying: readonly Seat[]): Seat[] {
  return staying
    .filter((seat) => seat.phase === 'loaded' && !seat.busy)
    .filter(({ model }) => !state.pinned.has(model) || staying.filter((seat) => seat.model === model).length > 1)
    .sort((a, b) => a.usedAt - b.usedAt);
}

/** The least recently used model that may go with all its seats. */
function idleModel(state: ResidencyState, staying: readonly Seat[]): string | undefined {
  const usedAt = new Map<string, number>();
  for (const seat of staying) usedAt.set(seat.model, Math.max(seat.usedAt, usedAt.get(seat.model) ?? 0));
  return [...usedAt]
    .sort(([, a], [, b]) => a - b)
    .map(([model]) => model)
    .find(
      (model) =>
        !state.pinned.has(model) &&
        staying.every((seat) => seat.model !== model || (seat.phase === 'loaded' && !seat.busy)),
    );
}

function fits(state: ResidencyState, wanted: Seat, among: readonly Seat[]): boolean {
  return fitsCount(state, wanted, among) && fitsBytes(state, wanted, among);
}

function fitsCount(state: ResidencyState, wanted: Seat, among: readonly Seat[]): boolean {
  return new Set([wanted.model, ...among.map(({ model }) => model)]).size <= state.rules.maxModels;
}

function fitsBytes(state: ResidencyState, wanted: Seat, among: readonly Seat[]): boolean {
  return sum(among) + wanted.bytes <= state.rules.maxBytes;
}

function holds({ phase }: Seat): boolean {
  return phase !== 'waiting';
}

function stays({ phase }: Seat): boolean {
  return phase === 'loading' || phase === 'loaded';
}

function sum(seats: readonly Seat[]): number {
  return seats.reduce((bytes, seat) => bytes + seat.bytes, 0);
}
