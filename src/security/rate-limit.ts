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
}

interface Bucket {
  tokens: number;
  at: number;
  perMinute: number;
  burst: number;
}

/** How many of the oldest names are weighed against each other when one has to go. */
const CANDIDATES = 16;

/**
 * Token buckets by name in a table of bounded size. A full table gives up the name that has lost least by being
 * forgotten: of the oldest few the one with the most tokens, so that a flood of new names cannot free a blocked one
 * while it costs each of them less than a block.
 */
export function rateLimiter(options: RateLimitOptions): RateLimiter {
  const { perMinute, burst, entries, now = () => performance.now() } = options;
  const buckets = new Map<string, Bucket>();

  const refill = (bucket: Bucket, at: number): number => {
    bucket.tokens = Math.min(bucket.burst, bucket.tokens + ((at - bucket.at) * bucket.perMinute) / 60_000);
    bucket.at = at;
    return bucket.tokens;
  };

  const forgetOne = (at: number): void => {
    let loser: string | undefined;
    let most = -1;
    const weighed: [string, Bucket][] = [];
    for (const [name, bucket] of buckets) {
      weighed.push([name, bucket]);
      const fullness = refill(bucket, at) / bucket.burst;
      if (fullness > most) [loser, most] = [name, fullness];
      if (fullness === 1 || weighed.length === CANDIDATES) break;
    }
    // The others queue up again, or a few blocked names at the head would hide everyone behind them.
    for (const [name, bucket] of weighed) {
      buckets.delete(name);
      if (name !== loser) buckets.set(name, bucket);
    }
  };

  return {
    take(name, override) {
      const at = now();
      const rate = override?.perMinute ?? perMinute;
      const known = buckets.get(name);
      const size = override === undefined ? burst || perMinute : rate;
      const bucket = known ?? { tokens: size, at, perMinute: rate, burst: size };
      refill(bucket, at);
      bucket.perMinute = rate;
      bucket.burst = size;
      const allowed = bucket.tokens >= 1;
      if (allowed) bucket.tokens -= 1;
      if (known === undefined) {
        if (buckets.size >= entries) forgetOne(at);
        buckets.set(name, bucket);
      }
      return stateOf(bucket, allowed);
    },
    peek(name) {
      const at = now();
      const bucket = buckets.get(name) ?? { tokens: burst || perMinute, at, perMinute, burst: burst || perMinute };
      return stateOf(bucket, refill(bucket, at) >= 1);
    },
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
  if (ms < 1000) return `${Math.ceil(ms)}ms`;
  const seconds = Math.ceil(ms / 1000);
  const hours = Math.floor(seconds / 3600);
  const minutes = Math.floor((seconds % 3600) / 60);
  if (hours > 0) return `${hours}h${minutes}m${seconds % 60}s`;
  return minutes > 0 ? `${minutes}m${seconds % 60}s` : `${seconds}s`;
}
