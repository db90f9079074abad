export interface ThrottleOptions {
  perSecond: number;
  /** Milliseconds that never run backwards. */
  now?: () => number;
}

/**
 * Counts what has already come against a rate, with a second's worth in advance. Returns how many milliseconds to wait
 * before reading on, so that no stretch of time brings more than its share, whatever comes in one piece.
 */
export function throttle({ perSecond, now = () => performance.now() }: ThrottleOptions): (amount: number) => number {
  let left = perSecond;
  let at = now();
  return (amount) => {
    const time = now();
    left = Math.min(perSecond, left + ((time - at) * perSecond) / 1000) - amount;
    at = time;
    return left >= 0 ? 0 : Math.ceil((-left * 1000) / perSecond);
  };
}
