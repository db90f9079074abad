import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type AddressInfo, createServer, isIP, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { createServer as createTlsServer, type SecureContextOptions } from 'node:tls';
import type { KeyStore } from '../accounts/keys.ts';
import type { Settings } from '../config/kinds.ts';
import { isLoopbackHost } from '../security/addresses.ts';
import type { SpeechService } from '../speech/service.ts';
import type { SecurityLog } from '../telemetry/security-log.ts';
import { Clients, LOCAL } from './clients.ts';
import { MAX_LABEL_BYTES } from './dns-message.ts';
import { listen, listenLocally } from './listen.ts';
import { announce, reachableAddresses, type Zeroconf } from './zeroconf.ts';

export interface WyomingOptions {
  service: SpeechService;
  keys: KeyStore;
  securityLog: SecurityLog;
  version: string;
  /** Certificate and key where `OS_WYOMING_TLS` is on. */
  tls: { cert: string; key: string } | undefined;
}

export interface Wyoming {
  /** Where it listens, for example `tcp://127.0.0.1:10400`. */
  url: string;
  /** Takes another certificate for connections to come. */
  renew(tls: { cert: string; key: string }): void;
  /** Takes no new connection and no new work, and lets what runs finish for `graceMs`. */
  drain(graceMs: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Serves the Wyoming protocol. Throws an Error with a sentence for the operator where it may not listen there, because
 * nothing but the network says who may use it, or cannot.
 */
export async function startWyoming(options: WyomingOptions): Promise<Wyoming> {
  const { settings } = options.service;
  const { wyomingHost, wyomingPort, wyomingSocket } = settings;
  checkSettings(settings);
  const { service, keys, securityLog, version } = options;
  const clients = new Clients({ service, keys, securityLog, version, secure: options.tls !== undefined });
  const servers: Server[] = [];
  let announced: Zeroconf | undefined;
  const hide = async (): Promise<void> => {
    const before = announced;
    announced = undefined;
    await before?.close();
  };
  const close = async (): Promise<void> => {
    await hide();
    clients.cut();
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  };
  const tls = options.tls === undefined ? undefined : secureServer(options.tls, settings, clients);
  const tcp = tls ?? createServer({ noDelay: true, keepAlive: true }, (socket) => clients.take(socket));
  try {
    await listen(tcp, { host: wyomingHost, port: wyomingPort });
    servers.push(tcp);
    if (wyomingSocket !== '') {
      const local = createServer((socket) => clients.take(socket, LOCAL));
      await listenLocally(local, wyomingSocket);
      servers.push(local);
    }
  } catch (error) {
    await close();
    throw error;
  }
  const { address, port } = tcp.address() as AddressInfo;
  if (settings.wyomingZeroconf) announced = await announceServer(options, address, port);
  const host = isIP(wyomingHost) === 6 ? `[${wyomingHost}]` : wyomingHost;
  return {
    url: `${tls === undefined ? 'tcp' : 'tls'}://${host}:${port}`,
    renew: (identity) => tls?.setSecureContext(secure(identity, settings)),
    async drain(graceMs) {
      await hide();
      for (const server of servers) server.close();
      await clients.drain(graceMs);
    },
    close,
  };
}

/** A server that cannot be announced is served all the same. */
async function announceServer({ service, tls }: WyomingOptions, address: string, port: number) {
  const { settings, log } = service;
  const reason = isLoopbackHost(address)
    ? 'only this machine can reach it'
    : tls !== undefined
      ? 'whoever finds it so does not speak TLS'
      : settings.wyomingKeyRequired
        ? 'whoever finds it so knows no key'
        : undefined;
  if (reason !== undefined) {
    log.warn('Wyoming is not announced', { reason });
    return undefined;
  }
  try {
    return await announce({
      ...{ instance: settings.wyomingZeroconfName, hostName: hostname(), port, log },
      addresses: () => reachableAddresses(address),
    });
  } catch (error) {
    log.warn('Wyoming is not announced', { error });
    return undefined;
  }
}

/** Throws an Error where strangers could reach it, and for settings that cannot mean what they say. */
function checkSettings(settings: Settings): void {
  const { wyomingHost, wyomingAllowedNetworks, wyomingTls, wyomingClientCa, wyomingKeyRequired, authDisabled } =
    settings;
  const { wyomingZeroconfName } = settings;
  if (!isLoopbackHost(wyomingHost) && wyomingAllowedNetworks.length === 0) {
    throw new Error(
      `OS_WYOMING_HOST=${wyomingHost} can be reached from other machines: set ` +
        'OS_WYOMING_ALLOWED_NETWORKS to the networks that may use it, for example 192.168.1.0/24, or listen on 127.0.0.1',
    );
  }
  if (Buffer.byteLength(wyomingZeroconfName) > MAX_LABEL_BYTES)
    throw new Error(`OS_WYOMING_ZEROCONF_NAME has at most ${MAX_LABEL_BYTES} bytes`);
  if (wyomingClientCa !== '' && !wyomingTls)
    throw new Error('OS_WYOMING_CLIENT_CA has no effect without OS_WYOMING_TLS');
  if (wyomingKeyRequired && authDisabled)
    throw new Error('OS_WYOMING_KEY_REQUIRED asks for keys, and OS_AUTH_DISABLED says that there are none');
}

function secureServer(identity: { cert: string; key: string }, settings: Settings, clients: Clients) {
  const admitted = new Map<string, { socket: Socket; owner: string }>();
  const server = createTlsServer({
    ...secure(identity, settings),
    ...(settings.wyomingClientCa === '' ? {} : { requestCert: true, rejectUnauthorized: true }),
    handshakeTimeout: settings.limits.headersTimeoutMs,
  });
  const peer = ({ remoteAddress, remotePort }: Socket): string => `${remoteAddress} ${remotePort}`;
  // Before the handshake, so that handshakes that are never finished count too.
  server.prependListener('connection', (socket: Socket) => {
    const owner = clients.admit(socket);
    const name = peer(socket);
    if (owner === undefined) return;
    admitted.set(name, { socket, owner });
    socket.once('close', () => admitted.delete(name));
  });
  server.on('secureConnection', (stream) => {
    const known = admitted.get(peer(stream));
    if (known === undefined) stream.destroy();
    else clients.serve(known.socket, stream, known.owner);
  });
  return server;
}

/** Throws an Error where the authorities of the clients cannot be read: with none of them nobody could connect. */
function secure({ cert, key }: { cert: string; key: string }, { wyomingClientCa }: Settings): SecureContextOptions {
  const own: SecureContextOptions = { cert, key, minVersion: 'TLSv1.2' };
  if (wyomingClientCa === '') return own;
  try {
    const ca = readFileSync(wyomingClientCa);
    // The TLS library itself passes over what is no certificate.
    new X509Certificate(ca);
    return { ...own, ca };
  } catch (error) {
    throw new Error(`OS_WYOMING_CLIENT_CA=${wyomingClientCa} holds no certificate: ${(error as Error).message}`);
  }
}
