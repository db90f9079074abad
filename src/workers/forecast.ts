/** How much an older measurement still counts when a newer one comes. */
const DECAY = 0.8;

/** What is known of one worker's part in one model's work. */
export class Pace {
  /** Calls that it works on. */
  running = 0;
  /** Of those, in cost units. */
  runningCost = 0;
  #ms = 0;
  #cost = 0;

  /** Takes a measurement: a call of this cost held its slot for this long. */
  measure(cost: number, ms: number): void {
    this.#ms = this.#ms * DECAY + ms;
    this.#cost = this.#cost * DECAY + cost;
  }

  /** Milliseconds for a cost unit; 0 before the first measurement, so that an unknown worker is tried. */
  get msPerCost(): number {
    return this.#cost === 0 ? 0 : this.#ms / this.#cost;
  }

  /** Expected time until the first of its running calls ends: of n that are each somewhere in their course, 1/(n+1). */
  get nextSlotMs(): number {
    return this.running === 0 ? 0 : ((this.runningCost / this.running) * this.msPerCost) / (this.running + 1);
  }
}

/** Expected wait, in ms, behind calls of this cost, where no slot is free now. */
export function expectedWaitMs(workers: Iterable<{ pace: Pace; slots: number }>, costAhead: number): number {
  let costPerMs = 0;
  let firstSlotMs = Number.POSITIVE_INFINITY;
  for (const { pace, slots } of workers) {
    if (pace.msPerCost === 0) return 0;
    costPerMs += slots / pace.msPerCost;
    firstSlotMs = Math.min(firstSlotMs, pace.nextSlotMs);
  }
  return costPerMs === 0 ? 0 : firstSlotMs + costAhead / costPerMs;
}
