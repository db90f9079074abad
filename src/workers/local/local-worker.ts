import { availableParallelism } from 'node:os';
import { resolve } from 'node:path';
import type { Settings } from '../../config/kinds.ts';
import type { Capabilities, Engine, OpenModel } from '../../engines/contract.ts';
import { SpeechError } from '../../errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { CallStream } from '../call-stream.ts';
import type { Operation, Operations, Worker, WorkerCall, WorkerModelStatus } from '../contract.ts';
import { ProcessPool, type Residence } from './process-pool.ts';
import { memoryBudget, Residency } from './residency.ts';

/** Where the models of this machine come from. */
export interface ModelSource {
  /** Models whose files are here, whether or not this machine can run them. */
  list(): readonly OpenModel[];
  /** Verifies the files of a listed model. Throws SpeechError with the reason. */
  open(id: string): Promise<OpenModel>;
  /** What a process that holds the model is expected to take, in bytes; undefined where nobody has an idea. */
  memoryBytes?(id: string): number | undefined;
}

export interface LocalWorkerOptions {
  source: ModelSource;
  /** The engine of that name. Called in this process for what an engine says about itself, never to open a model. */
  loadEngine: (name: string) => Promise<Engine>;
  settings: Pick<Settings, 'engineProcesses' | 'engineThreads' | 'modelTtl' | 'modelMemory' | 'maxLoadedModels'> & {
    limits: Pick<
      Settings['limits'],
      'modelLoadMs' | 'modelRoomMs' | 'engineHeartbeatMs' | 'engineMemoryBytes' | 'engineRestarts'
    >;
  };
  log: Log;
  metrics?: Pick<Metrics, 'engineRestarted'>;
  /** Absolute path of the module that engine processes run. Default: ours. */
  host?: string;
}

interface LocalModel {
  capabilities: Capabilities;
  pool: ProcessPool;
  /** Why it cannot be used here. */
  unavailable: string | undefined;
}

const NO_CAPABILITIES: Capabilities = {};
/** What a process takes that holds next to nothing. */
const LEAST_BYTES = 100_000_000;

/** Asks every engine about its models and opens the worker of this machine. Loads no model yet. */
export async function openLocalWorker(options: LocalWorkerOptions): Promise<LocalWorker> {
  const worker = new LocalWorker(options);
  await worker.refresh();
  return worker;
}

/** The models of this machine, each in its own processes. */
export class LocalWorker implements Worker {
  readonly id = 'local';
  #options: LocalWorkerOptions;
  #models = new Map<string, LocalModel>();
  #listeners = new Set<(model: string) => void>();
  #residency: Residency;
  /** Ids of models, here or not, that stay in memory once loaded. */
  #pinned = new Set<string>();
  #warm = new Set<string>();

