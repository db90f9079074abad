import { isIP } from 'node:net';
import { isLoopbackHost, isUnspecifiedHost } from './addresses.ts';

export interface HostOptions {
  /** The address the server listens on. */
  host: string;
  publicHosts: readonly string[];
}

/**
 * Makes the check of the `Host` header that stops DNS rebinding: a page on `evil.example` whose name now leads to this
 * machine still sends its own name. Allowed are loopback names, the listening address and the operator's public names,
 * with any port. A server that listens everywhere also answers to plain addresses, which no page can rebind.
 */
export function hostChecker(options: HostOptions): (header: string | undefined) => boolean {
  const everywhere = isUnspecifiedHost(options.host);
  const names = new Set([...options.publicHosts, options.host].map((name) => hostName(bracketed(name)) ?? name));
  return (header) => {
    const name = header === undefined ? undefined : hostName(header);
    if (name === undefined) return false;
    return isLoopbackHost(name) || names.has(name) || (everywhere && isIP(unbracketed(name)) !== 0);
  };
}

/** The name in a `Host` header as URLs write it: lower case, without port and last dot. Undefined where malformed. */
function hostName(header: string): string | undefined {
  // Nothing else may stand in a Host header (RFC 9110 section 7.2); a URL would also take user names and paths.
  if (!/^(\[[0-9a-f:.]+\]|[a-z0-9_.-]+)(:\d{1,5})?$/i.test(header) || !URL.canParse(`http://${header}`))
    return undefined;
  return new URL(`http://${header}`).hostname.replace(/\.$/, '');
}

function bracketed(name: string): string {
  return isIP(name) === 6 ? `[${name}]` : name;
}

function unbracketed(name: string): string {
  return name.replace(/^\[(.*)\]$/, '$1');
}
