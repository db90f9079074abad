import { useEffect, useState } from 'react';

/** Milliseconds left of `ms`, counted from when `what` last changed; renders once a second. Null counts nothing. */
export function useCountdown(what: object | null, ms: number): number {
  const [left, setLeft] = useState(0);
  useEffect(() => {
    if (what === null || ms <= 0) return setLeft(0);
    const end = performance.now() + ms;
    const tick = (): void => setLeft(Math.max(0, end - performance.now()));
    tick();
    const timer = setInterval(tick, 1000);
    return () => clearInterval(timer);
  }, [what, ms]);
  return left;
}
