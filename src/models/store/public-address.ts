import { isIP } from 'node:net';
import { networkList } from '../../security/addresses.ts';

/**
 * Link-local networks, where clouds keep their metadata services, and the ways to write those inside an IPv6 address
 * that some router may translate (NAT64, 6to4, IPv4-compatible). Nothing is ever fetched from them.
 */
const LINK_LOCAL = networkList([
  ...['169.254.0.0/16', 'fe80::/10', 'fd00:ec2::254', '100.100.100.200', '192.0.0.192'],
  ...['::a9fe:0/112', '64:ff9b::a9fe:0/112', '64:ff9b:1::a9fe:0/112', '2002:a9fe::/32'],
  ...['::6464:64c8', '64:ff9b::6464:64c8', '64:ff9b:1::6464:64c8', '2002:6464:64c8::/48'],
  ...['::c000:c0', '64:ff9b::c000:c0', '64:ff9b:1::c000:c0', '2002:c000:c0::/48'],
]);

/**
 * Everything that is not an address of the public Internet: the special-purpose registries of IANA (RFC 6890 and its
 * updates), multicast, and the ranges that carry an IPv4 address inside an IPv6 one.
 */
const NOT_PUBLIC = networkList([
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.31.196.0/24',
  '192.52.193.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '192.175.48.0/24',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]);
/** The only part of IPv6 that is handed out, and what inside it is special. */
const GLOBAL_IPV6 = networkList(['2000::/3']);
const SPECIAL_IPV6 = networkList(['2001::/23', '2001:db8::/32', '2002::/16', '2620:4f:8000::/48', '3fff::/20']);

/** The one prefix under which networks without IPv4 reach it (NAT64, RFC 6052), with the IPv4 address at its end. */
const TRANSLATED = networkList(['64:ff9b::/96']);

/** True for an address that belongs to a machine on the public Internet. */
export function isPublicAddress(address: string): boolean {
  switch (isIP(address)) {
    case 4:
      return !NOT_PUBLIC.check(address, 'ipv4');
    case 6:
      // With a zone it means something on a link of this machine alone.
      if (address.includes('%')) return false;
      if (TRANSLATED.check(address, 'ipv6')) return isPublicAddress(ipv4AtEnd(address));
      return GLOBAL_IPV6.check(address, 'ipv6') && !SPECIAL_IPV6.check(address, 'ipv6');
    default:
      return false;
  }
}

/** The last 32 bits of an IPv6 address, as IPv4. */
function ipv4AtEnd(address: string): string {
  // URLs write every address in one way, in hex; of a run of zeros at its end nothing is left.
  const groups = new URL(`http://[${address}]`).hostname.slice(1, -1).split(':').slice(-2);
  const [high = 0, low = 0] = groups.map((group) => Number.parseInt(group || '0', 16));
  return [high >> 8, high & 255, low >> 8, low & 255].join('.');
}

/** True for an address where a cloud may keep its metadata service. */
export function isLinkLocal(address: string): boolean {
  const family = isIP(address);
  // BlockList compares an IPv4 address inside IPv6 (::ffff:169.254.169.254) with the IPv4 networks too.
  return family !== 0 && LINK_LOCAL.check(address, family === 4 ? 'ipv4' : 'ipv6');
}
