import { createServer as createHttpServer, STATUS_CODES } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { Socket } from 'node:net';
import fastify from 'fastify';
import { serializerCompiler, validatorCompiler, type ZodTypeProvider } from 'fastify-type-provider-zod';
import type { KeyStore } from '../accounts/keys.ts';
import { type ErrorCode, SpeechError } from '../errors.ts';
import type { TlsIdentity } from '../security/tls.ts';
import type { SpeechService } from '../speech/service.ts';
import type { Log } from '../telemetry/log.ts';
import type { SecurityLog } from '../telemetry/security-log.ts';
import type { App } from './app.ts';
import { capabilitiesRoute } from './capabilities.ts';
import { describeRoutes, documentationRoutes } from './documentation.ts';
import { errorBody, handleErrors } from './errors.ts';
import { guardRequests } from './guard.ts';
import { addHeaders, newRequestId, recordRequests } from './headers.ts';
import { healthRoutes } from './health.ts';
import { modelRoutes } from './openai/models.ts';
import { speechRoute } from './openai/speech.ts';
import { transcriptionRoutes } from './openai/transcriptions.ts';
import { pageRoutes } from './page.ts';
import { PUBLIC, type RoutePolicy, requirePolicies } from './policy.ts';
import { acceptUploads } from './upload.ts';

export interface ServerDeps {
  version: string;
  service: SpeechService;
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
  /** Replaces the certificate without closing anything. */
  renew(tls: TlsIdentity): void;
}

/** How often Node looks for clients that take too long, in ms. */
const TIMEOUT_CHECK_MS = 1000;
/** Longer than the idle time of common proxies, so that they close first and never meet a closed connection. */
const KEEP_ALIVE_MS = 75_000;

/** Builds the HTTP server with every route. It does not listen yet. */
export async function createServer(deps: ServerDeps): Promise<HttpServer> {
  const { service, log, version, tls } = deps;
  const { settings, router, metrics } = service;
  const { limits } = settings;
  const transport = {
    maxHeaderSize: limits.headerBytes,
    connectionsCheckingInterval: TIMEOUT_CHECK_MS,
    requestTimeout: limits.uploadTimeoutMs,
    headersTimeout: limits.headersTimeoutMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
  };
  const secure = tls === undefined ? undefined : createHttpsServer({ ...transport, cert: tls.cert, key: tls.key });
  const app: App = fastify({
    logger: false,
    genReqId: newRequestId,
    bodyLimit: limits.jsonBodyBytes,
    routerOptions: { maxParamLength: 300, ignoreTrailingSlash: true },
    clientErrorHandler: answerUnreadable,
    serverFactory: (handler) => {
      const server = secure ?? createHttpServer(transport);
      server.maxConnections = limits.connections;
      return server.on('request', handler);
    },
  }).withTypeProvider<ZodTypeProvider>();
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);

  const routes = requirePolicies(app, { '/docs': PUBLIC, '/assets': PUBLIC });
  handleErrors(app, limits, log);
  addHeaders(app, settings);
  recordRequests(app, log, metrics);
  guardRequests(app, { settings, keys: deps.keys, securityLog: deps.securityLog, metrics });
  await describeRoutes(app, version);
  const uploads = acceptUploads(app, deps.tmpDir, limits);

  healthRoutes(app, {
    version,
    metrics,
    metricsEnabled: settings.metricsEnabled,
    isReady: () => router.status().admitting,
  });
  speechRoute(app, service);
  transcriptionRoutes(app, { ...service, uploads });
  modelRoutes(app, service);
  capabilitiesRoute(app, { ...service, version });
  await documentationRoutes(app);
  await pageRoutes(app, deps.pageDir);

  return {
    app,
    routes,
    renew: (identity) => secure?.setSecureContext({ cert: identity.cert, key: identity.key }),
  };
}

/** What Node could not read as HTTP, by its error code. */
const UNREADABLE: Readonly<Record<string, [ErrorCode, number, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 408, 'The request took too long to arrive.'],
  HPE_HEADER_OVERFLOW: ['too_large', 431, 'The request headers are too large.'],
};

/** Answers what never became a request, on the bare socket. */
function answerUnreadable(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const [code, status, message] = UNREADABLE[error.code ?? ''] ?? ['invalid_request', 400, 'This is not valid HTTP.'];
  const body = JSON.stringify(errorBody(new SpeechError(code, message)));
  socket.end(
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\nconnection: close\r\nx-request-id: ${newRequestId()}\r\n` +
      `content-type: application/json; charset=utf-8\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
