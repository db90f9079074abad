import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { ensureFirstKey } from './accounts/first-key.ts';
import { openKeyStore } from './accounts/keys.ts';
import { notices } from './api/capabilities.ts';
import type { RoutePolicy } from './api/policy.ts';
import { createServer } from './api/server.ts';
import type { Settings } from './config/kinds.ts';
import { loadTlsIdentity } from './security/tls.ts';
import { bringFirstModels } from './speech/first-models.ts';
import { type ModelLibrary, type Outside, openLibrary } from './speech/library.ts';
import { openSpeechService, type SpeechService } from './speech/service.ts';
import { emptyTmpDir, lockDataDir, prepareDataDir } from './storage/data-dir.ts';
import { openDatabase } from './storage/database.ts';
import type { Log } from './telemetry/log.ts';
import { openMetrics } from './telemetry/metrics.ts';
import { openSecurityLog } from './telemetry/security-log.ts';
import { startWyoming } from './wyoming/server.ts';

export interface OpenSpeech {
  url: string;
  /** Where Wyoming is served, for example `tcp://127.0.0.1:10400`. */
  wyomingUrl: string | undefined;
  service: SpeechService;
  library: ModelLibrary;
  routes: readonly RoutePolicy[];
  /** The key of a first start, to be shown once, and the file that holds it. */
  firstKey: { token: string; path: string } | undefined;
  /** What the operator should know, such as how to get a missing recogniser. */
  notices: readonly string[];
  /** Finishes running requests within `OS_SHUTDOWN_TIMEOUT_S`, then leaves nothing behind. */
  close(): Promise<void>;
}

const ROOT = resolve(import.meta.dirname, '..');
const CERTIFICATE_CHECK_MS = 86_400_000;

export const version: string = (JSON.parse(readFileSync(resolve(ROOT, 'package.json'), 'utf8')) as { version: string })
  .version;

/**
 * Puts the rooms together and listens. Throws an Error with a sentence for the operator when the data folder, a
 * certificate, a model name or the port cannot be used. `outside` is for tests.
 */
export async function startOpenSpeech(settings: Settings, log: Log, outside?: Outside): Promise<OpenSpeech> {
  const closers: (() => unknown)[] = [];
  let closing: Promise<void> | undefined;
  const closeAll = async (): Promise<void> => {
    for (const close of closers.reverse().splice(0)) await close();
  };
  try {
    for (const warning of prepareDataDir(settings.dataDir)) log.warn('The data folder was mended', { warning });
    const lock = lockDataDir(settings.dataDir);
    closers.push(() => lock.release());
    const tmpDir = emptyTmpDir(settings.dataDir);
    const db = await openDatabase(settings.dataDir);
    closers.push(() => db.destroy());
    const keys = openKeyStore(db, { envKey: settings.apiKey, limits: settings.limits });
    closers.push(() => keys.close());
    const securityLog = openSecurityLog({
      dataDir: settings.dataDir,
      maxBytes: settings.limits.securityLogBytes,
      maxAgeMs: settings.limits.securityLogMs,
      secrets: settings.apiKey === '' ? [] : [settings.apiKey],
      onError: (error) => log.error('The security log cannot be written', { error }),
    });
    closers.push(() => securityLog.close());
    const metrics = openMetrics();
    closers.push(() => metrics.close());
    const service = await openSpeechService({ settings, log, metrics, recordings: [tmpDir] });
    closers.push(() => service.close(0));
    const library = await openLibrary(service, outside);
    let firstModels: Promise<void> | undefined;
    closers.push(async () => {
      await library.close();
      await firstModels;
    });

    // One certificate for both protocols, so it has to have the names of both.
    const { wyomingEnabled, wyomingTls, wyomingHost } = settings;
    const wyomingNames = wyomingEnabled && wyomingTls ? [wyomingHost] : [];
    const loadIdentity = () =>
      loadTlsIdentity({ ...settings, publicHosts: [...settings.publicHosts, ...wyomingNames] });
    const identity = settings.sslEnabled || wyomingNames.length > 0 ? loadIdentity() : undefined;
    const tls = settings.sslEnabled ? identity : undefined;
    const server = await createServer({
      ...{ version, service, library, keys, log, securityLog, tmpDir, tls },
      pageDir: resolve(ROOT, 'web/dist'),
    });
    closers.push(() => server.app.close());
    const wyoming = wyomingEnabled
      ? await startWyoming({ service, keys, securityLog, version, tls: wyomingTls ? identity : undefined })
      : undefined;
    closers.push(() => wyoming?.close());
    if (identity !== undefined) {
      const renew = () => {
        const renewed = loadIdentity();
        server.renew(renewed);
        wyoming?.renew(renewed);
      };
      const renewal = setInterval(renew, CERTIFICATE_CHECK_MS);
      renewal.unref();
      closers.push(() => clearInterval(renewal));
    }
    await server.app.listen({ host: settings.host, port: settings.port });
    // Only now, because a start that fails shows it to nobody.
    const firstKey =
      settings.apiKey !== '' || settings.authDisabled ? undefined : await ensureFirstKey(keys, settings.dataDir);
    const address = server.app.server.address();
    const port = typeof address === 'object' && address !== null ? address.port : settings.port;
    const host = settings.host.includes(':') ? `[${settings.host}]` : settings.host;
    if (wyoming !== undefined) log.info('Wyoming is served', { url: wyoming.url });
    void service.preload();
    firstModels = bringFirstModels({ library, settings, log }).catch((error: unknown) => {
      log.error('The first models could not be fetched', { error });
    });
    return {
      wyomingUrl: wyoming?.url,
      url: `${tls === undefined ? 'http' : 'https'}://${host}:${port}`,
      service,
      library,
      routes: server.routes,
      firstKey,
      notices: notices(settings, service.catalog, service.names),
      close() {
        // New requests are refused while what runs gets its time; then the rest is ended too.
        const { shutdownMs } = settings.limits;
        closing ??= Promise.all([server.drain(shutdownMs), wyoming?.drain(shutdownMs)])
          .then(() => service.router.drain(0))
          .then(closeAll);
        return closing;
      },
    };
  } catch (error) {
    await closeAll();
    throw error;
  }
}
