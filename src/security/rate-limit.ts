export interface RateLimitOptions {
  perMinute: number;
  /** Most that may come at once; 0 means `perMinute`. */
  burst: number;
  /** Most names remembered at once. */
  entries: number;
  /** Milliseconds that never run backwards. */
  now?: () => number;
}

/** Where a name stands. */
export interface RateState {
  /** Whether one more was, or would be, allowed. */
  allowed: boolean;
  /** The burst. */
  limit: number;
  /** Whole requests left. */
  remaining: number;
  /** Until nothing is missing any more. */
  resetMs: number;
  /** Until the next one is allowed; 0 when it is now. */
  retryAfterMs: number;
}

export interface RateLimiter {
  /** Counts one and says whether it is allowed. Refused ones are not counted. `override` is this name's own rate. */
  take(name: string, override?: { perMinute: number }): RateState;
  /** Tells without counting. */
  peek(name: string): RateState;
  /** Names remembered now. */
  size(): number;
}

interface Bucket {
  tokens: number;
  at: number;
  perMinute: number;
  burst: number;
}

/**
 * Token buckets by name in a table of bounded size. A full table forgets the name that has not called for longest, and
 * a blocked one only when every name in it is blocked: a flood of new names cannot free a blocked one cheaply.
 */
export function rateLimiter(options: RateLimitOptions): RateLimiter {
  const { perMinute, burst, entries, now = () => performance.now() } = options;
  const usual = { perMinute, burst: burst || perMinute };
  /** Names that may go on, the one that called last at the end. */
  const open = new Map<string, Bucket>();
  /** Names that had to wait when they last called, in the order in which that began. */
  const blocked = new Map<string, Bucket>();

  const find = (name: string, at: number, rate: { perMinute: number; burst: number }): Bucket => {
    const bucket = open.get(name) ?? blocked.get(name) ?? { ...rate, tokens: rate.burst, at };
    const tokens = Math.min(rate.burst, bucket.tokens + ((at - bucket.at) * rate.perMinute) / 60_000);
    return { ...rate, tokens, at };
  };

  const forgetOne = (at: number): void => {
    const [longestBlocked] = blocked.keys();
    const rested = longestBlocked !== undefined && find(longestBlocked, at, blocked.get(longestBlocked)!).tokens >= 1;
    const [longestIdle = longestBlocked!] = open.keys();
    if (rested || !open.has(longestIdle)) blocked.delete(longestBlocked!);
    else open.delete(longestIdle);
  };

  const keep = (name: string, bucket: Bucket): void => {
    open.delete(name);
    if (bucket.tokens < 1) {
      // Setting a name that is already there keeps its place in the order.
      if (!blocked.has(name) && open.size + blocked.size >= entries) forgetOne(bucket.at);
      blocked.set(name, bucket);
      return;
    }
    blocked.delete(name);
    if (open.size + blocked.size >= entries) forgetOne(bucket.at);
    open.set(name, bucket);
  };

  return {
    take(name, override) {
      const rate = override === undefined ? usual : { ...override, burst: override.perMinute };
      const bucket = find(name, now(), rate);
      const allowed = bucket.tokens >= 1;
      if (allowed) bucket.tokens -= 1;
      keep(name, bucket);
      return stateOf(bucket, allowed);
    },
    peek(name) {
      const bucket = find(name, now(), usual);
      return stateOf(bucket, bucket.tokens >= 1);
    },
    size: () => open.size + blocked.size,
  };
}

function stateOf({ tokens, perMinute, burst }: Bucket, allowed: boolean): RateState {
  const msPerToken = 60_000 / perMinute;
  return {
    allowed,
    limit: burst,
    remaining: Math.floor(tokens),
    resetMs: Math.ceil((burst - tokens) * msPerToken),
    retryAfterMs: tokens >= 1 ? 0 : Math.ceil((1 - tokens) * msPerToken),
  };
}

/** OpenAI's rate-limit headers for a state. */
export function rateLimitHeaders(state: RateState): Record<string, string> {
  return {
    'x-ratelimit-limit-requests': String(state.limit),
    'x-ratelimit-remaining-requests': String(state.remaining),
    'x-ratelimit-reset-requests': formatDuration(state.resetMs),
  };
}

/** Writes a time as OpenAI does: `12ms`, `1s`, `6m0s`, `1h0m0s`. From a second on it is rounded up to whole seconds. */
export function formatDuration(ms: number): string {
  if (ms <= 999) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) return `${hours}h${minutes}m${seconds % 60}s`;
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
