import { z } from 'zod';
import type { KeyStore } from '../../accounts/keys.ts';
import { TICKET_MARK, type TicketStore } from '../../accounts/tickets.ts';
import { SpeechError } from '../../errors.ts';
import type { App } from '../app.ts';
import type { CredentialKind } from '../credentials.ts';
import { withScope } from '../policy.ts';
import { errorResponses } from '../schemas.ts';
import type { Sockets } from './sockets.ts';

/** Tickets as a way to say who calls: for one path, once, and only while the key that bought them lives. */
export function ticketCredential(tickets: TicketStore, keys: KeyStore): CredentialKind {
  return {
    mark: TICKET_MARK,
    async authenticate(token, path) {
      const principal = tickets.redeem(token, path);
      if (principal === undefined) return undefined;
      return (await keys.living(new Set([principal.keyId]))).has(principal.keyId) ? principal : undefined;
    },
  };
}

/** `POST /v1/socket-tickets`: for pages, which can send a socket no header. */
export function ticketRoute(app: App, sockets: Sockets, tickets: TicketStore): void {
  const { socketTicketMs } = sockets.settings.limits;
  app.post(
    '/v1/socket-tickets',
    {
      config: { policy: withScope('speech', 'models:read', 'models:write', 'admin') },
      schema: {
        summary: 'Make a ticket that opens one socket',
        description:
          'A page cannot send a key with a WebSocket. It makes a ticket here and opens `<path>?ticket=<ticket>` with it. A ticket works once, for its path, for a short time.',
        tags: ['sockets'],
        body: z.object({ path: z.string().max(200).describe('The path of the socket, such as `/v1/audio/stream`') }),
        response: {
          200: z
            .object({
              ticket: z.string(),
              path: z.string(),
              expires_in: z.number().describe('Seconds in which it has to be used'),
            })
            .describe('The ticket'),
          ...errorResponses,
        },
      },
    },
    (request, reply) => {
      const { path } = request.body;
      const principal = request.principal!;
      const policy = sockets.paths.get(path);
      if (policy === undefined) {
        const paths = [...sockets.paths.keys()].join("', '");
        throw new SpeechError('invalid_request', `There is no socket at that path, only at '${paths}'.`, {
          param: 'path',
        });
      }
      const scopes = policy.access === 'key' ? policy.scopes : [];
      if (policy.access === 'key' && !scopes.some((scope) => principal.scopes.has(scope))) {
        throw new SpeechError('insufficient_scope', `This key lacks the scope '${scopes.join("' or '")}'.`);
      }
      const ticket = tickets.issue(principal, path, scopes);
      // An answer with a secret is nobody's to keep.
      void reply.header('cache-control', 'no-store');
      return { ticket, path, expires_in: socketTicketMs / 1000 };
    },
  );
}