  constructor(options: LocalWorkerOptions) {
    this.#options = options;
    const { settings, log } = options;
    this.#residency = new Residency({
      maxBytes: memoryBudget(settings),
      maxModels: settings.maxLoadedModels,
      waitMs: settings.limits.modelRoomMs,
      log,
    });
  }

  /** Looks again which models there are and which engines can run here: after a model came or went, or an install. */
  async refresh(): Promise<void> {
    const listed = new Map(this.#options.source.list().map((model) => [model.id, model]));
    for (const [id, { pool }] of this.#models) {
      if (listed.has(id)) continue;
      this.#models.delete(id);
      await pool.close();
      this.#tell(id);
    }
    for (const model of listed.values()) {
      const described = await this.#describe(model);
      const known = this.#models.get(model.id);
      if (known === undefined) this.#models.set(model.id, { ...described, pool: this.#newPool(model.id) });
      else Object.assign(known, described);
      this.#keep(model.id);
      this.#tell(model.id);
    }
  }

  models(): readonly WorkerModelStatus[] {
    return [...this.#models.keys()].map((id) => this.status(id)!);
  }

  status(id: string): WorkerModelStatus | undefined {
    const model = this.#models.get(id);
    if (model === undefined) return undefined;
    const status = model.pool.status();
    return model.unavailable === undefined
      ? status
      : { ...status, state: 'unavailable', reason: model.unavailable, slots: 0 };
  }

  capabilities(id: string): Capabilities | undefined {
    const model = this.#models.get(id);
    return model === undefined ? undefined : (model.pool.capabilities ?? model.capabilities);
  }

  call<O extends Operation>(call: WorkerCall<O>): AsyncIterable<Operations[O]['message']> {
    try {
      return this.#usable(call.model).pool.call(call);
    } catch (error) {
      const stream = new CallStream<Operations[O]['message']>();
      stream.fail(error as SpeechError);
      call.released();
      return stream;
    }
  }

  async load(id: string): Promise<void> {
    await this.#usable(id).pool.load();
  }

  async unload(id: string): Promise<void> {
    await this.#usable(id).pool.unload();
  }

  /** When a model was last used, and when it will go; undefined where it is not here. */
  residence(id: string): (Residence & { pinned: boolean }) | undefined {
    const model = this.#models.get(id);
    return model === undefined ? undefined : { ...model.pool.residence(), pinned: this.#pinned.has(id) };
  }

  /** Whether a model stays in memory once it is loaded, whatever else needs room. It need not be here yet. */
  pin(id: string, pinned: boolean): void {
    if (pinned) this.#pinned.add(id);
    else this.#pinned.delete(id);
    this.#residency.pin(id, pinned);
    this.#keep(id);
  }

  /** A warm model stays in memory once it is loaded, but makes way where others need the room. */
  warm(id: string): void {
    this.#warm.add(id);
    this.#keep(id);
  }

  onChange(listener: (model: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async close(): Promise<void> {
    await Promise.all([...this.#models.values()].map(({ pool }) => pool.close()));
    this.#residency.close();
  }

  #keep(id: string): void {
    this.#models.get(id)?.pool.keep(this.#pinned.has(id) || this.#warm.has(id));
  }

  #usable(id: string): LocalModel {
    const model = this.#models.get(id);
    if (model === undefined) throw new SpeechError('model_not_found', `The model ${id} does not exist.`);
    if (model.unavailable !== undefined) throw new SpeechError('model_unavailable', model.unavailable);
    return model;
  }

  async #describe(model: OpenModel): Promise<Omit<LocalModel, 'pool'>> {
    try {
      const engine = await this.#options.loadEngine(model.engine);
      const capabilities = engine.describe(model);
      const { available, reason, remedy } = await engine.availability(model.options);
      const why = [reason ?? `The engine ${model.engine} is not available here.`, remedy].filter(Boolean).join(' ');
      return { capabilities, unavailable: available ? undefined : why };
    } catch (thrown) {
      const { message, detail } = SpeechError.from(thrown);
      this.#options.log.error('Model cannot be described', { model: model.id, engine: model.engine, detail });
      const unavailable = thrown instanceof SpeechError ? message : `The engine ${model.engine} failed to start.`;
      return { capabilities: NO_CAPABILITIES, unavailable };
    }
  }

  #newPool(id: string): ProcessPool {
    const { settings, log, metrics, source, loadEngine, host } = this.#options;
    const oneForEachProcessor = Math.max(1, Math.floor(availableParallelism() / settings.engineThreads));
    return new ProcessPool({
      model: id,
      open: async () => {
        const model = await source.open(id);
        const engine = await loadEngine(model.engine);
        return { model, readable: engine.readablePaths(model) };
      },
      host: host ?? resolve(import.meta.dirname, 'engine-host.ts'),
      maxProcesses: settings.engineProcesses === 0 ? oneForEachProcessor : settings.engineProcesses,
      threads: settings.engineThreads,
      ttlMs: settings.modelTtl * 1000,
      residency: this.#residency,
      expectedBytes: () => source.memoryBytes?.(id) ?? LEAST_BYTES,
      limits: settings.limits,
      log,
      metrics,
      onChange: () => this.#tell(id),
    });
  }

  #tell(model: string): void {
    for (const listener of this.#listeners) listener(model);
  }
}
