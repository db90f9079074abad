import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { addressBytes, networkList } from '../security/addresses.ts';
import type { Log } from '../telemetry/log.ts';
import { type DnsRecord, encodeAnswer, encodeName, type Question, readQuery, TYPE, uint16 } from './dns-message.ts';

const SERVICE = '_wyoming._tcp.local';
/** What lists the kinds of services (RFC 6763 section 9). */
const SERVICES = '_services._dns-sd._udp.local';
const GROUP = '224.0.0.251';
const PORT = 5353;
/** Seconds, as RFC 6762 section 10 recommends: names of hosts change more often than services. */
const SERVICE_TTL = 4500;
const HOST_TTL = 120;
/** For askers that know plain DNS only (section 6.7). */
const LEGACY_TTL = 10;
/** Nothing is multicast more often (section 6). */
const MULTICAST_MS = 1000;
/** Answers to single askers in that time. */
const UNICASTS = 20;
/** Questions that are looked at in that time: each costs a look at this machine's addresses. */
const QUESTIONS = 100;
/** How often networks that came and went are looked for. */
const REFRESH_MS = 60_000;

/** The addresses at which others reach a server that listens on this one. */
export function reachableAddresses(listening: string): OwnAddress[] {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  return all.filter(({ address, family, internal, scopeid }) => {
    // An address that counts on one wire alone means nothing without the name of the wire.
    if (internal || (family === 'IPv6' && (scopeid ?? 0) > 0)) return false;
    return address === listening || listening === '::' || (listening === '0.0.0.0' && family === 'IPv4');
  });
}

/** An address of this machine and its network. */
export interface OwnAddress {
  address: string;
  cidr: string | null;
}

export interface ZeroconfOptions {
  /** Stays the same, because Home Assistant knows the server by it. */
  instance: string;
  hostName: string;
  port: number;
  /** Where the port can be reached, now. */
  addresses: () => readonly OwnAddress[];
  log: Log;
  /** For tests: the UDP port in place of 5353; 0 takes a free one. */
  udpPort?: number;
}

export interface Zeroconf {
  /** The UDP port it listens on. */
  readonly udpPort: number;
  /** Tells the network that the service has gone. */
  close(): Promise<void>;
}

/** The records of the service, by what they answer first. */
export function serviceRecords(options: Pick<ZeroconfOptions, 'instance' | 'hostName' | 'port' | 'addresses'>) {
  const instance = `${options.instance.replaceAll('.', '\\.')}.${SERVICE}`;
  const label = `${options.instance}-${options.hostName}`.replace(/[^a-z\d]+/gi, '-').replace(/^-|-$/g, '');
  const host = `${label.slice(0, 63)}.local`;
  const shared = { ttl: SERVICE_TTL, unique: false };
  const own = { ttl: HOST_TTL, unique: true };
  const records: DnsRecord[] = [
    { name: SERVICE, type: TYPE.PTR, data: encodeName(instance), ...shared },
    { name: SERVICES, type: TYPE.PTR, data: encodeName(SERVICE), ...shared },
    // Priority and weight, which mean nothing here, and the port.
    {
      name: instance,
      type: TYPE.SRV,
      data: Buffer.concat([Buffer.alloc(4), uint16(options.port), encodeName(host)]),
      ...own,
    },
    { name: instance, type: TYPE.TXT, data: Buffer.of(0), unique: true, ttl: SERVICE_TTL },
  ];
  for (const { address } of options.addresses()) {
    records.push({ name: host, type: isIPv4(address) ? TYPE.A : TYPE.AAAA, data: addressBytes(address), ...own });
  }
  return records;
}

/** What answers the questions, less what the asker knows, and what it would ask for next. */
export function answersTo(
  questions: readonly Question[],
  known: readonly DnsRecord[],
  records: readonly DnsRecord[],
): { answers: DnsRecord[]; additional: DnsRecord[] } {
  const answers = records.filter(
    (record) =>
      questions.some(({ name, type }) => sameName(name, record.name) && (type === record.type || type === TYPE.ANY)) &&
      !known.some((other) => isSame(other, record) && other.ttl >= record.ttl / 2),
  );
  const additional = answers.some(({ name }) => name === SERVICE || name.endsWith(`.${SERVICE}`))
    ? records.filter((record) => record.name !== SERVICES && !answers.includes(record))
    : [];
  return { answers, additional };
}

/** Announces a Wyoming server on the local networks. A network where that fails is a line in the log. */
export async function announce(options: ZeroconfOptions): Promise<Zeroconf> {
  const responder = new Responder(options);
  await responder.begin();
  return responder;
}

