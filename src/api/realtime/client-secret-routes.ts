import { z } from 'zod';
import { fromBeta, sessionToBeta } from '../../realtime/beta.ts';
import type { App } from '../app.ts';
import { withScope } from '../policy.ts';
import { errorResponses } from '../schemas.ts';
import type { ClientSecrets } from './client-secrets.ts';
import { answered, configured, type SessionDeps } from './session-start.ts';

/** OpenAI's bounds and default, in seconds. */
const LIFETIME_S = { min: 10, max: 7200, default: 600 };
/** What the older routes gave their secrets. */
const BETA_LIFETIME_S = 60;

const body = z
  .object({
    expires_after: z
      .object({
        anchor: z.literal('created_at').default('created_at'),
        seconds: z.int().min(LIFETIME_S.min).max(LIFETIME_S.max).default(LIFETIME_S.default),
      })
      .optional(),
    session: z.looseObject({ type: z.enum(['realtime', 'transcription']).default('realtime') }).optional(),
  })
  .nullish();
const betaBody = z.looseObject({}).nullish();
const session = z.looseObject({}).describe('The whole session');

/** `POST /v1/realtime/client_secrets` and the two routes that came before it. */
export function clientSecretRoutes(app: App, deps: SessionDeps, secrets: ClientSecrets): void {
  const config = { policy: withScope('speech') };
  const tags = ['Realtime'];

  app.post(
    '/v1/realtime/client_secrets',
    {
      config,
      schema: {
        tags,
        summary: 'Make a short-lived secret for a page',
        description: 'It opens Realtime sockets with the given session until it expires, and nothing else.',
        body,
        response: {
          200: z.object({ value: z.string(), expires_at: z.int().describe('Unix time in seconds'), session }),
          ...errorResponses,
        },
      },
    },
    (request, reply) => {
      const { expires_after, session: wanted = { type: 'realtime' } } = request.body ?? {};
      const shown = configured(deps, wanted);
      const lifetimeMs = (expires_after?.seconds ?? LIFETIME_S.default) * 1000;
      const { value, expiresAt } = secrets.issue(request.principal!, wanted, lifetimeMs);
      void reply.header('cache-control', 'no-store');
      return { value, expires_at: expiresAt, session: { ...shown } };
    },
  );

  for (const [path, event] of [
    ['/v1/realtime/sessions', 'session.update'],
    ['/v1/realtime/transcription_sessions', 'transcription_session.update'],
  ] as const) {
    app.post(
      path,
      {
        config,
        schema: {
          tags,
          summary: 'Make a short-lived secret for a page, in the shape from before general availability',
          body: betaBody,
          response: { 200: session, ...errorResponses },
        },
      },
      (request, reply) => {
        const update = answered(() => fromBeta({ type: event, session: request.body ?? {} }));
        const wanted = update.session as Parameters<typeof configured>[1];
        const shown = configured(deps, wanted);
        const { value, expiresAt } = secrets.issue(request.principal!, wanted, BETA_LIFETIME_S * 1000);
        void reply.header('cache-control', 'no-store');
        return { ...sessionToBeta(shown), client_secret: { value, expires_at: expiresAt } };
      },
    );
  }
}
