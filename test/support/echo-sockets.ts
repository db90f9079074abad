import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { type KeyStore, openKeyStore } from '../../src/accounts/keys.ts';
import { describeRoutes } from '../../src/api/documentation.ts';
import { createFront, type Front } from '../../src/api/front.ts';
import { PUBLIC, withScope } from '../../src/api/policy.ts';
import { socketRoute } from '../../src/api/sockets/route.ts';
import type { SocketHandlers, SocketSession } from '../../src/api/sockets/session.ts';
import { ticketRoute } from '../../src/api/sockets/ticket-route.ts';
import { loadSettings } from '../../src/config/load.ts';
import { openDatabase } from '../../src/storage/database.ts';
import { openLog } from '../../src/telemetry/log.ts';
import { openMetrics } from '../../src/telemetry/metrics.ts';
import type { SecurityEvent } from '../../src/telemetry/security-log.ts';

export const ECHO_KEY = 'Zp41kW7rt-echoes-8gQv';

export interface EchoServer {
  url: string;
  wsUrl: string;
  front: Front;
  keys: KeyStore;
  /** Every session that was opened, oldest first. */
  sessions: SocketSession[];
  log: string[];
  security: SecurityEvent[];
}

export interface EchoOptions {
  env?: Record<string, string>;
  /** In place of echoing. */
  handlers?: (session: SocketSession) => SocketHandlers;
}

/**
 * The server's own doors with sockets behind them that send back what they get: `/echo`, `/other`, and `/speaks` with
 * the subprotocol `realtime`; `/text` understands no binary.
 */
export async function echoDuring(test: TestContext, { env = {}, handlers }: EchoOptions = {}): Promise<EchoServer> {
  const dataDir = mkdtempSync(join(tmpdir(), 'open-speech-sockets-'));
  const { settings } = loadSettings({
    env: { OS_DATA_DIR: dataDir, OS_PORT: '0', OS_API_KEY: ECHO_KEY, OS_RATE_LIMIT: '0', ...env },
  });
  const db = await openDatabase(dataDir);
  const keys = openKeyStore(db, { envKey: settings.apiKey, limits: settings.limits });
  const lines: string[] = [];
  const security: SecurityEvent[] = [];
  const metrics = openMetrics();
  const front = createFront({
    settings,
    keys,
    metrics,
    log: openLog({ level: 'debug', write: (line) => lines.push(line) }),
    securityLog: { record: (event) => security.push(event), close: async () => {} },
    tls: undefined,
  });
  const { app, sockets, tickets } = front;
  await describeRoutes(app, '0');
  const sessions: SocketSession[] = [];
  const echo = (session: SocketSession): SocketHandlers => ({
    text: (text) => session.send({ echo: text }),
    binary: (bytes) => session.sendBinary(bytes),
  });
  const route = { policy: withScope('speech'), plan: () => undefined };
  const open = (session: SocketSession): SocketHandlers => {
    sessions.push(session);
    return (handlers ?? echo)(session);
  };
  socketRoute(app, sockets, '/echo', { ...route, open });
  socketRoute(app, sockets, '/other', { ...route, open });
  socketRoute(app, sockets, '/speaks', { ...route, protocols: ['realtime'], open });
  socketRoute(app, sockets, '/text', {
    ...route,
    open: (session) => ({ text: (text) => session.send({ echo: text }) }),
  });
  ticketRoute(app, sockets, tickets);
  app.get('/health', { config: { policy: PUBLIC } }, () => ({ status: 'ok' }));
  await app.listen({ host: '127.0.0.1', port: 0 });
  const { port } = app.server.address() as AddressInfo;
  test.after(async () => {
    await app.close();
    await keys.close();
    await metrics.close();
    await db.destroy();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return {
    url: `http://127.0.0.1:${port}`,
    wsUrl: `ws://127.0.0.1:${port}`,
    front,
    keys,
    sessions,
    log: lines,
    security,
  };
}
