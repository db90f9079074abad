import type { LookupAddress } from 'node:dns';
import { lookup } from 'node:dns/promises';
import { isIP } from 'node:net';
import type { Settings } from '../../config/kinds.ts';
import { SpeechError } from '../../errors.ts';
import { isLoopbackHost, networkList } from '../../security/addresses.ts';
import { isLinkLocal, isPublicAddress } from './public-address.ts';

/** The only host that a Hugging Face token is for. */
const TOKEN_HOST = 'huggingface.co';

/**
 * The parts of the outside world that tests replace. The store's door takes settings only, and no setting leads here:
 * what is in this interface can weaken every check of `Sources`.
 */
export interface World {
  resolve(host: string): Promise<LookupAddress[]>;
  isPublic(address: string): boolean;
  /** Hosts that are reached over plain HTTP. */
  plainHosts: ReadonlySet<string>;
  tokenHost: string;
  /** Certificate authorities to trust instead of the system's, as PEM. */
  ca?: string;
}

const REAL_WORLD: World = {
  resolve: (host) => lookup(host, { all: true, verbatim: true }),
  isPublic: isPublicAddress,
  plainHosts: new Set(),
  tokenHost: TOKEN_HOST,
};

type SourceSettings = Pick<Settings, 'modelHosts' | 'modelMirror' | 'hfToken' | 'httpsProxy' | 'noProxy'>;

/** Decides where model files may be fetched from, and what is told to whom. */
export class Sources {
  readonly ca: string | undefined;
  #settings: SourceSettings;
  #world: World;
  #mirror: URL | undefined;

  constructor(settings: SourceSettings, world: World = REAL_WORLD) {
    this.#settings = settings;
    this.#world = world;
    this.#mirror = settings.modelMirror === '' ? undefined : new URL(settings.modelMirror);
    this.ca = world.ca;
  }

  /** Where a manifest's URL is fetched: at its own place or in the mirror. Throws SpeechError `source_not_allowed`. */
  locate(url: string): URL {
    const original = new URL(url);
    this.#checkNamed(original);
    if (this.#mirror === undefined) return original;
    const located = new URL(this.#mirror);
    located.pathname = `${located.pathname.replace(/\/$/, '')}/${original.host}${original.pathname}`;
    located.search = original.search;
    return located;
  }

  /** Throws SpeechError `source_not_allowed` unless a file may be fetched from this URL, be it a redirect's target. */
  check(url: URL): void {
    if (!this.#isMirror(url)) this.#checkNamed(url);
  }

  /**
   * The addresses of a URL's host, for connecting to these and no others. Throws SpeechError `source_not_allowed` where
   * one of them is not public. The mirror may have private ones, because the operator named it.
   */
  async resolve(url: URL): Promise<LookupAddress[]> {
    const host = hostOf(url);
    const addresses = await this.#world.resolve(host);
    if (addresses.length === 0) throw Object.assign(new Error(`${host} has no address`), { code: 'ENOTFOUND' });
    for (const { address } of addresses) this.checkAddress(url, address);
    return addresses;
  }

  /** Checks the address in a URL that has one in place of a name. */
  checkLiteral(url: URL): void {
    if (isIP(hostOf(url)) !== 0) this.checkAddress(url, hostOf(url));
  }

  /** Throws SpeechError `source_not_allowed` unless a connection for this URL may go to this address. */
  checkAddress(url: URL, address: string): void {
    const allowed = this.#isMirror(url) ? !isLinkLocal(address) : this.#world.isPublic(address);
    if (allowed) return;
    throw refused(`${url.hostname} leads to an address that is not on the public Internet`, `it is ${address}`);
  }

  /** The `Authorization` header for a URL that a manifest names itself. Undefined for everybody but the token's host. */
  authorization(url: URL): string | undefined {
    const { hfToken } = this.#settings;
    return hfToken !== '' && url.hostname === this.#world.tokenHost && this.#mirror === undefined
      ? `Bearer ${hfToken}`
      : undefined;
  }

  /** The proxy that a URL is fetched through. Throws SpeechError `source_not_allowed` where the setting is no URL. */
  proxy(url: URL): URL | undefined {
    const { httpsProxy, noProxy } = this.#settings;
    if (httpsProxy === '' || isLoopbackHost(hostOf(url)) || noProxy.some((entry) => covers(entry, url)))
      return undefined;
    const proxy = URL.parse(httpsProxy.includes('://') ? httpsProxy : `http://${httpsProxy}`);
    if (proxy === null || !['http:', 'https:'].includes(proxy.protocol)) {
      throw refused('OS_HTTPS_PROXY is not an address such as http://proxy.example.org:3128');
    }
    return proxy;
  }

  #checkNamed(url: URL): void {
    const host = hostOf(url);
    const plain = url.protocol === 'http:' && this.#world.plainHosts.has(url.hostname);
    if (url.protocol !== 'https:' && !plain) throw refused(`${shorten(host)} is named without https:`);
    if (url.username !== '' || url.password !== '') throw refused(`the address at ${shorten(host)} holds a password`);
    if (url.port !== '' && !plain) throw refused(`${shorten(host)} is named with a port of its own`);
    if (isIP(host) !== 0 || !this.#settings.modelHosts.some((pattern) => matches(pattern, host))) {
      throw refused(`${shorten(host)} is not among the hosts of OS_MODEL_HOSTS`);
    }
  }

  #isMirror(url: URL): boolean {
    return this.#mirror !== undefined && url.origin === this.#mirror.origin;
  }
}

function matches(pattern: string, host: string): boolean {
  const wanted = pattern.toLowerCase();
  return wanted.startsWith('*.') ? host.endsWith(wanted.slice(1)) : host === wanted;
}

/**
 * As curl reads NO_PROXY: a name stands for itself and all below it, with or without a leading dot; an address for
 * itself; a network (CIDR) for the addresses in it. A port makes it count for that port alone.
 */
function covers(entry: string, url: URL): boolean {
  if (entry === '*') return true;
  const host = hostOf(url);
  if (entry.includes('/')) return isIP(host) !== 0 && isWithin(host, entry);
  const written = isIP(entry) === 6 ? `[${entry}]` : entry;
  const [, name, port] = /^(\[[^\]]*\]|[^:]*)(?::(\d+))?$/.exec(written.toLowerCase()) ?? [];
  if (name === undefined || (port !== undefined && port !== portOf(url))) return false;
  const bare = name.replace(/^\*?\./, '').replace(/^\[(.*)\]$/, '$1');
  return bare !== '' && (host === bare || host.endsWith(`.${bare}`));
}

function isWithin(address: string, network: string): boolean {
  try {
    return networkList([network]).check(address, isIP(address) === 4 ? 'ipv4' : 'ipv6');
  } catch {
    return false;
  }
}

const portOf = (url: URL): string => url.port || (url.protocol === 'http:' ? '80' : '443');
const hostOf = (url: URL): string => url.hostname.replace(/^\[(.*)\]$/, '$1').replace(/\.$/, '');

function refused(reason: string, detail?: string): SpeechError {
  return new SpeechError('source_not_allowed', `A model file may not be fetched: ${reason}.`, {
    ...(detail === undefined ? {} : { detail }),
  });
}

function shorten(host: string): string {
  return host.length > 80 ? `${host.slice(0, 80)}…` : host;
}
