import { type Api, createApi } from '../api/client.ts';
import { type ApiError, asApiError } from '../api/errors.ts';
import type { Capabilities } from '../api/types.ts';
import { Store } from '../lib/store.ts';
import { storedKey, storeKey } from './keyStorage.ts';

export type SessionState =
  | { status: 'opening'; error: null }
  /** A key is needed. `error` says why the last one was not good enough. */
  | { status: 'locked'; error: ApiError | null }
  | { status: 'unreachable'; error: ApiError }
  | { status: 'open'; error: null; api: Api; capabilities: Capabilities };

/** Who is using the page: nobody yet, or the holder of a key, or anybody where the server asks for none. */
export class Session extends Store<SessionState> {
  constructor() {
    super({ status: 'opening', error: null });
  }

  /** Enters with the tab's key, or without one where authentication is off. */
  async start(): Promise<void> {
    this.replace({ status: 'opening', error: null });
    const key = storedKey();
    const api = this.#api(key);
    try {
      this.#open(api, await api.capabilities());
    } catch (thrown) {
      const error = asApiError(thrown);
      if (error.status === 401 || error.status === 403) {
        storeKey(null);
        this.replace({ status: 'locked', error: key === null ? null : error });
      } else {
        this.replace({ status: 'unreachable', error });
      }
    }
  }

  /** Tries a key. Resolves to null when it opened the page, else to what was wrong. */
  async enter(key: string): Promise<ApiError | null> {
    const api = this.#api(key);
    try {
      await api.models();
      const capabilities = await api.capabilities();
      storeKey(key);
      this.#open(api, capabilities);
      return null;
    } catch (thrown) {
      return asApiError(thrown);
    }
  }

  /** Forgets the key and locks the page. */
  forget(): void {
    storeKey(null);
    this.replace({ status: 'locked', error: null });
  }

  #open(api: Api, capabilities: Capabilities): void {
    this.replace({ status: 'open', error: null, api, capabilities });
  }

  /** A client whose 401 locks the page, once the page is open: the key was revoked or has expired meanwhile. */
  #api(key: string | null): Api {
    return createApi(key, (error) => {
      if (this.state.status !== 'open') return;
      storeKey(null);
      this.replace({ status: 'locked', error });
    });
  }
}
