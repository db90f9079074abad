import type { KeyStore } from '../../accounts/keys.ts';
import type { Principal } from '../../accounts/scopes.ts';
import { SpeechError } from '../../errors.ts';
import { hashToken, randomToken, TOKEN_PATTERN } from '../../security/secrets.ts';
import type { CredentialKind } from '../credentials.ts';

/** What tells a client secret from a key: OpenAI's own mark. */
const MARK = 'ek_';
const SOCKET = '/v1/realtime';

export interface ClientSecretsOptions {
  /** Secrets that are alive at once; of one key, half as many. */
  entries: number;
  /** Characters of the sessions that they begin with, as JSON; of one key, half as many. */
  chars: number;
  keys: KeyStore;
  /** Unix time in ms. */
  now?: () => number;
}

interface Entry {
  principal: Principal;
  /** The session that sockets opened with it begin with. */
  configuration: object | undefined;
  chars: number;
  /** Unix time in ms. */
  endsAt: number;
}

/**
 * Short-lived secrets that a server makes for its pages, so that no key reaches a browser: each opens Realtime sockets
 * and nothing else, until it ends or the key it was made with does. Only hashes are kept, in memory.
 */
export class ClientSecrets implements CredentialKind {
  readonly mark = MARK;
  #options: ClientSecretsOptions;
  #now: () => number;
  #entries = new Map<string, Entry>();

  constructor(options: ClientSecretsOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** Throws `overloaded` at the bound. */
  issue(
    principal: Principal,
    configuration: object | undefined,
    lifetimeMs: number,
  ): { value: string; expiresAt: number } {
    const now = this.#now();
    const chars = configuration === undefined ? 0 : JSON.stringify(configuration).length;
    if (!this.#hasRoom(principal, chars)) {
      for (const [hash, { endsAt }] of this.#entries) if (endsAt <= now) this.#entries.delete(hash);
      if (!this.#hasRoom(principal, chars)) {
        throw new SpeechError('overloaded', 'Too many client secrets are alive.', { retryAfterMs: 60_000 });
      }
    }
    const value = MARK + randomToken();
    const endsAt = now + lifetimeMs;
    const own: Principal = { ...principal, scopes: new Set(['speech']) };
    this.#entries.set(hashToken(value), { principal: own, configuration, chars, endsAt });
    return { value, expiresAt: Math.floor(endsAt / 1000) };
  }

  async authenticate(token: string, path: string): Promise<Principal | undefined> {
    const principal = path === SOCKET ? this.#find(token)?.principal : undefined;
    if (principal === undefined) return undefined;
    return (await this.#options.keys.living(new Set([principal.keyId]))).has(principal.keyId) ? principal : undefined;
  }

  /** What a secret's sockets begin with; undefined also for what is no secret. */
  configurationOf(token: string | undefined): object | undefined {
    return token === undefined ? undefined : this.#find(token)?.configuration;
  }

  /** Where one key could take all the room, it could keep everybody else's pages out. */
  #hasRoom({ keyId }: Principal, chars: number): boolean {
    const { entries, chars: maxChars } = this.#options;
    const all = { entries: 1, chars };
    const own = { entries: 1, chars };
    for (const entry of this.#entries.values()) {
      for (const sum of entry.principal.keyId === keyId ? [all, own] : [all]) {
        sum.entries++;
        sum.chars += entry.chars;
      }
    }
    const fits = (sum: typeof all, share: number): boolean =>
      sum.entries <= Math.ceil(entries * share) && sum.chars <= maxChars * share;
    return fits(all, 1) && fits(own, 1 / 2);
  }

  #find(token: string): Entry | undefined {
    if (!token.startsWith(MARK) || !TOKEN_PATTERN.test(token.slice(MARK.length))) return undefined;
    const entry = this.#entries.get(hashToken(token));
    return entry === undefined || entry.endsAt <= this.#now() ? undefined : entry;
  }
}
