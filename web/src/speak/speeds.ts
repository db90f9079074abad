/** Steps that are worth hearing apart; finer near a voice's own pace. */
const STEPS = [0.25, 0.5, 0.6, 0.7, 0.8, 0.9, 1, 1.1, 1.2, 1.3, 1.5, 1.75, 2, 2.5, 3, 4];

/** The speeds to offer for a voice that takes this range; its own pace is always among them. */
export function speedSteps({ min, max }: { min: number; max: number }): number[] {
  return STEPS.filter((step) => step === 1 || (step >= min && step <= max));
}

/** Where the wanted speed, or the one closest to it, stands among the steps. */
export function nearestSpeed(steps: readonly number[], wanted: number): number {
  let best = 0;
  for (const [at, step] of steps.entries()) {
    if (Math.abs(step - wanted) < Math.abs((steps[best] ?? 1) - wanted)) best = at;
  }
  return best;
}
