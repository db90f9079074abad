import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply } from 'fastify';
import type { Settings } from '../config/kinds.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';

/** Nothing an API answer contains may be run, framed or read by another site. */
const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  'cross-origin-opener-policy': 'same-origin',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'permissions-policy': 'camera=(), geolocation=(), microphone=(self)',
};

/** Our own, always: an id that a caller chose could be used to confuse the log. */
export function newRequestId(): string {
  return `req_${randomBytes(12).toString('hex')}`;
}

/** Puts on every answer what every answer has: request id, OpenAI's processing headers, security headers. */
export function addHeaders(app: FastifyInstance, settings: Settings): void {
  app.addHook('onRequest', async (request, reply) => {
    reply.headers(SECURITY_HEADERS);
    reply.header('x-request-id', request.id);
    // The version that OpenAI's API names; its clients may look for it.
    reply.header('openai-version', '2020-10-01');
    if (settings.sslEnabled) reply.header('strict-transport-security', 'max-age=31536000');
  });
}

/** Milliseconds since the request arrived, as OpenAI's `openai-processing-ms` tells it. Call it when answering. */
export function markProcessed(reply: FastifyReply): void {
  reply.header('openai-processing-ms', String(Math.round(reply.elapsedTime)));
}

/** One line and one count per request, without address, query or content. */
export function recordRequests(app: FastifyInstance, log: Log, metrics: Metrics): void {
  app.addHook('onResponse', async (request, reply) => {
    const route = request.routeOptions.url ?? 'unknown';
    const { statusCode: status, elapsedTime: durationMs } = reply;
    metrics.requestAnswered({ route, method: request.method, status, durationMs });
    const quiet = route === '/health' || route === '/ready' || route === '/metrics';
    log[quiet ? 'debug' : 'info']('Answered', {
      requestId: request.id,
      method: request.method,
      route,
      status,
      durationMs: Math.round(durationMs),
      keyId: request.principal?.keyId,
    });
  });
}
