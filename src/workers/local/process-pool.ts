import type { Settings } from '../../config/kinds.ts';
import type { Capabilities, OpenModel } from '../../engines/contract.ts';
import { abortError, SpeechError, shuttingDown } from '../../errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { CallStream } from '../call-stream.ts';
import type { Operation, Operations, WorkerCall, WorkerModelStatus } from '../contract.ts';
import { type EngineExit, EngineProcess } from './engine-process.ts';
import {
  maxProcesses,
  newPool,
  nextTick,
  type PoolEffect,
  type PoolEvent,
  type PoolState,
  step,
  unloadAt,
} from './pool.machine.ts';
import { Tenancies, type TenanciesOptions } from './tenancies.ts';

export interface PoolOptions extends Pick<TenanciesOptions, 'residency' | 'expectedBytes'> {
  model: string;
  /** Verifies the model's files and says what its processes open and may read besides them. */
  open: () => Promise<{ model: OpenModel; readable: readonly string[] }>;
  /** Absolute path of the module that its processes run. */
  host: string;
  /** Most processes, were each to take one call at a time. */
  maxProcesses: number;
  threads: number;
  /** Idle time after which the model is unloaded; 0 keeps it. */
  ttlMs: number;
  limits: Pick<Settings['limits'], 'modelLoadMs' | 'engineHeartbeatMs' | 'engineMemoryBytes' | 'engineRestarts'>;
  log: Log;
  metrics?: Pick<Metrics, 'engineRestarted'>;
  /** A slot came free or the state changed. */
  onChange: () => void;
}

type Message = Operations[Operation]['message'];

interface PooledCall {
  call: WorkerCall;
  stream: CallStream<Message>;
  /** Where it runs; undefined while it waits. */
  process: EngineProcess | undefined;
}

/** When a model was and will be in memory. Times of day in Unix ms. */
export interface Residence {
  loadedAt: number | undefined;
  /** When it last began or ended a call. */
  lastUsedAt: number | undefined;
  /** Until it is unloaded unless somebody uses it; undefined where nothing counts down. */
  ttlRemainingMs: number | undefined;
}

