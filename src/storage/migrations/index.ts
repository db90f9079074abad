import type { Migration } from 'kysely/migration';
import { apiKeys } from './0001-api-keys.ts';

/** Every step from an empty database to `schema.ts`, run in the order of their names. A released step never changes. */
export const migrations: Readonly<Record<string, Migration>> = {
  '0001-api-keys': apiKeys,
};
