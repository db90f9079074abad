import type { Settings } from '../config/kinds.ts';
import { abortError, SpeechError } from '../errors.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { CallInput } from './call-input.ts';
import type { CallContext, Lane, Operation, Operations, Worker, WorkerModelStatus } from './contract.ts';
import { expectedWaitMs, Pace } from './forecast.ts';
import { FairQueue } from './queue.ts';

export interface LineOptions {
  model: string;
  workers: readonly Worker[];
  limits: Pick<Settings['limits'], 'queueLength' | 'queuePerCaller' | 'firstAudioMs'>;
  metrics?: Pick<Metrics, 'callWaited' | 'callRefused'>;
  now: () => number;
}

export type Message = Operations[Operation]['message'];

/** A call on its way through its model's line. */
export interface LineCall extends Pick<CallContext, 'lane' | 'caller' | 'cost' | 'continues'> {
  readonly id: string;
  readonly operation: Operation;
  readonly request: Operations[Operation]['request'];
  readonly input: CallInput | undefined;
  /** By the line's clock, in ms. */
  readonly deadline: number;
  readonly signal: AbortSignal;
  /** When it began to wait. */
  since: number;
  retry: boolean;
  /** Workers that could not do it: each is its last resort. */
  readonly avoid: Set<Worker>;
  /** Set while it waits. */
  started?: PromiseWithResolvers<Attempt>;
}

/** A call that a worker has begun. */
export interface Attempt {
  worker: Worker;
  messages: AsyncIterable<Message>;
}

/** An unmeasured load counts as this long when a worker is chosen. */
const UNKNOWN_LOAD_MS = 2000;
/** A worker that already failed a call counts as this far away from it. */
const AVOIDED_MS = 1e9;
/** The shortest time after which a refused caller is told to come back. */
const MIN_RETRY_AFTER_MS = 1000;

/** Everything about one model on all workers: who waits, how fast each worker is, who goes where and when. */
export class Line {
  readonly model: string;
  /** Calls that hold a slot. */
  running = 0;
  #options: LineOptions;
  #queue = new FairQueue<LineCall>();
  #paces = new Map<Worker, Pace>();
  #pumping = false;

  constructor(options: LineOptions) {
    this.model = options.model;
    this.#options = options;
  }

  waiting(lane: Lane): number {
    return this.#queue.waiting(lane);
  }

  /**
   * Begins a new call, at once where a slot is free, else in its turn. Throws what no waiting can mend, and refuses
   * what would wait too long: `queue_full`, `overloaded`, `model_unavailable`; later `deadline_exceeded`.
   */
  async enter(call: LineCall): Promise<Attempt> {
    const worker = this.#queue.length === 0 ? this.#choose(call) : undefined;
    if (worker !== undefined) return this.#start(call, worker);
    this.#admit(call);
    this.#queue.push(call);
    return this.#turn(call);
  }

  /** Begins a call once more that has had its turn. It goes before all others. */
  async reenter(call: LineCall): Promise<Attempt> {
    this.#queue.putBack(call);
    return this.#turn(call);
  }

