import { setTimeout as sleep } from 'node:timers/promises';
import type { Capabilities } from '../engines/contract.ts';
import { abortError, SpeechError, shuttingDown } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import { CallInput } from './call-input.ts';
import type {
  AudioInput,
  CallContext,
  InputOf,
  Lane,
  Operation,
  Operations,
  Worker,
  WorkerModelState,
  WorkerModelStatus,
} from './contract.ts';
import { Line, type LineCall, type LineOptions, type Message } from './line.ts';

export interface RouterOptions {
  workers: readonly Worker[];
  limits: LineOptions['limits'];
  log: Log;
  metrics?: LineOptions['metrics'];
  /** Milliseconds from any origin. */
  now?: () => number;
}

/** One model over all workers. */
export interface RoutedModelStatus {
  id: string;
  state: WorkerModelState;
  /** Why it is quarantined or unavailable. */
  reason?: string;
  /** Calls waiting for a slot. */
  waiting: Record<Lane, number>;
  /** Calls that hold a slot. */
  running: number;
  slots: number;
  processes: number;
  memoryBytes: number;
  /** How long a new interactive call of a new caller would wait, in ms. */
  expectedWaitMs: number;
}

export interface RouterStatus {
  /** False once it drains. */
  admitting: boolean;
  models: RoutedModelStatus[];
}

/** The second attempt waits a random part of this, so that the calls of one dead process do not come back as one. */
const RETRY_JITTER_MS = 50;
/** Best first: what a model over all workers is. */
const STATES: readonly WorkerModelState[] = [
  'loaded',
  'loading',
  'available',
  'unloading',
  'quarantined',
  'unavailable',
];

/**
 * Sends calls to workers. A call starts at once where a slot is free, else it waits in its model's fair queue, and is
 * refused at once where that cannot end well.
 */
