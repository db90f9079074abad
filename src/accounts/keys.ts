import { randomUUID } from 'node:crypto';
import { SpeechError } from '../errors.ts';
import { equalSecrets, hashToken, randomToken, TOKEN_PATTERN } from '../security/secrets.ts';
import type { ApiKeyTable, Database } from '../storage/schema.ts';
import { isScope, type Principal, SCOPES, type Scope } from './scopes.ts';

const MARK = 'os_';
/** Mark and eight characters: enough to find the row, 208 of the 256 bits stay secret. */
const PREFIX_LENGTH = MARK.length + 8;
/** How long a key that was found needs no look-up; another process's revocation counts after this. */
const TRUST_MS = 500;
const LAST_USE_EVERY_MS = 60_000;
const MAX_TOKEN_LENGTH = 512;
const MAX_NAME_LENGTH = 100;
/** Databases bound the variables of one query. */
const IDS_AT_ONCE = 500;

export interface KeyStoreOptions {
  /** `OS_API_KEY`: a key with every scope that is not in the database. Empty for none. */
  envKey: string;
  limits: { apiKeys: number };
  /** Unix milliseconds. */
  now?: () => number;
}

export interface NewKey {
  name: string;
  scopes: readonly Scope[];
  /** Unix milliseconds. */
  expiresAt?: number;
  requestsPerMinute?: number;
}

/** A key as lists show it: everything but the secret. Times are Unix milliseconds. */
export interface KeyInfo {
  id: string;
  name: string;
  prefix: string;
  scopes: readonly Scope[];
  createdAt: number;
  expiresAt?: number;
  /** To the minute. */
  lastUsedAt?: number;
  requestsPerMinute?: number;
}

export interface KeyStore {
  /** The caller behind a key, or undefined for any text that is not a valid key. Fails only with the database. */
  authenticate(token: string): Promise<Principal | undefined>;
  /** Makes a key. `token` is shown here and never again. Errors: `invalid_request`, `conflict` at the cap. */
  create(key: NewKey): Promise<{ token: string; key: KeyInfo }>;
  list(): Promise<KeyInfo[]>;
  /** Ends a key at once here and within a second in other processes. False when there is no such id. */
  revoke(id: string): Promise<boolean>;
  /** Which of these keys are neither revoked nor expired, whatever process did it; for those with open sockets. */
  living(ids: ReadonlySet<string>): Promise<ReadonlySet<string>>;
  /** Keys in the database. */
  count(): Promise<number>;
  /** Waits for what is still being written. The database stays open. */
  close(): Promise<void>;
}

interface Trusted {
  key: ApiKeyTable;
  principal: Principal;
  /** When the row was read. */
  readAt: number;
}

