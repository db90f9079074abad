import type { KeyStore } from '../accounts/keys.ts';
import { openListening } from '../live/listening.ts';
import { openSpeaking } from '../live/speaking.ts';
import type { TlsIdentity } from '../security/tls.ts';
import type { ModelLibrary } from '../speech/library.ts';
import type { SpeechService } from '../speech/service.ts';
import type { Log } from '../telemetry/log.ts';
import type { SecurityLog } from '../telemetry/security-log.ts';
import type { App } from './app.ts';
import { capabilitiesRoute } from './capabilities.ts';
import { deepgramRoutes } from './deepgram/routes.ts';
import { describeRoutes, documentationRoutes } from './documentation.ts';
import { createFront } from './front.ts';
import { healthRoutes } from './health.ts';
import { modelManagementRoutes } from './models.ts';
import { modelRoutes } from './openai/models.ts';
import { speechRoute } from './openai/speech.ts';
import { transcriptionRoutes } from './openai/transcriptions.ts';
import { pageRoutes } from './page.ts';
import type { RoutePolicy } from './policy.ts';
import { clientSecretRoutes } from './realtime/client-secret-routes.ts';
import { ClientSecrets } from './realtime/client-secrets.ts';
import { realtimeSocket } from './realtime/realtime-socket.ts';
import { ticketRoute } from './sockets/ticket-route.ts';
import { streamSocket } from './stream-socket/stream-socket.ts';
import { acceptUploads } from './upload.ts';

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

/** Builds the HTTP server with every route. It does not listen yet. */
export async function createServer(deps: ServerDeps): Promise<HttpServer> {
  const { service, version } = deps;
  const { settings, router, metrics } = service;
  const { limits } = settings;
  const secrets = new ClientSecrets({
    entries: limits.clientSecrets,
    chars: limits.clientSecretChars,
    keys: deps.keys,
  });
  const { app, routes, sockets, tickets, requests, renew } = createFront({
    ...{ ...deps, settings, metrics },
    credentials: settings.realtimeEnabled ? [secrets] : [],
  });
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
  ticketRoute(app, sockets, tickets);
  streamSocket(app, sockets, service);
  await deepgramRoutes(app, sockets, service, uploads);
  if (settings.realtimeEnabled) {
    realtimeSocket(app, sockets, {
      ...{ settings, names: service.names, secrets },
      openListening: (options, caller, onEvent) => openListening(service, options, caller, onEvent),
      openSpeaking: (options, caller) => openSpeaking(service, options, caller),
    });
    clientSecretRoutes(app, service, secrets);
  }
  capabilitiesRoute(app, { ...service, version });
  await documentationRoutes(app);
  await pageRoutes(app, deps.pageDir);

  return {
    app,
    routes,
    async drain(graceMs) {
      await Promise.all([requests.drain(graceMs), sockets.drain(graceMs)]);
    },
    renew,
  };
}