export class Router {
  #options: RouterOptions;
  #now: () => number;
  #lines = new Map<string, Line>();
  /** Every call that has begun, waiting ones too. */
  #running = new Set<AbortController>();
  #stopListening: (() => void)[];
  #lastCall = 0;
  #admits: 'all' | 'continuing' | 'none' = 'all';
  #idle = Promise.withResolvers<void>();

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#stopListening = options.workers.map((worker) => worker.onChange((model) => this.#lines.get(model)?.pump()));
  }

  /**
   * Asks a model to do something. Nothing happens before the first `next()`. Ends with SpeechError: `queue_full` or
   * `overloaded` (with `retryAfterMs`), `deadline_exceeded`, `model_unavailable`, `engine_failed`, `shutting_down`,
   * the signal's reason, or whatever the engine says about the request. A call that had sent nothing when its process
   * died is tried once more, unless it had begun to read its input. Leaving the iteration early cancels the call, also
   * while `next()` is pending.
   */
  call<O extends Operation>(
    operation: O,
    model: string,
    request: Operations[O]['request'],
    context: CallContext,
    ...[input]: InputOf<O>
  ): AsyncIterableIterator<Operations[O]['message']> {
    type Result = Promise<IteratorResult<Operations[O]['message']>>;
    const abort = new AbortController();
    const answer = this.#answer(operation, model, request, context, abort, input);
    return {
      next: () => answer.next() as Result,
      return: () => {
        abort.abort();
        return answer.return(undefined) as Result;
      },
      [Symbol.asyncIterator]() {
        return this;
      },
    };
  }

  /** What a model can do, or undefined where no worker has it. */
  capabilities(model: string): Capabilities | undefined {
    for (const worker of this.#options.workers) {
      const capabilities = worker.capabilities(model);
      if (capabilities !== undefined) return capabilities;
    }
    return undefined;
  }

  status(): RouterStatus {
    const models = new Map<string, RoutedModelStatus>();
    for (const worker of this.#options.workers) {
      for (const status of worker.models()) {
        const known = models.get(status.id);
        if (known === undefined) models.set(status.id, this.#routedStatus(status));
        else merge(known, status);
      }
    }
    return { admitting: this.#admits === 'all', models: [...models.values()] };
  }

  /**
   * Stops admitting new requests: their waiting calls end with `shutting_down`. Requests that have begun get `graceMs`
   * to finish, with calls that continue them; then everything ends with `shutting_down`. Resolves when nothing is left.
   */
  async drain(graceMs: number): Promise<void> {
    if (this.#admits === 'all') this.#admits = 'continuing';
    for (const line of this.#lines.values()) line.refuse('new', shuttingDown());
    if (this.#running.size === 0) this.#idle.resolve();
    const timer = setTimeout(() => this.#idle.resolve(), graceMs);
    await this.#idle.promise;
    clearTimeout(timer);
    this.#admits = 'none';
    // Not awaited: a reader that reads no further never lets its call end.
    for (const call of this.#running) call.abort(shuttingDown());
  }

  /** Ends every call with `shutting_down`, then closes the workers. */
  async close(): Promise<void> {
    await this.drain(0);
    for (const stop of this.#stopListening) stop();
    await Promise.all(this.#options.workers.map((worker) => worker.close()));
  }

  async *#answer(
    operation: Operation,
    model: string,
    request: Operations[Operation]['request'],
    context: CallContext,
    abort: AbortController,
    audio: AudioInput | undefined,
  ): AsyncGenerator<Message> {
    const { requestId, caller, lane, continues, cost, timeoutMs, signal } = context;
    const input = audio === undefined ? undefined : new CallInput(audio);
    const onAbort = () => abort.abort(abortError(signal));
    try {
      if (signal.aborted) throw abortError(signal);
      this.#demandOpen(context.continues);
      const line = this.#line(model);
      const since = this.#now();
      signal.addEventListener('abort', onAbort, { once: true });
      this.#running.add(abort);
      yield* this.#attempts(line, {
        id: `${requestId}.${++this.#lastCall}`,
        ...{ operation, request, input, caller, lane, continues, since },
        cost: input !== undefined ? 0 : Math.max(1, cost),
        deadline: since + timeoutMs,
        signal: abort.signal,
        retry: false,
        avoid: new Set(),
      });
    } finally {
      input?.stop();
      signal.removeEventListener('abort', onAbort);
      this.#leave(abort);
    }
  }

  #leave(call: AbortController): void {
    this.#running.delete(call);
    if (this.#admits !== 'all' && this.#running.size === 0) this.#idle.resolve();
  }

  #demandOpen(continues = false): void {
    if (this.#admits === 'none' || (this.#admits === 'continuing' && !continues)) throw shuttingDown();
  }

  async *#attempts(line: Line, call: LineCall): AsyncGenerator<Message> {
    let attempt = await line.enter(call);
    for (;;) {
      let sent = false;
      try {
        for await (const message of attempt.messages) {
          sent = true;
          yield message;
        }
        return;
      } catch (thrown) {
        const error = SpeechError.from(thrown);
        if (sent || !this.#mayRetry(line, call, attempt.worker, error)) throw error;
        this.#options.log.warn('Call tried again', { call: call.id, model: line.model, code: error.code });
      }
      await sleep(Math.random() * RETRY_JITTER_MS, undefined, { signal: call.signal }).catch(() => {});
      if (call.signal.aborted) throw abortError(call.signal);
      this.#demandOpen(true);
      call.since = this.#now();
      attempt = await line.reenter(call);
    }
  }

  /** Whether a call that had sent nothing gets its second attempt; marks it. */
  #mayRetry(line: Line, call: LineCall, worker: Worker, { code }: SpeechError): boolean {
    if (call.retry || call.signal.aborted || call.input?.begun) return false;
    if (code === 'model_unavailable' || code === 'shutting_down') {
      call.avoid.add(worker);
      if (!line.hasOtherWorker(call)) return false;
    } else if (code !== 'engine_failed') {
      return false;
    }
    call.retry = true;
    return true;
  }

  #line(model: string): Line {
    const known = this.#lines.get(model);
    if (known !== undefined) return known;
    if (this.capabilities(model) === undefined) {
      throw new SpeechError('model_not_found', `The model '${model}' does not exist.`, { param: 'model' });
    }
    const { workers, limits, metrics } = this.#options;
    const line = new Line({ model, workers, limits, metrics, now: this.#now });
    this.#lines.set(model, line);
    return line;
  }

  #routedStatus(status: WorkerModelStatus): RoutedModelStatus {
    const { id, state, reason, slots, processes, memoryBytes } = status;
    const line = this.#lines.get(id);
    return {
      id,
      state,
      ...(reason === undefined ? {} : { reason }),
      waiting: { interactive: line?.waiting('interactive') ?? 0, batch: line?.waiting('batch') ?? 0 },
      running: line?.running ?? 0,
      slots,
      processes,
      memoryBytes,
      expectedWaitMs: Math.round(line?.expectedWaitMs('', 'interactive') ?? 0),
    };
  }
}

/** Adds what another worker says about the same model. */
function merge(known: RoutedModelStatus, status: WorkerModelStatus): void {
  if (STATES.indexOf(status.state) < STATES.indexOf(known.state)) {
    known.state = status.state;
    known.reason = status.reason;
  }
  known.slots += status.slots;
  known.processes += status.processes;
  known.memoryBytes += status.memoryBytes;
}
