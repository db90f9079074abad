import { SpeechError } from '../../errors.ts';
import type { CatalogModel } from '../../models/catalog.ts';
import type { CallContext, InputOf, Operation, Operations } from '../../workers/contract.ts';
import type { Router } from '../../workers/router.ts';

/** Operations that need nothing but their request. */
type Plain = Exclude<Operation, 'listen'>;

export interface CallsOptions {
  router: Router;
  requestId: string;
  caller: string;
  /** For all of them together, in milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
}

/** How urgent a call is: somebody waits for the beginning of an answer, the rest must not keep others waiting. */
export interface Urgency {
  first: boolean;
  /** Milliseconds of audio, or characters. */
  cost: number;
}

/**
 * The calls that one request makes of models. The first one of each model asks to be admitted, so that every model's
 * queue keeps its bound; the others continue it. From the first recognition on, and once the server shuts down, all do:
 * what has begun is finished.
 */
export class Calls {
  #options: CallsOptions;
  #deadline: number;
  #asked = new Set<string>();
  #heard = false;

  constructor(options: CallsOptions) {
    this.#options = options;
    this.#deadline = performance.now() + options.timeoutMs;
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  /** The messages that answer a call. Errors: those of `Router.call`. */
  async *messages<O extends Plain>(
    operation: O,
    model: CatalogModel,
    request: Operations[O]['request'],
    { first, cost }: Urgency,
  ): AsyncGenerator<Operations[O]['message']> {
    const { router, requestId, caller, signal } = this.#options;
    const { id } = model.manifest;
    const continues = this.#continues(id);
    this.#asked.add(id);
    this.#heard ||= operation === 'transcribe';
    const context: CallContext = {
      ...{ requestId, caller, signal, cost, continues },
      lane: first ? 'interactive' : 'batch',
      timeoutMs: Math.max(1, this.#deadline - performance.now()),
    };
    const none = [] as unknown as InputOf<O>;
    yield* router.call(operation, id, request, context, ...none);
  }

  #continues(model: string): boolean {
    if (this.#heard || this.#asked.has(model)) return true;
    return this.#asked.size > 0 && !this.#options.router.status().admitting;
  }

  /** The answer to a call that has one message. */
  async one<O extends Plain>(
    operation: O,
    model: CatalogModel,
    request: Operations[O]['request'],
    urgency: Urgency,
  ): Promise<Operations[O]['message']> {
    for await (const message of this.messages(operation, model, request, urgency)) return message;
    throw new SpeechError('engine_failed', 'The speech engine failed to answer this request.', {
      detail: `${model.manifest.id} answered ${operation} with nothing`,
    });
  }
}

/** Whether an error says that a model cannot be used at all, rather than anything about the request. */
export function isBroken(thrown: unknown): boolean {
  return thrown instanceof SpeechError && (thrown.code === 'model_unavailable' || thrown.code === 'engine_failed');
}
