import type { TestServer } from './server.ts';

/** Every route, with something in place of its wildcards. */
export function callsOf(of: TestServer): { method: string; path: string; open: boolean }[] {
  return of.server.routes.map(({ method, url, policy }) => ({
    method,
    path: url.replace('models/*', 'models/tone-voice').replace(/\*|:\w+/g, 'x'),
    open: policy.access === 'public',
  }));
}
