import { SpeechError } from '../errors.ts';
import { hashToken, randomToken, TOKEN_PATTERN } from '../security/secrets.ts';
import type { Principal, Scope } from './scopes.ts';

/** What tells a ticket from a key. */
export const TICKET_MARK = 'st_';

export interface TicketStoreOptions {
  /** Tickets that wait to be used. */
  entries: number;
  lifetimeMs: number;
  /** Milliseconds that never run backwards. */
  now?: () => number;
}

export interface TicketStore {
  /** Makes a ticket that opens `path` once, with these of the caller's scopes. Throws `overloaded` at the bound. */
  issue(principal: Principal, path: string, scopes: readonly Scope[]): string;
  /** Takes a ticket out of the world and says who bought it; undefined if it is no ticket, or not for this path. */
  redeem(ticket: string, path: string): Principal | undefined;
  size(): number;
}

interface Entry {
  principal: Principal;
  path: string;
  endsAt: number;
}

/**
 * Tickets stand in URLs, because a browser can send a socket nothing else that is secret; URLs end up in the logs of
 * proxies. So one works once, for seconds, for one path, and only its hash is kept.
 */
export function ticketStore({ entries, lifetimeMs, now = () => performance.now() }: TicketStoreOptions): TicketStore {
  /** By hash, in the order in which they end. */
  const waiting = new Map<string, Entry>();

  const forgetOld = (): void => {
    for (const [hash, { endsAt }] of waiting) {
      if (endsAt > now()) return;
      waiting.delete(hash);
    }
  };

  return {
    issue(principal, path, scopes) {
      forgetOld();
      if (waiting.size >= entries) {
        throw new SpeechError('overloaded', 'Too many tickets wait to be used.', { retryAfterMs: lifetimeMs });
      }
      const ticket = TICKET_MARK + randomToken();
      const own = new Set(scopes.filter((scope) => principal.scopes.has(scope)));
      waiting.set(hashToken(ticket), { principal: { ...principal, scopes: own }, path, endsAt: now() + lifetimeMs });
      return ticket;
    },
    redeem(ticket, path) {
      if (!ticket.startsWith(TICKET_MARK) || !TOKEN_PATTERN.test(ticket.slice(TICKET_MARK.length))) return undefined;
      forgetOld();
      const hash = hashToken(ticket);
      const entry = waiting.get(hash);
      // Whoever shows it at the wrong door may have found it: it is used up either way.
      waiting.delete(hash);
      return entry?.path === path ? entry.principal : undefined;
    },
    size: () => waiting.size,
  };
}
