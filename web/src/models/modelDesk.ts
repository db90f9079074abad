import type { Api } from '../api/client.ts';
import { type ApiError, asApiError, isAbort } from '../api/errors.ts';
import type { Transfer } from '../api/transferEvents.ts';
import { Store } from '../lib/store.ts';

/**
 * Downloads whose events are followed at once. A browser keeps six connections to a server over HTTP/1.1, and events
 * hold theirs: the others are told of by the list of models, which is asked for every two seconds meanwhile.
 */
const MAX_FOLLOWED = 3;

export interface Failure {
  title: string;
  error: ApiError;
}

interface ModelDeskState {
  /** How far each followed download is, by model. */
  transfers: Readonly<Record<string, Transfer>>;
  /** What is being done to each model until the server has answered, such as `Loading`. */
  busy: Readonly<Record<string, string>>;
  /** What could not be done, until it is put away or tried again. */
  failures: Readonly<Record<string, Failure>>;
  /** What was done last, for those who hear the page. */
  news: string;
}

const NOTHING: ModelDeskState = { transfers: {}, busy: {}, failures: {}, news: '' };

interface Work {
  /** While it is under way. */
  doing: string;
  /** When it has been done. */
  done: string;
  /** When it could not be done. */
  failed: string;
  ask(): Promise<void>;
  /** What is known of the models is out of date now. Resolves when it is known anew. */
  refresh(): Promise<void>;
}

/** What this visitor does to models. It goes on while another page is open. */
export class ModelDesk extends Store<ModelDeskState> {
  readonly #followed = new Map<string, AbortController>();

  constructor() {
    super(NOTHING);
  }

  /** Does one thing to a model. A model that is busy is left alone. Resolves to whether it was done. */
  async act(id: string, { doing, done, failed, ask, refresh }: Work): Promise<boolean> {
    if (id in this.state.busy) return false;
    this.update({
      busy: { ...this.state.busy, [id]: doing },
      failures: without(this.state.failures, id),
      news: `${id}: ${doing}`,
    });
    try {
      await ask();
      // Until the list says the same, the model would look for a moment as if nothing had happened.
      await refresh();
      this.update({ news: `${id}: ${done}` });
      return true;
    } catch (thrown) {
      const failure = { title: failed, error: asApiError(thrown) };
      this.update({ failures: { ...this.state.failures, [id]: failure }, news: '' });
      void refresh();
      return false;
    } finally {
      this.update({ busy: without(this.state.busy, id) });
    }
  }

  dismiss(id: string): void {
    this.update({ failures: without(this.state.failures, id) });
  }

  /** Follows how these models arrive, as far as connections go. Those already followed go on. */
  follow(api: Pick<Api, 'transfer'>, ids: readonly string[], refresh: () => Promise<void>): void {
    for (const id of ids) {
      if (this.#followed.size >= MAX_FOLLOWED) return;
      if (!this.#followed.has(id)) void this.#follow(api, id, refresh);
    }
  }

  async #follow(api: Pick<Api, 'transfer'>, id: string, refresh: () => Promise<void>): Promise<void> {
    const abort = new AbortController();
    this.#followed.set(id, abort);
    try {
      for await (const transfer of api.transfer(id, abort.signal)) {
        if (abort.signal.aborted) return;
        this.update({ transfers: { ...this.state.transfers, [id]: transfer } });
      }
      if (!abort.signal.aborted) this.update({ news: `${id}: here` });
    } catch (thrown) {
      // Why a download ended is told by the list, with what mends it; a lost connection is taken up again from there.
      if (!isAbort(thrown)) this.update({ news: `${id}: ${asApiError(thrown).message}` });
    }
    if (abort.signal.aborted) return;
    // Makes room for the next one, which the fresh list may bring.
    this.#followed.delete(id);
    await refresh();
    this.update({ transfers: without(this.state.transfers, id) });
  }

  /** Ends following, and forgets everything. Downloads go on in the server. */
  clear(): void {
    for (const abort of this.#followed.values()) abort.abort();
    this.#followed.clear();
    this.replace(NOTHING);
  }
}

function without<V>(record: Readonly<Record<string, V>>, key: string): Readonly<Record<string, V>> {
  const { [key]: _, ...rest } = record;
  return rest;
}
