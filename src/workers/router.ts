import { setTimeout as sleep } from 'node:timers/promises';
import type { Settings } from '../config/kinds.ts';
import type { Capabilities } from '../engines/contract.ts';
import { abortError, SpeechError } from '../errors.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type {
  CallContext,
  Lane,
  Operation,
  Operations,
  Worker,
  WorkerModelState,
  WorkerModelStatus,
} from './contract.ts';
import { expectedWaitMs, Pace } from './forecast.ts';
import { FairQueue } from './queue.ts';

export interface RouterOptions {
  workers: readonly Worker[];
  limits: Pick<Settings['limits'], 'queueLength' | 'queuePerCaller' | 'firstAudioMs'>;
  log: Log;
  metrics?: Pick<Metrics, 'callWaited' | 'callRefused'>;
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

/** An unmeasured load counts as this long when a worker is chosen. */
const UNKNOWN_LOAD_MS = 2000;
/** A worker that already failed this call is as good as one that is this far away: the last resort. */
const AVOIDED_MS = 1e9;
/** The second attempt waits a random part of this, so that the calls of one dead process do not come back as one. */
const RETRY_JITTER_MS = 50;
/** The shortest time after which a refused caller is told to come back. */
const MIN_RETRY_AFTER_MS = 1000;
/** Best first: what a model over all workers is. */
const STATES: readonly WorkerModelState[] = ['loaded', 'loading', 'available', 'quarantined', 'unavailable'];

type Message = Operations[Operation]['message'];

interface RoutedCall {
  id: string;
  line: Line;
  operation: Operation;
  request: Operations[Operation]['request'];
  lane: Lane;
  caller: string;
  cost: number;
  /** By the router's clock. */
  deadline: number;
  abort: AbortController;
  retry: boolean;
  /** Workers that could not do it. */
  avoid: Set<Worker>;
  queuedAt: number;
  /** Set while it waits. */
  started?: PromiseWithResolvers<Attempt>;
}

interface Attempt {
  worker: Worker;
  messages: AsyncIterable<Message>;
}

/** Everything about one model: who waits and how fast each worker is. */
interface Line {
  model: string;
  queue: FairQueue<RoutedCall>;
  running: number;
  paces: Map<Worker, Pace>;
  pumping: boolean;
}

/**
 * Sends calls to workers. A call starts at once where a slot is free, else it waits in its model's fair queue, and is
 * refused at once where that cannot end well.
 */
export class Router {
  #options: RouterOptions;
  #now: () => number;
  #lines = new Map<string, Line>();
  #running = new Set<RoutedCall>();
  #stopListening: (() => void)[];
  #lastCall = 0;
  #draining: PromiseWithResolvers<void> | undefined;