/** The processes of one model: runs what `pool.machine.ts` decides. */
export class ProcessPool {
  /** What the model said it can do when it was loaded. */
  capabilities: Capabilities | undefined;
  #options: PoolOptions;
  #state: PoolState;
  #calls = new Map<number, PooledCall>();
  #processes = new Map<number, EngineProcess>();
  #tenancies: Tenancies;
  #loadedAt: number | undefined;
  #lastUsedAt: number | undefined;
  #loads: PromiseWithResolvers<void>[] = [];
  #lastCall = 0;
  #loadMs: number | undefined;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: PoolOptions) {
    this.#options = options;
    this.#state = newPool({
      maxProcesses: options.maxProcesses,
      ttlMs: options.ttlMs === 0 ? Number.POSITIVE_INFINITY : options.ttlMs,
      failures: options.limits.engineRestarts,
    });
    this.#tenancies = new Tenancies({
      ...options,
      memoryBytes: (process) => this.#processes.get(process)?.memoryBytes ?? 0,
      dispatch: (event) => {
        if (event.type !== 'room' || this.#state.full) this.#dispatch(event);
      },
    });
  }

  /** Starts a call, or lets it wait for the process that it makes start. */
  call<O extends Operation>(call: WorkerCall<O>): AsyncIterable<Operations[O]['message']> {
    const stream = new CallStream<Operations[O]['message']>();
    if (this.#closed || call.signal.aborted) {
      stream.fail(this.#closed ? shuttingDown() : abortError(call.signal));
      call.released();
      return stream;
    }
    const id = ++this.#lastCall;
    const pooled: PooledCall = { call, stream: stream as unknown as CallStream<Message>, process: undefined };
    const onAbort = () => stream.abort(abortError(call.signal));
    const timer = setTimeout(() => {
      stream.abort(this.#outOfTime(pooled));
    }, call.timeoutMs);
    call.signal.addEventListener('abort', onAbort, { once: true });
    stream.onEnd = (stopped) => {
      clearTimeout(timer);
      call.signal.removeEventListener('abort', onAbort);
      if (stopped) this.#stop(id, pooled);
    };
    this.#calls.set(id, pooled);
    this.#dispatch({ type: 'call', call: id, alone: call.retry });
    return stream;
  }

  status(): WorkerModelStatus {
    const { processes, waiting, quarantine, concurrency } = this.#state;
    const some = (phase: string) => processes.some((process) => process.phase === phase);
    let busy = waiting.length;
    for (const process of processes) busy += process.busy;
    let memoryBytes = 0;
    for (const process of this.#processes.values()) memoryBytes += process.memoryBytes;
    return {
      id: this.#options.model,
      state:
        quarantine !== undefined
          ? 'quarantined'
          : some('ready')
            ? 'loaded'
            : some('loading') || some('asking')
              ? 'loading'
              : processes.length > 0
                ? 'unloading'
                : 'available',
      ...(quarantine === undefined ? {} : { reason: quarantine }),
      slots: maxProcesses(this.#state) * concurrency,
      busy,
      processes: this.#processes.size,
      memoryBytes,
      ...(this.#loadMs === undefined ? {} : { loadMs: this.#loadMs }),
    };
  }

  residence(): Residence {
    const at = unloadAt(this.#state);
    return {
      loadedAt: this.#loadedAt,
      lastUsedAt: this.#lastUsedAt,
      ttlRemainingMs: at === undefined ? undefined : Math.max(0, Math.round(at - performance.now())),
    };
  }

  /** Whether the model stays in memory once it is loaded, however long it is idle. */
  keep(kept: boolean): void {
    this.#dispatch({ type: 'keep', kept });
  }

  /** Resolves once a process is ready; rejects with `model_unavailable` or `overloaded`. Lifts a quarantine. */
  async load(): Promise<void> {
    if (this.#closed) throw shuttingDown();
    if (this.#state.processes.some(({ phase }) => phase === 'ready')) return;
    const loaded = Promise.withResolvers<void>();
    this.#loads.push(loaded);
    this.#dispatch({ type: 'load' });
    await loaded.promise;
  }

  /** Resolves once the processes that there were are gone. Running calls finish first. */
  async unload(): Promise<void> {
    this.#dispatch({ type: 'unload' });
    await Promise.all([...this.#processes.values()].map(({ exited }) => exited));
  }

  /** Ends every call with `shutting_down` and every process. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    this.#tenancies.vacateAllBut((id) => this.#processes.has(id));
    for (const { stream } of [...this.#calls.values()]) stream.abort(shuttingDown());
    for (const loaded of this.#loads.splice(0)) loaded.reject(shuttingDown());
    await Promise.all([...this.#processes.values()].map((process) => process.stop()));
  }

  #dispatch(event: PoolEvent): void {
    if (this.#closed) return;
    const { state, effects } = step(this.#state, event, performance.now());
    this.#state = state;
    for (const effect of effects) this.#perform(effect);
    this.#settleLoads();
    this.#schedule();
    if (event.type !== 'call') this.#options.onChange();
    // Last, so that a process that has just become free and was given the next call does not count as idle.
    this.#tenancies.tell(() => this.#state.processes);
    if (!this.#state.processes.some(({ phase }) => phase === 'ready')) this.#loadedAt = undefined;
  }

  #perform(effect: PoolEffect): void {
    switch (effect.type) {
      case 'ask':
        this.#tenancies.ask(effect.process, effect.more);
        return;
      case 'withdraw':
        this.#tenancies.vacate(effect.process);
        return;
      case 'start':
        void this.#start(effect.process);
        return;
      case 'run': {
        this.#lastUsedAt = Date.now();
        const pooled = this.#calls.get(effect.call)!;
        pooled.process = this.#processes.get(effect.process)!;
        const { operation, request, input } = pooled.call;
        pooled.process.run(effect.call, operation, request, pooled.stream, input);
        return;
      }
      case 'stop':
        void this.#processes.get(effect.process)?.stop();
        return;
      case 'refuse':
        this.#calls
          .get(effect.call)
          ?.stream.fail(effect.why === 'room' ? this.#tenancies.denial! : this.#unavailable());
        this.#release(effect.call);
    }
  }

  /** Somebody gave up a call. */
  #stop(id: number, pooled: PooledCall): void {
    if (pooled.process !== undefined) {
      pooled.process.cancel(id);
    } else {
      this.#release(id);
      this.#dispatch({ type: 'left', call: id });
    }
  }

  #release(id: number, workMs?: number): void {
    const pooled = this.#calls.get(id);
    this.#calls.delete(id);
    pooled?.call.released(workMs);
  }

  async #start(id: number): Promise<void> {
    const { limits, log, model, host, threads } = this.#options;
    const startedAt = performance.now();
    let opened: Awaited<ReturnType<PoolOptions['open']>>;
    try {
      opened = await this.#options.open();
    } catch (thrown) {
      const { message, detail } = SpeechError.from(thrown);
      this.#gone(id, undefined, { cause: 'load', reason: message, detail: detail ?? '' });
      return;
    }
    if (!this.#isWanted(id)) {
      this.#gone(id, undefined, { cause: 'ended', reason: 'it was no longer wanted', detail: '' });
      return;
    }
    const process = new EngineProcess({
      ...opened,
      host,
      threads,
      limits,
      onFreed: (call, workMs) => {
        this.#lastUsedAt = Date.now();
        this.#release(call, workMs);
        this.#dispatch({ type: 'freed', process: id, answered: workMs !== undefined });
      },
      onStuck: () => this.#dispatch({ type: 'stuck', process: id }),
      onExit: (exit) => this.#gone(id, process, exit),
    });
    this.#processes.set(id, process);
    log.debug('Engine process started', { model, pid: process.pid });
    const ready = await process.ready.catch(() => undefined);
    if (ready === undefined) return;
    this.capabilities = ready.capabilities;
    this.#loadMs = performance.now() - startedAt;
    this.#loadedAt ??= Date.now();
    log.info('Engine process ready', { model, pid: process.pid, loadMs: Math.round(this.#loadMs) });
    this.#dispatch({
      type: 'loaded',
      process: id,
      concurrency: Math.max(1, Math.floor(ready.concurrency)),
      processors: Math.max(1, Math.floor(ready.processors)),
    });
  }

  #gone(id: number, process: EngineProcess | undefined, { cause, reason, detail }: EngineExit): void {
    const { log, metrics, model } = this.#options;
    this.#processes.delete(id);
    for (const [call, pooled] of this.#calls) {
      if (process !== undefined && pooled.process === process) this.#release(call);
    }
    if (this.#closed || cause === 'ended') {
      log.info('Engine process ended', { model, pid: process?.pid, reason });
    } else {
      log.warn('Engine process failed', { model, pid: process?.pid, cause, reason, detail });
      metrics?.engineRestarted({ model, reason: cause });
    }
    const fault = cause === 'load' ? 'load' : cause === 'crash' || cause === 'memory' ? 'crash' : undefined;
    const before = this.#state.quarantine;
    this.#tenancies.vacate(id);
    this.#dispatch({ type: 'died', process: id, fault, reason });
    if (before === undefined && this.#state.quarantine !== undefined) log.error('Model quarantined', { model, reason });
  }

  #isWanted(id: number): boolean {
    return !this.#closed && this.#state.processes.some((process) => process.id === id && process.phase === 'loading');
  }

  #settleLoads(): void {
    if (this.#loads.length === 0) return;
    const { quarantine, processes, wanted } = this.#state;
    if (quarantine !== undefined) {
      for (const loaded of this.#loads.splice(0)) loaded.reject(this.#unavailable());
    } else if (processes.some(({ phase }) => phase === 'ready')) {
      for (const loaded of this.#loads.splice(0)) loaded.resolve();
    } else if (!wanted) {
      const error =
        this.#tenancies.denial ?? new SpeechError('conflict', `The model ${this.#options.model} was unloaded.`);
      for (const loaded of this.#loads.splice(0)) loaded.reject(error);
    }
  }

  #unavailable(): SpeechError {
    const { model } = this.#options;
    return new SpeechError('model_unavailable', `The model ${model} cannot be loaded: ${this.#state.quarantine}`);
  }

  #outOfTime(pooled: PooledCall): SpeechError {
    const loads = this.#state.processes.some(({ phase }) => phase !== 'asking');
    if (pooled.process !== undefined || loads) {
      return new SpeechError('deadline_exceeded', 'The request took longer than it may.');
    }
    return new SpeechError('overloaded', `There was no room in memory for the model ${this.#options.model} in time.`, {
      param: 'model',
      retryAfterMs: 1000,
    });
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    const at = nextTick(this.#state);
    if (at === undefined) return;
    this.#timer = setTimeout(() => this.#dispatch({ type: 'tick' }), Math.max(1, Math.ceil(at - performance.now())));
    this.#timer.unref();
  }
}
