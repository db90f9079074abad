import { isIP, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { KeyStore } from '../accounts/keys.ts';
import { encodeEvent } from '../engines/wyoming/framing.ts';
import { SpeechError } from '../errors.ts';
import { networkList, rateKey } from '../security/addresses.ts';
import type { SpeechService } from '../speech/service.ts';
import type { SecurityLog } from '../telemetry/security-log.ts';
import { Connection } from './connection.ts';
import { Door } from './door.ts';
import { infoMaker } from './info.ts';

export interface ClientsOptions {
  service: SpeechService;
  keys: KeyStore;
  securityLog: SecurityLog;
  version: string;
  /** They come by TLS. */
  secure: boolean;
}

/** Whoever connects through a Unix socket is this machine's. */
export const LOCAL = 'local';

/** A revoked key ends its connections within a second (requirements of the sockets, too). */
const KEY_CHECK_MS = 250;

/** How long those whose work is cut off get to read why. */
const FAREWELL_MS = 1000;

/** Everyone who is connected. */
export class Clients {
  readonly #options: ClientsOptions;
  readonly #info: () => Buffer;
  readonly #allowed: (address: string) => boolean;
  readonly #open = new Map<Socket, Connection | undefined>();
  readonly #perAddress = new Map<string, number>();
  readonly #door: Door | undefined;
  readonly #keyCheck: NodeJS.Timeout | undefined;
  #checking = false;

  constructor(options: ClientsOptions) {
    this.#options = options;
    const { settings, catalog, names } = options.service;
    this.#info = infoMaker({ catalog, names, version: options.version, endpointing: settings.wyomingEndpointing });
    this.#allowed = networkCheck(settings.wyomingAllowedNetworks);
    if (!settings.wyomingKeyRequired) return;
    this.#door = new Door(options.keys, options.securityLog, settings);
    this.#keyCheck = setInterval(() => void this.#endWithoutKey(), KEY_CHECK_MS).unref();
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
      if (!this.#options.secure || from === LOCAL) socket.end(encodeEvent('error', { text, code }));
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
      ...{ address: owner, door: owner === LOCAL ? undefined : this.#door },
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
    const farewells = [...this.#open.values()].map((connection) => connection?.farewell());
    await Promise.race([Promise.all(farewells), sleep(FAREWELL_MS, undefined, { ref: false })]);
  }

  cut(): void {
    clearInterval(this.#keyCheck);
    for (const socket of this.#open.keys()) socket.destroy();
  }

  /** Ends the connections of keys that were revoked or have expired. A database that does not answer ends none. */
  async #endWithoutKey(): Promise<void> {
    const withKey = [...this.#open.values()].filter((connection) => connection?.keyId !== undefined) as Connection[];
    if (this.#checking || withKey.length === 0) return;
    this.#checking = true;
    try {
      const living = await this.#door!.living(new Set(withKey.map(({ keyId }) => keyId!)));
      for (const connection of withKey) if (!living.has(connection.keyId!)) connection.endWithoutKey();
    } catch (error) {
      this.#options.service.log.error('Keys of Wyoming clients could not be checked', { error });
    } finally {
      this.#checking = false;
    }
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