class Responder implements Zeroconf {
  readonly #options: ZeroconfOptions;
  readonly #socket: Socket = createSocket({ type: 'udp4', reuseAddr: true });
  readonly #joined = new Set<string>();
  /** Where joining failed, so that it is told once. */
  readonly #failed = new Set<string>();
  readonly #timers: NodeJS.Timeout[] = [];
  #sending: Promise<void> = Promise.resolve();
  #multicastAt = Number.NEGATIVE_INFINITY;
  #unicasts = 0;
  #questions = 0;
  /** What may be asked for, in small letters. */
  readonly #names: ReadonlySet<string>;

  constructor(options: ZeroconfOptions) {
    this.#options = options;
    const anywhere = [{ address: '0.0.0.0', cidr: null }];
    const records = serviceRecords({ ...options, addresses: () => anywhere });
    this.#names = new Set(records.map(({ name }) => name.toLowerCase()));
  }

  get udpPort(): number {
    return this.#socket.address().port;
  }

  async begin(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#socket.once('error', reject);
      this.#socket.bind(this.#options.udpPort ?? PORT, () => {
        this.#socket.off('error', reject);
        resolve();
      });
    });
    this.#socket.on('error', (error) => this.#warn(error));
    this.#socket.on('message', (message, from) => this.#answer(message, from));
    // As far as a local network goes; RFC 6762 section 11 asks for 255.
    this.#socket.setMulticastTTL(255);
    this.#refresh();
    // Said twice, because a datagram may be lost.
    this.#timers.push(setTimeout(() => this.#multicast(this.#records()), MULTICAST_MS));
    this.#timers.push(setInterval(() => this.#refresh(), REFRESH_MS));
    this.#timers.push(
      setInterval(() => {
        this.#unicasts = 0;
        this.#questions = 0;
      }, MULTICAST_MS),
    );
    for (const timer of this.#timers) timer.unref();
  }

  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#multicast(this.#records().map((record) => ({ ...record, ttl: 0 })));
    await this.#sending;
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #answer(message: Buffer, from: RemoteInfo): void {
    const query = readQuery(message);
    // A network is full of questions for others.
    if (query === undefined || !query.questions.some(({ name }) => this.#names.has(name.toLowerCase()))) return;
    if (++this.#questions > QUESTIONS) return;
    // Nobody from elsewhere is meant, and a forged sender would get answers it never asked for.
    if (!this.#isNear(from.address)) return;
    const { answers, additional } = answersTo(query.questions, query.known, this.#records());
    if (answers.length === 0) return;
    const legacy = from.port !== PORT;
    if (!legacy && !query.questions.every(({ unicast }) => unicast)) {
      if (performance.now() - this.#multicastAt >= MULTICAST_MS) this.#multicast(answers, additional);
      return;
    }
    if (++this.#unicasts > UNICASTS) return;
    const plain = (record: DnsRecord) => ({ ...record, ttl: Math.min(record.ttl, LEGACY_TTL), unique: false });
    const packet = legacy
      ? encodeAnswer({
          ...{ id: query.id, questions: query.questions },
          ...{ answers: answers.map(plain), additional: additional.map(plain) },
        })
      : encodeAnswer({ answers, additional });
    this.#socket.send(packet, from.port, from.address, () => {});
  }

  #multicast(answers: readonly DnsRecord[], additional: readonly DnsRecord[] = []): void {
    this.#multicastAt = performance.now();
    const packet = encodeAnswer({ answers, additional });
    // One after the other: the network is a property of the socket.
    this.#sending = this.#sending.then(async () => {
      for (const address of this.#joined) {
        try {
          this.#socket.setMulticastInterface(address);
        } catch {
          // It has gone since.
          this.#joined.delete(address);
          continue;
        }
        await new Promise<void>((resolve) => {
          this.#socket.send(packet, this.udpPort, GROUP, () => resolve());
        });
      }
    });
  }

  #refresh(): void {
    let found = false;
    for (const { address } of this.#options.addresses()) {
      if (!isIPv4(address) || this.#joined.has(address)) continue;
      try {
        this.#socket.addMembership(GROUP, address);
        this.#joined.add(address);
        found = true;
      } catch (error) {
        if (!this.#failed.has(address)) this.#warn(error);
        this.#failed.add(address);
      }
    }
    if (found) this.#multicast(this.#records());
  }

  #records(): DnsRecord[] {
    return serviceRecords(this.#options);
  }

  #isNear(address: string): boolean {
    const networks = this.#options.addresses().flatMap(({ cidr }) => (cidr === null ? [] : [cidr]));
    return networkList(networks).check(address);
  }

  #warn(error: unknown): void {
    this.#options.log.warn('Wyoming cannot be announced on a network', { error });
  }
}

function isSame(a: DnsRecord, b: DnsRecord): boolean {
  return sameName(a.name, b.name) && a.type === b.type && a.data.equals(b.data);
}

function sameName(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