  constructor(options: RouterOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.now());
    this.#stopListening = options.workers.map((worker) =>
      worker.onChange((model) => {
        const line = this.#lines.get(model);
        if (line !== undefined) this.#pump(line);
      }),
    );
  }

  /**
   * Asks a model to do something. Nothing happens before the first `next()`. Ends with SpeechError: `queue_full` or
   * `overloaded` (with `retryAfterMs`), `deadline_exceeded`, `model_unavailable`, `engine_failed`, `shutting_down`,
   * the signal's reason, or whatever the engine says about the request. A call that had sent nothing when its process
   * died is tried once more. Leaving the iteration early cancels the call, also while `next()` is pending.
   */
  call<O extends Operation>(
    operation: O,
    model: string,
    request: Operations[O]['request'],
    context: CallContext,
  ): AsyncIterableIterator<Operations[O]['message']> {
    const abort = new AbortController();
    const messages = this.#answer(operation, model, request, context, abort);
    return {
      next: () => messages.next() as Promise<IteratorResult<Operations[O]['message']>>,
      return: () => {
        abort.abort();
        return messages.return(undefined) as Promise<IteratorResult<Operations[O]['message']>>;
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
        const line = this.#lines.get(status.id);
        const known = models.get(status.id);
        if (known === undefined) models.set(status.id, this.#routedStatus(status, line));
        else merge(known, status);
      }
    }
    return { admitting: this.#draining === undefined, models: [...models.values()] };
  }

  /**
   * Stops admitting: waiting calls end with `shutting_down`, running ones get `graceMs` to finish, then end with the
   * same. Resolves when none is left.
   */
  async drain(graceMs: number): Promise<void> {
    const drained = this.#draining ?? Promise.withResolvers<void>();
    this.#draining = drained;
    for (const line of this.#lines.values()) {
      for (const call of line.queue.clear()) call.started!.reject(shuttingDown());
    }
    if (this.#running.size === 0) drained.resolve();
    const timer = setTimeout(() => {
      for (const call of this.#running) call.abort.abort(shuttingDown());
    }, graceMs);
    await drained.promise;
    clearTimeout(timer);
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
  ): AsyncGenerator<Message> {
    const { signal } = context;
    if (signal.aborted) throw abortError(signal);
    this.#demandOpen();
    const call: RoutedCall = {
      id: `${context.requestId}.${++this.#lastCall}`,
      line: this.#line(model),
      operation,
      request,
      lane: context.lane,
      caller: context.caller,
      cost: Math.max(1, context.cost),
      deadline: this.#now() + context.timeoutMs,
      abort,
      retry: false,
      avoid: new Set(),
      queuedAt: this.#now(),
    };
    const onAbort = () => abort.abort(abortError(signal));
    signal.addEventListener('abort', onAbort, { once: true });
    this.#running.add(call);
    try {
      let attempt = this.#admit(call) ?? (await this.#wait(call));
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
          if (sent || !this.#mayRetry(call, attempt.worker, error)) throw error;
          this.#options.log.warn('Call tried again', { call: call.id, model, code: error.code, detail: error.detail });
        }
        await sleep(Math.random() * RETRY_JITTER_MS, undefined, { signal: abort.signal }).catch(() => {});
        if (abort.signal.aborted) throw abortError(abort.signal);
        this.#demandOpen();
        call.line.queue.putBack(call);
        attempt = await this.#wait(call);
      }
    } finally {
      signal.removeEventListener('abort', onAbort);
      this.#running.delete(call);
      if (this.#running.size === 0) this.#draining?.resolve();
    }
  }

  #demandOpen(): void {
    if (this.#draining !== undefined) throw shuttingDown();
  }

  /** Starts a new call where a slot is free, else lets it into the queue or throws why not. */
  #admit(call: RoutedCall): Attempt | undefined {
    const { line, lane, caller } = call;
    const { limits, metrics } = this.#options;
    if (line.queue.length === 0) {
      const worker = this.#choose(call);
      if (worker !== undefined) return this.#start(call, worker);
    }
    const unusable = this.#unusable(line);
    if (unusable !== undefined) throw unusable;
    const waitMs = this.#expectedWait(line, caller, lane);
    const full = line.queue.waiting(lane) >= limits.queueLength;
    if (full || line.queue.waitingOf(caller, lane) >= limits.queuePerCaller) {
      metrics?.callRefused({ model: line.model, reason: 'queue_full' });
      throw new SpeechError('queue_full', `Too many ${full ? '' : 'of your '}requests wait for ${line.model}.`, {
        retryAfterMs: Math.max(MIN_RETRY_AFTER_MS, waitMs),
      });
    }
    const longestMs = Math.min(call.deadline - this.#now(), lane === 'interactive' ? limits.firstAudioMs : Infinity);
    if (waitMs > longestMs) {
      metrics?.callRefused({ model: line.model, reason: 'overloaded' });
      throw new SpeechError('overloaded', `The server is too busy: the wait for ${line.model} would be too long.`, {
        retryAfterMs: Math.max(MIN_RETRY_AFTER_MS, waitMs - longestMs),
      });
    }
    line.queue.push(call);
    return undefined;
  }

  /** Waits for the turn of a call that is in the queue. */
  async #wait(call: RoutedCall): Promise<Attempt> {
    const { line, abort } = call;
    const started = Promise.withResolvers<Attempt>();
    call.started = started;
    const leave = (error: SpeechError) => {
      if (line.queue.remove(call)) started.reject(error);
    };
    const onAbort = () => leave(abortError(abort.signal));
    abort.signal.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => {
      this.#options.metrics?.callRefused({ model: line.model, reason: 'deadline_exceeded' });
      leave(new SpeechError('deadline_exceeded', 'The request took longer than it may.'));
    }, call.deadline - this.#now());
    this.#pump(line);
    try {
      return await started.promise;
    } finally {
      clearTimeout(timer);
      abort.signal.removeEventListener('abort', onAbort);
      call.started = undefined;
    }
  }

  /** Starts waiting calls as long as there is room. */
  #pump(line: Line): void {
    if (line.pumping || line.queue.length === 0) return;
    line.pumping = true;
    try {
      const unusable = this.#unusable(line);
      if (unusable !== undefined) {
        for (const call of line.queue.clear()) call.started!.reject(unusable);
      }
      for (let call = line.queue.peek(); call !== undefined; call = line.queue.peek()) {
        const worker = this.#choose(call);
        if (worker === undefined) return;
        line.queue.take();
        call.started!.resolve(this.#start(call, worker));
      }
    } finally {
      line.pumping = false;
    }
  }

  /** The worker that would finish the call first, if it can start it now. */
  #choose({ line, avoid, cost }: RoutedCall): Worker | undefined {
    let best: { worker: Worker; free: boolean } | undefined;
    let bestMs = Number.POSITIVE_INFINITY;
    for (const worker of this.#options.workers) {
      const status = worker.status(line.model);
      if (!isUsable(status)) continue;
      const pace = paceOf(line, worker);
      const free = status.busy < status.slots;
      const loadMs = status.state === 'available' ? (status.loadMs ?? UNKNOWN_LOAD_MS) : 0;
      const startMs = loadMs + (free ? 0 : pace.nextSlotMs) + (avoid.has(worker) ? AVOIDED_MS : 0);
      const doneMs = startMs + cost * pace.msPerCost;
      if (doneMs > bestMs || (doneMs === bestMs && !free)) continue;
      best = { worker, free };
      bestMs = doneMs;
    }
    return best?.free ? best.worker : undefined;
  }

  #start(call: RoutedCall, worker: Worker): Attempt {
    const { line, operation, request, lane } = call;
    const now = this.#now();
    const pace = paceOf(line, worker);
    pace.running++;
    pace.runningCost += call.cost;
    line.running++;
    const messages = worker.call({
      id: `${call.id}-${call.retry ? 2 : 1}`,
      operation,
      model: line.model,
      request,
      timeoutMs: Math.max(1, call.deadline - now),
      signal: call.abort.signal,
      retry: call.retry,
      released: (workMs) => {
        pace.running--;
        pace.runningCost -= call.cost;
        line.running--;
        if (workMs !== undefined) pace.measure(call.cost, workMs);
      },
    });
    this.#options.metrics?.callWaited({ model: line.model, lane, durationMs: now - call.queuedAt });
    return { worker, messages };
  }

  /** Whether a call that had sent nothing gets its second attempt; prepares it. */
  #mayRetry(call: RoutedCall, worker: Worker, { code }: SpeechError): boolean {
    if (call.retry || call.abort.signal.aborted || this.#draining !== undefined) return false;
    if (code === 'model_unavailable' || code === 'shutting_down') {
      // This worker cannot; another one may.
      call.avoid.add(worker);
      if (!this.#usable(call.line).some((other) => !call.avoid.has(other.worker))) return false;
    } else if (code !== 'engine_failed') {
      return false;
    }
    call.retry = true;
    call.queuedAt = this.#now();
    return true;
  }

  #usable(line: Line): { worker: Worker; status: WorkerModelStatus; pace: Pace; slots: number }[] {
    return this.#options.workers.flatMap((worker) => {
      const status = worker.status(line.model);
      return isUsable(status) ? [{ worker, status, pace: paceOf(line, worker), slots: status.slots }] : [];
    });
  }

  /** Why no worker can take the model's calls, or undefined where one can. */
  #unusable(line: Line): SpeechError | undefined {
    const statuses = this.#options.workers.map((worker) => worker.status(line.model)).filter((s) => s !== undefined);
    if (statuses.some(isUsable)) return undefined;
    const reason = statuses[0]?.reason ?? 'no worker has it';
    return new SpeechError('model_unavailable', `The model ${line.model} cannot be used: ${reason}`, {
      param: 'model',
    });
  }

  #expectedWait(line: Line, caller: string, lane: Lane): number {
    const usable = this.#usable(line);
    if (line.queue.length === 0 && usable.some(({ status }) => status.busy < status.slots)) return 0;
    const holding = usable.filter(({ status }) => status.state === 'loaded');
    return expectedWaitMs(holding, line.queue.costAhead(caller, lane));
  }

  #line(model: string): Line {
    const known = this.#lines.get(model);
    if (known !== undefined) return known;
    if (this.capabilities(model) === undefined) {
      throw new SpeechError('model_not_found', `The model '${model}' does not exist.`, { param: 'model' });
    }
    const line: Line = { model, queue: new FairQueue(), running: 0, paces: new Map(), pumping: false };
    this.#lines.set(model, line);
    return line;
  }

  #routedStatus(status: WorkerModelStatus, line: Line | undefined): RoutedModelStatus {
    const { id, state, reason, slots, processes, memoryBytes } = status;
    return {
      id,
      state,
      ...(reason === undefined ? {} : { reason }),
      waiting: { interactive: line?.queue.waiting('interactive') ?? 0, batch: line?.queue.waiting('batch') ?? 0 },
      running: line?.running ?? 0,
      slots,
      processes,
      memoryBytes,
      expectedWaitMs: line === undefined ? 0 : Math.round(this.#expectedWait(line, '', 'interactive')),
    };
  }
}

function merge(known: RoutedModelStatus, status: WorkerModelStatus): void {
  if (STATES.indexOf(status.state) < STATES.indexOf(known.state)) {
    known.state = status.state;
    known.reason = status.reason;
  }
  known.slots += status.slots;
  known.processes += status.processes;
  known.memoryBytes += status.memoryBytes;
}

function isUsable(status: WorkerModelStatus | undefined): status is WorkerModelStatus {
  return status !== undefined && status.state !== 'quarantined' && status.state !== 'unavailable';
}

function paceOf(line: Line, worker: Worker): Pace {
  let pace = line.paces.get(worker);
  if (pace === undefined) {
    pace = new Pace();
    line.paces.set(worker, pace);
  }
  return pace;
}

function shuttingDown(): SpeechError {
  return new SpeechError('shutting_down', 'The server is shutting down.');
}
