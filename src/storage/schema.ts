import type { Kysely } from 'kysely';

/** The tables as `migrations/` leave them. Times are Unix milliseconds. */
export interface Tables {
  api_keys: ApiKeyTable;
}

export interface ApiKeyTable {
  id: string;
  name: string;
  /** The first characters of the key, for look-up and for people to tell keys apart. */
  prefix: string;
  /** SHA-256 of the whole key, hexadecimal. */
  hash: string;
  /** Names of scopes, divided by spaces. */
  scopes: string;
  /** Overrides the server's rate where set. */
  requests_per_minute: number | null;
  created_at: number;
  expires_at: number | null;
  last_used_at: number | null;
}

export type Database = Kysely<Tables>;
