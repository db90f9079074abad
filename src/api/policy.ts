import type { FastifyInstance } from 'fastify';
import type { Scope } from '../accounts/scopes.ts';

/**
 * Who may call a route. Every route declares one; a route without it stops the build of the server, so that a
 * forgotten check is a failed start and never an open door.
 */
export type Policy =
  /** Anyone: says nothing about this server's owner, callers or contents. */
  | { access: 'public' }
  /** A key with any of these scopes. */
  | { access: 'key'; scopes: readonly Scope[] };

export const PUBLIC: Policy = { access: 'public' };
export const withScope = (...scopes: Scope[]): Policy => ({ access: 'key', scopes });

declare module 'fastify' {
  interface FastifyContextConfig {
    policy?: Policy;
    /** It becomes a WebSocket. */
    socket?: boolean;
  }
}

export interface RoutePolicy {
  method: string;
  url: string;
  policy: Policy;
  /** It becomes a WebSocket. */
  socket: boolean;
}

/**
 * Refuses routes without a policy and collects the others. `prefixes` declares the policy of routes that a plugin adds
 * below a path. Call it before any route is added.
 */
export function requirePolicies(
  app: FastifyInstance,
  prefixes: Readonly<Record<string, Policy>>,
): readonly RoutePolicy[] {
  const routes: RoutePolicy[] = [];
  app.addHook('onRoute', (route) => {
    const prefix = Object.keys(prefixes).find((path) => route.url === path || route.url.startsWith(`${path}/`));
    const policy = route.config?.policy ?? (prefix === undefined ? undefined : prefixes[prefix]);
    if (policy === undefined) throw new Error(`${route.method} ${route.url} declares no policy`);
    route.config = { ...route.config, policy };
    const socket = route.config.socket === true;
    for (const method of [route.method].flat()) routes.push({ method, url: route.url, policy, socket });
  });
  return routes;
}
