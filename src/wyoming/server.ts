import { lstatSync, readFileSync, unlinkSync } from 'node:fs';
import { type AddressInfo, connect, createServer, isIP, type Server, type Socket } from 'node:net';
import { hostname } from 'node:os';
import { createServer as createTlsServer, type SecureContextOptions } from 'node:tls';
import type { Settings } from '../config/kinds.ts';
import { encodeEvent } from '../engines/wyoming/framing.ts';
import { SpeechError } from '../errors.ts';
import { isLoopbackHost, networkList, rateKey } from '../security/addresses.ts';
import type { SpeechService } from '../speech/service.ts';
import type { SecurityLog } from '../telemetry/security-log.ts';
import { Connection } from './connection.ts';
import { infoMaker } from './info.ts';
import { announce, reachableAddresses, type Zeroconf } from './zeroconf.ts';

export interface WyomingOptions {
  service: SpeechService;
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

/** Whoever connects through a Unix socket is this machine's. */
const LOCAL = 'local';

/**
 * Serves the Wyoming protocol. Throws an Error with a sentence for the operator where it may not listen there, because
 * nothing but the network says who may use it, or cannot.
 */
export async function startWyoming(options: WyomingOptions): Promise<Wyoming> {
  const { settings } = options.service;
  const { wyomingHost, wyomingPort, wyomingSocket } = settings;
  checkReach(settings);
  const clients = new Clients(options);
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
  if (isLoopbackHost(address) || tls !== undefined) {
    const reason = tls === undefined ? 'only this machine can reach it' : 'whoever finds it so does not speak TLS';
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

/** Throws an Error where strangers could reach it. */
function checkReach(settings: Settings): void {
  const { wyomingHost, wyomingAllowedNetworks, wyomingTls, wyomingClientCa } = settings;
  if (!isLoopbackHost(wyomingHost) && wyomingAllowedNetworks.length === 0) {
    throw new Error(
      `OS_WYOMING_HOST=${wyomingHost} can be reached from other machines, and Wyoming knows no keys: set ` +
        'OS_WYOMING_ALLOWED_NETWORKS to the networks that may use it, for example 192.168.1.0/24, or listen on 127.0.0.1',
    );
  }
  if (wyomingClientCa !== '' && !wyomingTls)
    throw new Error('OS_WYOMING_CLIENT_CA has no effect without OS_WYOMING_TLS');
}

/** Everyone who is connected. */
class Clients {
  readonly #options: WyomingOptions;
  readonly #info: () => Buffer;
  readonly #allowed: (address: string) => boolean;
  readonly #open = new Map<Socket, Connection | undefined>();
  readonly #perAddress = new Map<string, number>();

  constructor(options: WyomingOptions) {
    this.#options = options;
    const { settings, catalog, names } = options.service;
    this.#info = infoMaker({ catalog, names, version: options.version, endpointing: settings.wyomingEndpointing });
    this.#allowed = networkCheck(settings.wyomingAllowedNetworks);
  }

  /** Serves a client that may be served. */
  take(socket: Socket, from?: string): void {
    const owner = this.admit(socket, from);
    if (owner !== undefined) this.serve(socket, socket, owner);
  }

  /** Counts a client. Undefined where it was sent away. */
  admit(socket: Socket, from = socket.remoteAddress ?? ''): string | undefined {
    const { wyomingConnections, wyomingConnectionsPerAddress } = this.#options.service.settings.limits;
    socket.on('error', () => {});
    if (from !== LOCAL && !this.#allowed(from)) {
      this.#options.securityLog.record({ event: 'network_refused', address: from, route: 'wyoming' });
      socket.destroy();
      return undefined;
    }
    const owner = from === LOCAL ? LOCAL : rateKey(from);
    const own = this.#perAddress.get(owner) ?? 0;
    if (this.#open.size >= wyomingConnections || own >= wyomingConnectionsPerAddress) {
      const { message: text, code } = new SpeechError('overloaded', 'There are too many connections.');
      // A client of TLS cannot read it, and learns from the end alone.
      if (this.#options.tls === undefined || from === LOCAL) socket.end(encodeEvent('error', { text, code }));
      socket.destroySoon();
      return undefined;
    }
    this.#perAddress.set(owner, own + 1);
    this.#open.set(socket, undefined);
    socket.once('close', () => {
      this.#open.delete(socket);
      const left = this.#perAddress.get(owner)! - 1;
      if (left === 0) this.#perAddress.delete(owner);
      else this.#perAddress.set(owner, left);
    });
    return owner;
  }

  /** `socket` is what was counted; `stream` is that or TLS on top of it. */
  serve(socket: Socket, stream: Socket, owner: string): void {
    const { service } = this.#options;
    const connection = new Connection(stream, {
      ...{ deps: service, info: this.#info, settings: service.settings, log: service.log },
      keyId: `wyoming ${owner}`,
    });
    this.#open.set(socket, connection);
    if (stream !== socket) stream.once('close', () => socket.destroy());
    void connection.run();
  }

  async drain(graceMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const over = new Promise((resolve) => {
      timer = setTimeout(resolve, graceMs);
    });
    await Promise.race([Promise.all([...this.#open.values()].map((connection) => connection?.drain())), over]);
    clearTimeout(timer);
  }

  cut(): void {
    for (const socket of this.#open.keys()) socket.destroy();
  }
}

/** This machine and the networks (CIDR). Throws an Error that names a bad one. */
function networkCheck(networks: readonly string[]): (address: string) => boolean {
  let list: ReturnType<typeof networkList>;
  try {
    list = networkList([...networks, '127.0.0.0/8', '::1/128']);
  } catch (error) {
    throw new Error(`OS_WYOMING_ALLOWED_NETWORKS: ${(error as Error).message}`);
  }
  return (peer) => {
    const address = peer.replace(/%.*$/, '');
    const family = isIP(address);
    return family !== 0 && list.check(address, family === 4 ? 'ipv4' : 'ipv6');
  };
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

function secure({ cert, key }: { cert: string; key: string }, { wyomingClientCa }: Settings): SecureContextOptions {
  return {
    ...{ cert, key, minVersion: 'TLSv1.2' },
    ...(wyomingClientCa === '' ? {} : { ca: readFileSync(wyomingClientCa) }),
  };
}

function listen(server: Server, where: { host: string; port: number } | { path: string }): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(where, () => {
      server.off('error', reject);
      resolve();
    });
  });
}

/** Listens on a Unix socket that only this user can open; one that a killed server left behind is replaced. */
async function listenLocally(server: Server, path: string): Promise<void> {
  if (isSocket(path) && !(await answers(path))) unlinkSync(path);
  const before = process.umask(0o177);
  const listening = listen(server, { path });
  // It was made within the call: no other file is touched by this.
  process.umask(before);
  await listening;
}

function isSocket(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false })?.isSocket() ?? false;
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
