import type { Lane } from './contract.ts';

export interface Queued {
  readonly lane: Lane;
  readonly caller: string;
  readonly cost: number;
}

/** Interactive calls that go first while batch work waits; then one batch call has its turn, so that it never starves. */
export const INTERACTIVE_PER_BATCH = 8;

interface Share<T> {
  calls: Set<T>;
  cost: number;
}

/** The callers of one lane take turns: the first in the map is next, and goes to the end after its turn. */
interface LaneQueue<T> {
  length: number;
  cost: number;
  callers: Map<string, Share<T>>;
}

/**
 * The calls that wait for one model. Interactive ones go before batch ones, eight to one; within a lane callers take
 * turns, so that a thousand calls of one do not delay the first of another; each caller's own calls keep their order.
 */
export class FairQueue<T extends Queued> {
  readonly #lanes: Record<Lane, LaneQueue<T>> = { interactive: emptyLane(), batch: emptyLane() };
  /** Calls that had their turn and lost it through no fault of theirs: they go before all others. */
  #returned = new Set<T>();
  /** Interactive calls taken in a row while batch work waited. */
  #streak = 0;

  get length(): number {
    return this.#returned.size + this.#lanes.interactive.length + this.#lanes.batch.length;
  }

  waiting(lane: Lane): number {
    let waiting = this.#lanes[lane].length;
    for (const returned of this.#returned) if (returned.lane === lane) waiting++;
    return waiting;
  }

  waitingOf(caller: string, lane: Lane): number {
    return this.#lanes[lane].callers.get(caller)?.calls.size ?? 0;
  }

  push(call: T): void {
    const lane = this.#lanes[call.lane];
    let share = lane.callers.get(call.caller);
    if (share === undefined) {
      share = { calls: new Set(), cost: 0 };
      lane.callers.set(call.caller, share);
    }
    share.calls.add(call);
    share.cost += call.cost;
    lane.cost += call.cost;
    lane.length++;
  }

  /** Takes a call back whose process died before it answered. */
  putBack(call: T): void {
    this.#returned.add(call);
  }

  /** The call whose turn it is; it stays. */
  peek(): T | undefined {
    const returned = first(this.#returned);
    if (returned !== undefined) return returned;
    const share = first(this.#nextLane().callers.values());
    return share === undefined ? undefined : first(share.calls);
  }

  /** Removes and returns the call whose turn it is. */
  take(): T | undefined {
    const call = this.peek();
    if (call === undefined || this.#returned.delete(call)) return call;
    const batchWaits = this.#lanes.batch.length > 0;
    this.#streak = call.lane === 'interactive' && batchWaits ? this.#streak + 1 : 0;
    const lane = this.#lanes[call.lane];
    const share = this.#drop(lane, call);
    if (share.calls.size > 0) {
      lane.callers.delete(call.caller);
      lane.callers.set(call.caller, share);
    }
    return call;
  }

  /** Removes a call wherever it stands; false where it no longer waits. */
  remove(call: T): boolean {
    if (this.#returned.delete(call)) return true;
    const lane = this.#lanes[call.lane];
    if (lane.callers.get(call.caller)?.calls.has(call) !== true) return false;
    this.#drop(lane, call);
    return true;
  }

  /** Every call, in no order that matters. */
  all(): T[] {
    const calls = [...this.#returned];
    for (const lane of Object.values(this.#lanes)) {
      for (const share of lane.callers.values()) calls.push(...share.calls);
    }
    return calls;
  }

  /** Cost of the calls that would have their turn before a new call of this caller. */
  costAhead(caller: string, lane: Lane): number {
    const { callers } = this.#lanes[lane];
    const own = callers.get(caller);
    const turn = (own?.calls.size ?? 0) + 1;
    let cost = own?.cost ?? 0;
    let calls = turn - 1;
    for (const [name, share] of callers) {
      if (name === caller) continue;
      const before = Math.min(share.calls.size, turn);
      calls += before;
      cost += (share.cost * before) / share.calls.size;
    }
    for (const returned of this.#returned) cost += returned.cost;
    const other = this.#lanes[lane === 'interactive' ? 'batch' : 'interactive'];
    if (other.length === 0) return cost;
    const between =
      lane === 'interactive' ? Math.floor(calls / INTERACTIVE_PER_BATCH) : (calls + 1) * INTERACTIVE_PER_BATCH;
    return cost + (other.cost * Math.min(between, other.length)) / other.length;
  }

  #nextLane(): LaneQueue<T> {
    const { interactive, batch } = this.#lanes;
    if (interactive.length === 0) return batch;
    return batch.length > 0 && this.#streak >= INTERACTIVE_PER_BATCH ? batch : interactive;
  }

  #drop(lane: LaneQueue<T>, call: T): Share<T> {
    const share = lane.callers.get(call.caller)!;
    share.calls.delete(call);
    share.cost -= call.cost;
    lane.cost -= call.cost;
    lane.length--;
    if (share.calls.size === 0) lane.callers.delete(call.caller);
    return share;
  }
}

function emptyLane<T>(): LaneQueue<T> {
  return { length: 0, cost: 0, callers: new Map() };
}

function first<V>(values: Iterable<V>): V | undefined {
  for (const value of values) return value;
  return undefined;
}