/** Opens the keys that lie in a database. */
export function openKeyStore(db: Database, options: KeyStoreOptions): KeyStore {
  const { envKey, limits, now = Date.now } = options;
  const envPrincipal: Principal = { keyId: 'env', name: 'OS_API_KEY', scopes: new Set(SCOPES) };
  /** By prefix. Holds only keys that were found, so never more than there are. */
  const trusted = new Map<string, Trusted>();
  const lastUse = new Map<string, number>();
  const writes = new Set<Promise<unknown>>();
  /** Counts revocations, so that a row read before one is not trusted after it. */
  let revocations = 0;

  async function find(token: string): Promise<Trusted | undefined> {
    const prefix = token.slice(0, PREFIX_LENGTH);
    const hash = hashToken(token);
    const known = trusted.get(prefix);
    if (known !== undefined && now() - known.readAt < TRUST_MS && equalSecrets(hash, known.key.hash)) return known;
    for (;;) {
      const before = revocations;
      const readAt = now();
      const candidates = await db.selectFrom('api_keys').selectAll().where('prefix', '=', prefix).execute();
      if (before !== revocations) continue;
      const key = candidates.find((candidate) => equalSecrets(hash, candidate.hash));
      if (key === undefined) {
        if (known !== undefined && equalSecrets(hash, known.key.hash)) trusted.delete(prefix);
        return undefined;
      }
      const found = { key, principal: principalOf(key), readAt };
      trusted.set(prefix, found);
      return found;
    }
  }

  /** Written in the background at most once a minute; a failure costs the note, not the request. */
  function noteUse(key: ApiKeyTable): void {
    const at = now();
    if (at - (lastUse.get(key.id) ?? key.last_used_at ?? 0) < LAST_USE_EVERY_MS) return;
    lastUse.set(key.id, at);
    const write = db.updateTable('api_keys').set({ last_used_at: at }).where('id', '=', key.id).execute();
    const settled = write.then(
      () => {},
      () => {},
    );
    writes.add(settled);
    void settled.then(() => writes.delete(settled));
  }

  return {
    async authenticate(token) {
      if (envKey !== '' && token.length <= MAX_TOKEN_LENGTH && equalSecrets(token, envKey)) return envPrincipal;
      if (!token.startsWith(MARK) || !TOKEN_PATTERN.test(token.slice(MARK.length))) return undefined;
      const found = await find(token);
      if (found === undefined || (found.key.expires_at !== null && found.key.expires_at <= now())) return undefined;
      noteUse(found.key);
      return found.principal;
    },

    async create(wanted) {
      checkNewKey(wanted, now());
      const token = MARK + randomToken();
      const key: ApiKeyTable = {
        id: randomUUID(),
        name: wanted.name.trim(),
        prefix: token.slice(0, PREFIX_LENGTH),
        hash: hashToken(token),
        scopes: [...new Set(wanted.scopes)].join(' '),
        requests_per_minute: wanted.requestsPerMinute ?? null,
        created_at: now(),
        expires_at: wanted.expiresAt ?? null,
        last_used_at: null,
      };
      await db.transaction().execute(async (transaction) => {
        if ((await countKeys(transaction)) >= limits.apiKeys) {
          throw new SpeechError('conflict', `There are already ${limits.apiKeys} keys: revoke one first.`);
        }
        await transaction.insertInto('api_keys').values(key).execute();
      });
      return { token, key: infoOf(key) };
    },

    async list() {
      const keys = await db.selectFrom('api_keys').selectAll().orderBy('created_at').orderBy('id').execute();
      return keys.map(infoOf);
    },

    async revoke(id) {
      const { numDeletedRows } = await db.deleteFrom('api_keys').where('id', '=', id).executeTakeFirst();
      revocations++;
      for (const [prefix, { key }] of trusted) if (key.id === id) trusted.delete(prefix);
      lastUse.delete(id);
      return numDeletedRows > 0n;
    },

    async living(ids) {
      const found = new Set<string>(envKey !== '' && ids.has(envPrincipal.keyId) ? [envPrincipal.keyId] : []);
      const asked = [...ids];
      for (let from = 0; from < asked.length; from += IDS_AT_ONCE) {
        const rows = await db
          .selectFrom('api_keys')
          .select(['id', 'expires_at'])
          .where('id', 'in', asked.slice(from, from + IDS_AT_ONCE))
          .execute();
        for (const { id, expires_at } of rows) if (expires_at === null || expires_at > now()) found.add(id);
      }
      return found;
    },

    count: () => countKeys(db),

    async close() {
      await Promise.all(writes);
    },
  };
}

async function countKeys(db: Database): Promise<number> {
  const { count } = await db
    .selectFrom('api_keys')
    .select(({ fn }) => fn.countAll().as('count'))
    .executeTakeFirstOrThrow();
  return Number(count);
}

function checkNewKey(wanted: NewKey, now: number): void {
  const name = wanted.name.trim();
  if (name === '' || name.length > MAX_NAME_LENGTH || /\p{Cc}/u.test(name)) {
    throw new SpeechError('invalid_request', `A key's name has 1 to ${MAX_NAME_LENGTH} printable characters.`, {
      param: 'name',
    });
  }
  const unknown = wanted.scopes.find((scope) => !isScope(scope));
  if (wanted.scopes.length === 0 || unknown !== undefined) {
    throw new SpeechError('invalid_request', `A key needs one or more of these scopes: ${SCOPES.join(', ')}.`, {
      param: 'scopes',
    });
  }
  if (wanted.expiresAt !== undefined && !(wanted.expiresAt > now)) {
    throw new SpeechError('invalid_request', 'A key has to expire in the future.', { param: 'expires_at' });
  }
  const rate = wanted.requestsPerMinute;
  if (rate !== undefined && !(Number.isInteger(rate) && rate >= 1 && rate <= 1_000_000)) {
    throw new SpeechError('invalid_request', "A key's rate is from 1 to 1000000 requests per minute.", {
      param: 'requests_per_minute',
    });
  }
}

function scopesOf(key: ApiKeyTable): Scope[] {
  return key.scopes.split(' ').filter(isScope);
}

function principalOf(key: ApiKeyTable): Principal {
  return {
    keyId: key.id,
    name: key.name,
    scopes: new Set(scopesOf(key)),
    ...(key.requests_per_minute === null ? {} : { requestsPerMinute: key.requests_per_minute }),
  };
}

function infoOf(key: ApiKeyTable): KeyInfo {
  return {
    id: key.id,
    name: key.name,
    prefix: key.prefix,
    scopes: scopesOf(key),
    createdAt: key.created_at,
    ...(key.expires_at === null ? {} : { expiresAt: key.expires_at }),
    ...(key.last_used_at === null ? {} : { lastUsedAt: key.last_used_at }),
    ...(key.requests_per_minute === null ? {} : { requestsPerMinute: key.requests_per_minute }),
  };
}