  /** Starts waiting calls as long as there is room. To be called whenever a worker has changed. */
  pump(): void {
    if (this.#pumping || this.#queue.length === 0) return;
    this.#pumping = true;
    try {
      const unusable = this.#unusable();
      if (unusable !== undefined) this.refuse('all', unusable);
      for (let call = this.#queue.peek(); call !== undefined; call = this.#queue.peek()) {
        const worker = this.#choose(call);
        if (worker === undefined) return;
        this.#queue.take();
        call.started!.resolve(this.#start(call, worker));
      }
    } finally {
      this.#pumping = false;
    }
  }

  /** Ends every waiting call with this error; with `'new'` only those that begin a request. */
  refuse(which: 'all' | 'new', error: SpeechError): void {
    for (const call of this.#queue.all()) {
      if (which === 'new' && call.continues) continue;
      this.#queue.remove(call);
      call.started!.reject(error);
    }
  }

  /** Whether another worker than those it has tried can take the call. */
  hasOtherWorker(call: LineCall): boolean {
    return this.#usable().some(({ worker }) => !call.avoid.has(worker));
  }

  /** How long a new call would wait, in ms; 0 also where nothing has been measured yet. */
  expectedWaitMs(caller: string, lane: Lane): number {
    const usable = this.#usable();
    if (this.#queue.length === 0 && usable.some(({ status }) => hasRoom(status))) return 0;
    const holding = usable.filter(({ status }) => status.state === 'loaded');
    return expectedWaitMs(holding, this.#queue.costAhead(caller, lane));
  }

  #admit(call: LineCall): void {
    const { model, limits, metrics, now } = this.#options;
    const { lane, caller } = call;
    const unusable = this.#unusable();
    if (unusable !== undefined) throw unusable;
    if (call.continues) return;
    const waitMs = Math.ceil(this.expectedWaitMs(caller, lane));
    const refuse = (code: 'queue_full' | 'overloaded', message: string, waitBeyondMs: number): never => {
      metrics?.callRefused({ model, reason: code });
      throw new SpeechError(code, message, { retryAfterMs: Math.max(MIN_RETRY_AFTER_MS, waitBeyondMs) });
    };
    if (this.#queue.waiting(lane) >= limits.queueLength) {
      refuse('queue_full', `Too many requests wait for the model '${model}'.`, waitMs);
    }
    if (this.#queue.waitingOf(caller, lane) >= limits.queuePerCaller) {
      refuse('queue_full', `Too many of your requests wait for the model '${model}'.`, waitMs);
    }
    const leftMs = Math.ceil(call.deadline - now());
    const longestMs = lane === 'interactive' ? Math.min(leftMs, limits.firstAudioMs) : leftMs;
    if (waitMs > longestMs) {
      refuse('overloaded', `The wait for the model '${model}' would be too long.`, waitMs - longestMs);
    }
  }

  /** Waits for the turn of a call that is in the queue. */
  async #turn(call: LineCall): Promise<Attempt> {
    const { model, metrics, now } = this.#options;
    const started = Promise.withResolvers<Attempt>();
    call.started = started;
    const leave = (error: SpeechError) => {
      if (this.#queue.remove(call)) started.reject(error);
    };
    const onAbort = () => leave(abortError(call.signal));
    call.signal.addEventListener('abort', onAbort, { once: true });
    const timer = setTimeout(() => {
      metrics?.callRefused({ model, reason: 'deadline_exceeded' });
      leave(new SpeechError('deadline_exceeded', 'The request took longer than it may.'));
    }, call.deadline - now());
    this.pump();
    try {
      return await started.promise;
    } finally {
      clearTimeout(timer);
      call.signal.removeEventListener('abort', onAbort);
      call.started = undefined;
    }
  }

  /** The worker that would finish the call first, where it can start it now. */
  #choose({ avoid, cost }: LineCall): Worker | undefined {
    let best: WorkerModelStatus | undefined;
    let bestWorker: Worker | undefined;
    let bestMs = Number.POSITIVE_INFINITY;
    for (const worker of this.#options.workers) {
      const status = worker.status(this.model);
      if (status === undefined || !isUsable(status)) continue;
      const pace = this.#pace(worker);
      const loadMs = status.state === 'available' ? (status.loadMs ?? UNKNOWN_LOAD_MS) : 0;
      const startMs = loadMs + (hasRoom(status) ? 0 : pace.nextSlotMs) + (avoid.has(worker) ? AVOIDED_MS : 0);
      const doneMs = startMs + cost * pace.msPerCost;
      if (doneMs > bestMs || (doneMs === bestMs && !hasRoom(status))) continue;
      best = status;
      bestWorker = worker;
      bestMs = doneMs;
    }
    return best !== undefined && hasRoom(best) ? bestWorker : undefined;
  }

  #start(call: LineCall, worker: Worker): Attempt {
    const { model, metrics, now } = this.#options;
    const { id, operation, request, input, signal, retry, cost } = call;
    // How long somebody speaks says nothing about how fast the worker is.
    const pace = input !== undefined ? undefined : this.#pace(worker);
    pace?.start(cost);
    this.running++;
    metrics?.callWaited({ model, lane: call.lane, durationMs: now() - call.since });
    const messages = worker.call({
      id: `${id}-${retry ? 2 : 1}`,
      ...{ operation, model, request, signal, retry },
      ...(input === undefined ? {} : { input }),
      timeoutMs: Math.max(1, call.deadline - now()),
      released: (workMs) => {
        pace?.end(cost, workMs);
        this.running--;
      },
    });
    return { worker, messages };
  }

  #usable(): { worker: Worker; status: WorkerModelStatus; pace: Pace; slots: number }[] {
    return this.#options.workers.flatMap((worker) => {
      const status = worker.status(this.model);
      if (status === undefined || !isUsable(status)) return [];
      return [{ worker, status, pace: this.#pace(worker), slots: status.slots }];
    });
  }

  /** Why no worker can take the model's calls, or undefined where one can. */
  #unusable(): SpeechError | undefined {
    let reason: string | undefined;
    for (const worker of this.#options.workers) {
      const status = worker.status(this.model);
      if (status === undefined) continue;
      if (isUsable(status)) return undefined;
      reason ??= status.reason;
    }
    const message = `The model '${this.model}' cannot be used: ${reason ?? 'no worker has it'}`;
    return new SpeechError('model_unavailable', message, { param: 'model' });
  }

  #pace(worker: Worker): Pace {
    let pace = this.#paces.get(worker);
    if (pace === undefined) {
      pace = new Pace();
      this.#paces.set(worker, pace);
    }
    return pace;
  }
}

function isUsable(status: WorkerModelStatus): boolean {
  return status.state !== 'quarantined' && status.state !== 'unavailable';
}

function hasRoom(status: WorkerModelStatus): boolean {
  return status.busy < status.slots;
}
