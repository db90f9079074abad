/** What an `Origin` header means for a request: sent by no browser page, by our own, by one on the list, by another. */
export type OriginVerdict = 'absent' | 'same' | 'listed' | 'refused';

export interface OriginTarget {
  /** The scheme the caller used, as a trusted proxy tells it where there is one. */
  scheme: 'http' | 'https';
  /** The `Host` header, already allowed by `hostChecker`. */
  host: string;
}

/**
 * Makes the check of the `Origin` header. `allowed` are exact origins from the settings. `null`, which sandboxed
 * frames and local files send, is refused like any stranger.
 */
export function originChecker(
  allowed: readonly string[],
): (origin: string | undefined, target: OriginTarget) => OriginVerdict {
  const listed = new Set(allowed);
  return (origin, { scheme, host }) => {
    if (origin === undefined) return 'absent';
    if (listed.has(origin)) return 'listed';
    const own = URL.canParse(`${scheme}://${host}`) ? new URL(`${scheme}://${host}`).origin : undefined;
    return origin === own ? 'same' : 'refused';
  };
}
