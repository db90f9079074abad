import { randomBytes } from 'node:crypto';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
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

declare module 'fastify' {
  interface FastifyRequest {
    /** When it arrived, by `performance.now()`. */
    receivedAt: number;
  }
}

/** What every answer has, whatever it is an answer to. */
export function commonHeaders(requestId: string, settings: Settings): Record<string, string> {
  return {
    ...SECURITY_HEADERS,
    'x-request-id': requestId,
    // The version that OpenAI's API names; its clients may look for it.
    'openai-version': '2020-10-01',
    ...(settings.sslEnabled ? { 'strict-transport-security': 'max-age=31536000' } : {}),
  };
}

/** Puts the common headers on the answer of every request that reaches the router, and notes when it arrived. */
export function addHeaders(app: FastifyInstance, settings: Settings): void {
  app.decorateRequest('receivedAt', 0);
  app.addHook('onRequest', async (request, reply) => {
    request.receivedAt = performance.now();
    reply.headers(commonHeaders(request.id, settings));
  });
}

export function elapsedMs(request: FastifyRequest): number {
  return performance.now() - request.receivedAt;
}

/** Milliseconds since the request arrived, as OpenAI's `openai-processing-ms` tells it. Call it when answering. */
export function markProcessed(reply: FastifyReply): void {
  reply.header('openai-processing-ms', String(Math.round(elapsedMs(reply.request))));
}

/** Stands for the status where the connection ended before the answer did. */
const CUT_SHORT = 499;

/** One line and one count per request, without address, query or content. */
export function recordRequests(app: FastifyInstance, log: Log, metrics: Metrics): void {
  app.addHook('onRequest', async (request, reply) => {
    // Unlike Fastify's own hook this also tells of clients that leave early.
    reply.raw.once('close', () => {
      const route = request.routeOptions.url ?? 'unknown';
      const { writableFinished, headersSent, statusCode } = reply.raw;
      // What becomes a socket is answered when it does, and a refusal goes out whole before the upload that it refuses
      // has been read to its end.
      const answered = writableFinished || statusCode === 101 || (headersSent && statusCode >= 400);
      const status = answered ? statusCode : CUT_SHORT;
      const durationMs = elapsedMs(request);
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
  });
}
