import { ApiError, errorFields, errorFromResponse, interrupted, isAbort, unreachable } from './errors.ts';
import type { Consent, DefaultModel, ModelLibrary, Task } from './manager.ts';
import { sseEvents } from './sse.ts';
import { type TranscriptEvent, transcriptEvent } from './transcriptEvents.ts';
import { type Transfer, transferEvent } from './transferEvents.ts';
import type { Capabilities, ListedModel, Readiness, SpeechRequest, TranscriptionRequest } from './types.ts';

/** Every call the page makes. All of them reject with ApiError, or with AbortError when `signal` fired. */
export interface Api {
  capabilities(signal?: AbortSignal): Promise<Capabilities>;
  models(signal?: AbortSignal): Promise<ListedModel[]>;
  ready(signal?: AbortSignal): Promise<Readiness>;
  /** Audio, in pieces as they are made. */
  speak(request: SpeechRequest, signal: AbortSignal): AsyncGenerator<Uint8Array<ArrayBuffer>, void>;
  transcribe(request: TranscriptionRequest, signal: AbortSignal): AsyncGenerator<TranscriptEvent, void>;
  /** Opens one socket at `path`, once and soon. */
  socketTicket(path: string, signal: AbortSignal): Promise<string>;

  library(signal?: AbortSignal): Promise<ModelLibrary>;
  /** Begins to fetch a model. */
  pull(id: string, consents: readonly Consent[]): Promise<void>;
  /** Ends that, for everybody who waits for it. Resolves when it has ended. */
  cancelPull(id: string): Promise<void>;
  /** How a model arrives, until it is here. Rejects with what ended the download. */
  transfer(id: string, signal: AbortSignal): AsyncGenerator<Transfer, void>;
  /** Resolves when it is in memory. */
  load(id: string): Promise<void>;
  unload(id: string): Promise<void>;
  /** Keeps it in memory, or lets it go when it has rested long enough. */
  pin(id: string, pinned: boolean): Promise<void>;
  /** Deletes its files. */
  remove(id: string): Promise<void>;
  defaults(signal?: AbortSignal): Promise<DefaultModel[]>;
  /** `language` null is all of them; `model` null takes the choice back. */
  setDefault(task: Task, language: string | null, model: string | null): Promise<void>;
}

/**
 * A client for the server this page came from. The key travels in the Authorization header only; `onRefused` hears
 * of each 401, so that the session can ask for a key again.
 */
export function createApi(key: string | null, onRefused: (error: ApiError) => void = () => {}): Api {
  async function send(path: string, init: RequestInit = {}): Promise<Response> {
    const headers = new Headers(init.headers);
    if (key !== null) headers.set('authorization', `Bearer ${key}`);
    let response: Response;
    try {
      response = await fetch(new URL(path, document.baseURI), {
        ...init,
        headers,
        credentials: 'omit',
        cache: 'no-store',
        // A redirect could carry the key elsewhere; the server has none.
        redirect: 'error',
      });
    } catch (thrown) {
      if (isAbort(thrown)) throw thrown;
      throw unreachable();
    }
    if (response.ok) return response;
    const error = await errorFromResponse(response);
    if (error.status === 401) onRefused(error);
    throw error;
  }

  async function json<T>(path: string, signal?: AbortSignal): Promise<T> {
    const response = await send(path, signal === undefined ? {} : { signal });
    try {
      return (await response.json()) as T;
    } catch (thrown) {
      if (isAbort(thrown)) throw thrown;
      throw interrupted();
    }
  }

  /** For what is done rather than asked: only a failure has anything to say. */
  async function order(method: string, path: string, body?: object): Promise<void> {
    const content =
      body === undefined ? {} : { headers: { 'content-type': 'application/json' }, body: JSON.stringify(body) };
    const response = await send(path, { method, ...content });
    await response.body?.cancel();
  }

  const modelPath = (id: string, rest: string): string => `api/models/${encodeURIComponent(id)}/${rest}`;

  return {
    capabilities: (signal) => json<Capabilities>('v1/capabilities', signal),
    models: async (signal) => (await json<{ data: ListedModel[] }>('v1/models', signal)).data,
    ready: async (signal) => {
      try {
        return await json<Readiness>('ready', signal);
      } catch (thrown) {
        // A server that is not ready yet says so with 503 and the same words.
        if (thrown instanceof ApiError && thrown.status === 503) return { status: 'not_ready', version: '' };
        throw thrown;
      }
    },
    async *speak(request, signal) {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify(request);
      yield* bodyOf(await send('v1/audio/speech', { method: 'POST', headers, body, signal }));
    },
    async *transcribe(request, signal) {
      const form = new FormData();
      form.append('model', request.model);
      if (request.language !== undefined) form.append('language', request.language);
      form.append('response_format', 'verbose_json');
      form.append('timestamp_granularities[]', 'segment');
      form.append('stream', 'true');
      form.append('file', request.file, request.fileName);
      const response = await send('v1/audio/transcriptions', { method: 'POST', body: form, signal });
      for await (const event of sseEvents(bodyOf(response))) {
        if (event.data === '[DONE]') return;
        const data = parse(event.data);
        const failure = errorFields(data);
        if (failure !== null) throw new ApiError(failure.message, { ...failure, status: response.status });
        const known = transcriptEvent(data);
        if (known !== null) yield known;
      }
    },
    socketTicket: async (path, signal) => {
      const headers = { 'content-type': 'application/json' };
      const body = JSON.stringify({ path });
      const response = await send('v1/socket-tickets', { method: 'POST', headers, body, signal });
      return ((await response.json()) as { ticket: string }).ticket;
    },

    library: (signal) => json<ModelLibrary>('api/models', signal),
    pull: (id, consents) =>
      order('POST', modelPath(id, 'download'), Object.fromEntries(consents.map((consent) => [consent, true]))),
    cancelPull: (id) => order('DELETE', modelPath(id, 'download')),
    async *transfer(id, signal) {
      const response = await send(modelPath(id, 'progress'), { signal });
      for await (const event of sseEvents(bodyOf(response))) {
        const known = transferEvent(parse(event.data));
        if (known === 'end') return;
        if (known !== null) yield known;
      }
    },
    load: (id) => order('POST', modelPath(id, 'load')),
    unload: (id) => order('POST', modelPath(id, 'unload')),
    pin: (id, pinned) => order(pinned ? 'PUT' : 'DELETE', modelPath(id, 'pin')),
    remove: (id) => order('DELETE', modelPath(id, 'artifacts')),
    defaults: async (signal) => (await json<{ defaults: DefaultModel[] }>('api/defaults', signal)).defaults,
    setDefault: (task, language, model) => order('PUT', 'api/defaults', { task, language, model }),
  };
}

/** The pieces of a body. An answer that breaks off becomes the `interrupted` ApiError. */
async function* bodyOf(response: Response): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
  if (response.body === null) return;
  const reader = response.body.getReader();
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return;
      yield value;
    }
  } catch (thrown) {
    if (isAbort(thrown)) throw thrown;
    throw interrupted();
  } finally {
    // Also reached when the consumer stops early: tells the server to stop working.
    await reader.cancel().catch(() => {});
  }
}

function parse(data: string): unknown {
  try {
    return JSON.parse(data);
  } catch {
    throw new ApiError('The server sent an answer that this page cannot read.', { code: 'unreadable_answer' });
  }
}
