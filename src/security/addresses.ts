import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';

const loopback = new BlockList();
loopback.addSubnet('127.0.0.0', 8, 'ipv4');
loopback.addAddress('::1', 'ipv6');

/** True for an address, or the name `localhost`, that only this machine can reach. Brackets around IPv6 are allowed. */
export function isLoopbackHost(host: string): boolean {
  const bare = stripBrackets(host.toLowerCase());
  return bare === 'localhost' || contains(loopback, bare);
}

/** True for an address that stands for every interface: `0.0.0.0` or `::`. */
export function isUnspecifiedHost(host: string): boolean {
  const bare = plainAddress(stripBrackets(host));
  return bare === '0.0.0.0' || (isIPv6(bare) && expand(bare).every((group) => group === 0));
}

/** Builds a list of networks from CIDR texts; a bare address is a network of one. Throws an Error that names a bad one. */
export function networkList(networks: readonly string[]): BlockList {
  const list = new BlockList();
  for (const network of networks) {
    const [address = '', prefix, ...rest] = network.split('/');
    const family = isIP(address);
    const widest = family === 4 ? 32 : 128;
    const length = prefix === undefined ? widest : /^\d{1,3}$/.test(prefix) ? Number(prefix) : Number.NaN;
    if (family === 0 || rest.length > 0 || !(length >= 0 && length <= widest)) {
      throw new Error(`${JSON.stringify(network)} is not a network such as 10.0.0.0/8 or fd00::/8`);
    }
    list.addSubnet(address, length, family === 4 ? 'ipv4' : 'ipv6');
  }
  return list;
}

export interface ClientAddressOptions {
  trustProxy: boolean;
  proxyNetworks: readonly string[];
}

/** Makes the test whether a socket's peer is a declared proxy, whose `X-Forwarded-*` headers may be believed. */
export function proxyChecker(options: ClientAddressOptions): (peer: string | undefined) => boolean {
  const trusted = networkList(options.proxyNetworks);
  return (peer) => options.trustProxy && contains(trusted, plainAddress(peer ?? ''));
}

/** More hops than any real chain has; what lies beyond them is not read. */
const MAX_HOPS = 32;

/**
 * Makes the function that finds who is calling. Without a declared proxy that is the socket's peer. Where the peer is
 * a trusted proxy, `X-Forwarded-For` is walked from the right, past trusted proxies, to the first address that is not
 * one: everything to its left was written by strangers. IPv4 inside IPv6 comes out as IPv4.
 */
export function clientAddressFinder(
  options: ClientAddressOptions,
): (peer: string | undefined, forwardedFor?: string | undefined) => string {
  const trusted = networkList(options.proxyNetworks);
  const fromProxy = proxyChecker(options);
  return (peer, forwardedFor) => {
    let client = plainAddress(peer ?? '');
    if (forwardedFor === undefined || !fromProxy(peer)) return client;
    const hops = forwardedFor.split(',').slice(-MAX_HOPS).reverse();
    for (const hop of hops) {
      const address = plainAddress(withoutPort(hop.trim()));
      // Past something unreadable nothing can be believed.
      if (isIP(address) === 0) break;
      client = address;
      if (!contains(trusted, address)) break;
    }
    return client;
  };
}

/**
 * The name under which an address is counted: IPv4 as it is, IPv6 by its /64, because one subscriber usually holds
 * that many addresses. Anything unreadable shares one name.
 */
export function rateKey(address: string): string {
  const plain = plainAddress(address);
  if (isIPv4(plain)) return plain;
  if (!isIPv6(plain)) return 'unknown';
  return `${expand(plain)
    .slice(0, 4)
    .map((group) => group.toString(16))
    .join(':')}::/64`;
}

function contains(list: BlockList, address: string): boolean {
  const plain = plainAddress(address);
  const family = isIP(plain);
  return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6');
}

/** Drops an interface name (`%eth0`) and turns IPv4-mapped IPv6, in either spelling, into IPv4. */
function plainAddress(address: string): string {
  const plain = address.replace(/%.*$/, '');
  if (!isIPv6(plain)) return plain;
  const groups = expand(plain);
  const mapped = groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff;
  if (!mapped) return plain;
  const [high = 0, low = 0] = groups.slice(6);
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`;
}

/** The bytes of a valid address: four for IPv4, sixteen for IPv6. */
export function addressBytes(address: string): Buffer {
  const plain = address.replace(/%.*$/, '');
  if (isIPv4(plain)) return Buffer.from(plain.split('.').map(Number));
  return Buffer.from(expand(plain).flatMap((group) => [group >> 8, group & 255]));
}

/** The eight groups of a valid IPv6 address. */
function expand(address: string): number[] {
  const dotted = /(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address);
  let text = address;
  if (dotted !== null) {
    const [a, b, c, d] = dotted.slice(1).map(Number) as [number, number, number, number];
    text = `${address.slice(0, dotted.index)}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [left = '', right] = text.split('::');
  const parse = (part: string) => (part === '' ? [] : part.split(':').map((group) => Number.parseInt(group, 16)));
  const head = parse(left);
  if (right === undefined) return head;
  const tail = parse(right);
  return [...head, ...new Array<number>(8 - head.length - tail.length).fill(0), ...tail];
}

/** An IPv6 address without the brackets that it has in a URL; anything else as it is. */
export function stripBrackets(host: string): string {
  return host.startsWith('[') && host.endsWith(']') ? host.slice(1, -1) : host;
}

/** Some proxies append the port: `203.0.113.7:4711`, `[2001:db8::1]:4711`. */
function withoutPort(hop: string): string {
  const bracketed = /^\[([^\]]*)\](?::\d+)?$/.exec(hop);
  if (bracketed !== null) return bracketed[1]!;
  return hop.replace(/^(\d+\.\d+\.\d+\.\d+):\d+$/, '$1');
}
