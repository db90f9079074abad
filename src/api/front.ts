import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import fastify, { type FastifyServerOptions } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { KeyStore } from '../accounts/keys.ts';
import { type TicketStore, ticketStore } from '../accounts/tickets.ts';
import type { Settings } from '../config/kinds.ts';
import type { TlsIdentity } from '../security/tls.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { SecurityLog } from '../telemetry/security-log.ts';
import type { App } from './app.ts';
import type { CredentialKind } from './credentials.ts';
import { type Draining, drainRequests } from './drain.ts';
import { handleErrors, sendError, toSpeechError } from './errors.ts';
import { guardRequests } from './guard.ts';
import { addHeaders, commonHeaders, newRequestId, recordRequests } from './headers.ts';
import { acceptJson } from './json.ts';
import { methodFinder } from './methods.ts';
import { PUBLIC, type RoutePolicy, requirePolicies } from './policy.ts';
import { limitHalfOpen } from './sockets/half-open.ts';
import { Sockets } from './sockets/sockets.ts';
import { ticketCredential } from './sockets/ticket-route.ts';
import { answerUnreadable } from './unreadable.ts';

// An import would read every export of node:http, and one of them loads all of fetch: 14 MB that nobody uses here.
const { createServer: createHttpServer } = process.getBuiltinModule('node:http');

export interface FrontDeps {
  settings: Settings;
  keys: KeyStore;
  log: Log;
  securityLog: SecurityLog;
  metrics: Metrics;
  tls: TlsIdentity | undefined;
  /** What may stand for a caller besides API keys and tickets. */
  credentials?: readonly CredentialKind[];
}

/** The server as it is before its first route: everything that every request and every socket passes. */
export interface Front {
  app: App;
  /** Fills as routes are added. */
  routes: readonly RoutePolicy[];
  sockets: Sockets;
  tickets: TicketStore;
  requests: Draining;
  /** Replaces the certificate without closing anything. */
  renew(tls: TlsIdentity): void;
}

/** How often Node looks for clients that take too long, in ms. */
const TIMEOUT_CHECK_MS = 1000;
/** Longer than the idle time of common proxies, so that they close first and never meet a closed connection. */
const KEEP_ALIVE_MS = 75_000;

/**
 * Zod reads requests and writes answers. Named at the start, because Fastify otherwise loads its own compilers first, a
 * hundred modules for nothing; its types know only those.
 */
const ZOD = {
  compilersFactory: { buildValidator: () => validatorCompiler, buildSerializer: () => serializerCompiler },
} as unknown as NonNullable<FastifyServerOptions['schemaController']>;

/** Builds what stands before the routes: transport, limits, errors, headers, the guard, draining. */
export function createFront(deps: FrontDeps): Front {
  const { settings, log, metrics, tls } = deps;
  const { limits } = settings;
  const sockets = new Sockets({ settings, keys: deps.keys, log, metrics });
  const tickets = ticketStore({ entries: limits.socketTickets, lifetimeMs: limits.socketTicketMs });
  const transport = {
    maxHeaderSize: limits.headerBytes,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    requestTimeout: limits.uploadTimeoutMs,
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.uploadTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    // The guard refuses a missing Host, in our words.
    requireHostHeader: false,
    shouldUpgradeCallback: (request: IncomingMessage) => sockets.wants(request),
  };
  const secure = tls === undefined ? undefined : createHttpsServer({ ...transport, cert: tls.cert, key: tls.key });
  const app: App = fastify({
    logger: false,
    genReqId: newRequestId,
    bodyLimit: limits.jsonBodyBytes,
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: true },
    clientErrorHandler: answerUnreadable(settings),
    schemaController: ZOD,
    frameworkErrors: (error, request, reply) => {
      reply.headers(commonHeaders(request.id, settings));
      void sendError(toSpeechError(error), request, reply, limits);
    },
    serverFactory: (handler) => {
      const server = secure ?? createHttpServer(transport);
      server.maxConnections = limits.connections;
      limitHalfOpen(server, Math.min(limits.connectionsWithoutRequest, Math.floor(limits.connections * 0.75)));
      server.on('upgrade', (request, socket, head) => sockets.decide(request, socket, head, handler));
      const answer = (request: IncomingMessage, response: ServerResponse): void => {
        sockets.note(request, response);
        handler(request, response);
      };
      // An expectation that nobody knows is ignored, as RFC 9110 section 10.1.1 allows.
      return server.on('request', answer).on('checkExpectation', answer);
    },
  }).withTypeProvider<ZodTypeProvider>();

  const routes = requirePolicies(app, { '/docs': PUBLIC, '/assets': PUBLIC });
  handleErrors(app, limits, log, methodFinder(routes));
  addHeaders(app, settings);
  recordRequests(app, log, metrics);
  // Before the guard, because looking up a key is the work that has to be bounded.
  app.addHook('onRequest', async (request) => sockets.refuseCrowd(request.raw));
  const credentials = [ticketCredential(tickets, deps.keys), ...(deps.credentials ?? [])];
  guardRequests(app, { settings, keys: deps.keys, securityLog: deps.securityLog, metrics, credentials });
  const requests = drainRequests(app);
  acceptJson(app);
  app.addHook('preClose', () => sockets.drain(0));
  return {
    ...{ app, routes, sockets, tickets, requests },
    renew: (identity) => secure?.setSecureContext({ cert: identity.cert, key: identity.key }),
  };
}
