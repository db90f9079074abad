import type { FastifyRequest } from 'fastify';
import type { Principal } from '../accounts/scopes.ts';
import { TICKET_MARK } from '../accounts/tickets.ts';
import { offeredProtocols, protocolToken } from './sockets/handshake.ts';

/** Secrets that stand for a caller besides API keys: tickets, and what a protocol makes for its own clients. */
export interface CredentialKind {
  /** What they begin with; API keys begin with `os_`. */
  mark: string;
  /** The caller behind one at this path (the route's own spelling), or undefined for any text that is not valid there. */
  authenticate(token: string, path: string): Promise<Principal | undefined>;
}

/** The secret of an HTTP request: `Authorization: Bearer <key>`, or `Token <key>` as Deepgram's clients write it. */
export function requestToken(request: FastifyRequest): string | undefined {
  // The word counts in any case (RFC 9110 section 11.1).
  return /^(?:bearer|token) +(\S+) *$/i.exec(request.headers.authorization ?? '')?.[1];
}

/**
 * The secret of a WebSocket handshake. Browsers can set no header there, so it may also stand among the protocols, and
 * a ticket, which is worthless a moment later, in the query. Throws `invalid_request` for an unreadable list of protocols.
 */
export function socketToken(request: FastifyRequest): string | undefined {
  const { authorization, 'api-key': apiKey, 'sec-websocket-protocol': protocols } = request.headers;
  if (authorization !== undefined) return requestToken(request);
  if (apiKey !== undefined) return [apiKey].flat().join();
  return protocolToken(offeredProtocols(protocols)) ?? ticketOf(request);
}

function ticketOf(request: FastifyRequest): string | undefined {
  const { ticket } = request.query as { ticket?: unknown };
  const found = String(ticket ?? '');
  return found.startsWith(TICKET_MARK) ? found : undefined;
}
