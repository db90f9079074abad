/** How much an older measurement still counts when a newer one comes. */
const DECAY = 0.8;

/** How fast one worker does one model's work, and what it works on. */
export class Pace {
  #running = 0;
  #runningCost = 0;
  #measuredMs = 0;
  #measuredCost = 0;

  start(cost: number): void {
    this.#running++;
    this.#runningCost += cost;
  }

  /** A call ended, after `workMs` where it was done in full. */
  end(cost: number, workMs: number | undefined): void {
    this.#running--;
    this.#runningCost -= cost;
    if (workMs === undefined) return;
    this.#measuredMs = this.#measuredMs * DECAY + workMs;
    this.#measuredCost = this.#measuredCost * DECAY + cost;
  }

  /** Of recent calls, long ones counting more; 0 before the first, so that an unknown worker is tried. */
  get msPerCost(): number {
    return this.#measuredCost === 0 ? 0 : this.#measuredMs / this.#measuredCost;
  }

  /** Expected time until the first of its running calls ends: of n that are each somewhere in their course, 1/(n+1). */
  get nextSlotMs(): number {
    if (this.#running === 0) return 0;
    return ((this.#runningCost / this.#running) * this.msPerCost) / (this.#running + 1);
  }
}

/** Expected wait, in ms, behind calls of this cost where no slot is free; 0 where nothing is known. */
export function expectedWaitMs(workers: readonly { pace: Pace; slots: number }[], costAhead: number): number {
  let costPerMs = 0;
  let firstSlotMs = Number.POSITIVE_INFINITY;
  for (const { pace, slots } of workers) {
    if (pace.msPerCost === 0) continue;
    costPerMs += slots / pace.msPerCost;
    firstSlotMs = Math.min(firstSlotMs, pace.nextSlotMs);
  }
  return costPerMs === 0 ? 0 : firstSlotMs + costAhead / costPerMs;
}
