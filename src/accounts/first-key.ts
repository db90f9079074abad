import { join } from 'node:path';
import { writePrivateFile } from '../storage/private-file.ts';
import type { KeyStore } from './keys.ts';
import { SCOPES } from './scopes.ts';

/** Made by the first start, to be printed once. */
export interface FirstKey {
  token: string;
  /** Where it was also written, mode 0600. */
  path: string;
}

/**
 * Makes a key with every scope where the database holds none, and writes it to `<dataDir>/api-key`. Undefined where
 * there is a key already.
 */
export async function ensureFirstKey(store: KeyStore, dataDir: string): Promise<FirstKey | undefined> {
  if ((await store.count()) > 0) return undefined;
  const { token, key } = await store.create({ name: 'first start', scopes: SCOPES });
  const path = join(dataDir, 'api-key');
  try {
    writePrivateFile(path, `${token}\n`, { replace: true });
  } catch (error) {
    await store.revoke(key.id);
    throw error;
  }
  return { token, path };
}
