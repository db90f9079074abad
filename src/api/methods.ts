import type { RoutePolicy } from './policy.ts';

/** The methods that a path is answered for, in capitals and in the order of the alphabet; none for an unknown path. */
export type MethodFinder = (path: string) => readonly string[];

/**
 * Tells a path that does not exist from one that knows other methods (RFC 9110 section 15.5.6). `routes` may still fill
 * until the first question.
 */
export function methodFinder(routes: readonly RoutePolicy[]): MethodFinder {
  let known: { method: string; pattern: RegExp }[] | undefined;
  return (path) => {
    known ??= routes.map(({ method, url }) => ({ method, pattern: patternOf(url) }));
    const found = known.filter(({ pattern }) => pattern.test(path)).map(({ method }) => method);
    return [...new Set(found)].sort();
  };
}

/** What the router takes for a route: `:name` is a part without slashes, `*` anything, a slash at the end nothing. */
function patternOf(url: string): RegExp {
  const parts = url.replace(/\/$/, '').split(/(:\w+|\*)/);
  const source = parts.map((part) => (part.startsWith(':') ? '[^/]+' : part === '*' ? '.*' : RegExp.escape(part)));
  return new RegExp(`^${source.join('')}/?$`);
}
