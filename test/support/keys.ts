import { type KeyStore, type NewKey, openKeyStore } from '../../src/accounts/keys.ts';
import type { Scope } from '../../src/accounts/scopes.ts';
import { openDatabase } from '../../src/storage/database.ts';
import type { TestServer } from './server.ts';

/** Works on the keys of a running server from beside it, as `open-speech keys` does. `now` is another time for it. */
export async function withKeys<T>(of: TestServer, work: (keys: KeyStore) => Promise<T>, now?: number): Promise<T> {
  const db = await openDatabase(of.dataDir);
  const clock = now === undefined ? {} : { now: () => now };
  const keys = openKeyStore(db, { envKey: '', limits: { apiKeys: 100 }, ...clock });
  try {
    return await work(keys);
  } finally {
    await keys.close();
    await db.destroy();
  }
}

export function makeKey(of: TestServer, scopes: readonly Scope[], more: Partial<NewKey> = {}, now?: number) {
  return withKeys(of, (keys) => keys.create({ name: 'test', scopes, ...more }), now);
}

/** For `fetch`: calls with this key. */
export const withToken = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });
