import { createServer as createHttpsServer } from 'node:https';
import fastify, { type FastifyServerOptions } from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { KeyStore } from '../accounts/keys.ts';
import type { TlsIdentity } from '../security/tls.ts';
import type { ModelLibrary } from '../speech/library.ts';
import type { SpeechService } from '../speech/service.ts';
import type { Log } from '../telemetry/log.ts';
import type { SecurityLog } from '../telemetry/security-log.ts';
import type { App } from './app.ts';
import { capabilitiesRoute } from './capabilities.ts';
import { describeRoutes, documentationRoutes } from './documentation.ts';
import { drainRequests } from './drain.ts';
import { handleErrors, sendError, toSpeechError } from './errors.ts';
import { guardRequests } from './guard.ts';
import { addHeaders, commonHeaders, newRequestId, recordRequests } from './headers.ts';
import { healthRoutes } from './health.ts';
import { acceptJson } from './json.ts';
import { modelManagementRoutes } from './models.ts';
import { modelRoutes } from './openai/models.ts';
import { speechRoute } from './openai/speech.ts';
import { transcriptionRoutes } from './openai/transcriptions.ts';
import { pageRoutes } from './page.ts';
import { PUBLIC, type RoutePolicy, requirePolicies } from './policy.ts';
import { answerUnreadable } from './unreadable.ts';
import { acceptUploads } from './upload.ts';

// An import would read every export of node:http, and one of them loads all of fetch: 14 MB that nobody uses here.
const { createServer: createHttpServer } = process.getBuiltinModule('node:http');

export interface ServerDeps {
  version: string;
  service: SpeechService;
  library: ModelLibrary;
  keys: KeyStore;
  log: Log;
  securityLog: SecurityLog;
  /** Folder for uploads while their request lasts. */
  tmpDir: string;
  /** Folder of the built page. */
  pageDir: string;
  tls: TlsIdentity | undefined;
}

export interface HttpServer {
  app: App;
  /** Every route with who may call it. */
  routes: readonly RoutePolicy[];
  /** Refuses new work from now on, and waits until what runs is done or `graceMs` have passed. */
  drain(graceMs: number): Promise<void>;
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

/** Builds the HTTP server with every route. It does not listen yet. */
export async function createServer(deps: ServerDeps): Promise<HttpServer> {
  const { service, log, version, tls } = deps;
  const { settings, router, metrics } = service;
  const { limits } = settings;
  const transport = {
    maxHeaderSize: limits.headerBytes,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    requestTimeout: limits.uploadTimeoutMs,
    headersTimeout: Math.min(limits.headersTimeoutMs, limits.uploadTimeoutMs),
    keepAliveTimeout: KEEP_ALIVE_MS,
    // The guard refuses a missing Host, in our words.
    requireHostHeader: false,
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
      // An expectation that nobody knows is ignored, as RFC 9110 section 10.1.1 allows.
      return server.on('request', handler).on('checkExpectation', handler);
    },
  }).withTypeProvider<ZodTypeProvider>();

  const routes = requirePolicies(app, { '/docs': PUBLIC, '/assets': PUBLIC });
  handleErrors(app, limits, log);
  addHeaders(app, settings);
  recordRequests(app, log, metrics);
  guardRequests(app, { settings, keys: deps.keys, securityLog: deps.securityLog, metrics });
  const requests = drainRequests(app);
  acceptJson(app);
  await describeRoutes(app, version);
  const uploads = acceptUploads(app, deps.tmpDir, limits);

  healthRoutes(app, {
    version,
    metrics,
    metricsEnabled: settings.metricsEnabled,
    isReady: () => !requests.draining && router.status().admitting,
  });
  speechRoute(app, service);
  transcriptionRoutes(app, { ...service, uploads });
  modelRoutes(app, service);
  modelManagementRoutes(app, { ...service, library: deps.library, isDraining: () => requests.draining });
  capabilitiesRoute(app, { ...service, version });
  await documentationRoutes(app);
  await pageRoutes(app, deps.pageDir);

  return {
    app,
    routes,
    drain: (graceMs) => requests.drain(graceMs),
    renew: (identity) => secure?.setSecureContext({ cert: identity.cert, key: identity.key }),
  };
}
