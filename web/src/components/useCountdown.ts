import { useEffect, useReducer } from 'react';

/** Milliseconds until `end` on the clock of `performance.now()`; renders each second until then. Null is now. */
export function useCountdown(end: number | null): number {
  const [, tick] = useReducer((ticks: number) => ticks + 1, 0);
  const left = end === null ? 0 : Math.max(0, end - performance.now());
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(tick, Math.min(1000, left));
    return () => clearTimeout(timer);
  });
  return left;
}
