import type { Settings } from '../config/kinds.ts';
import { abortError, SpeechError, type SpeechErrorData, shuttingDown } from '../errors.ts';
import type { Catalog, CatalogModel } from '../models/catalog.ts';
import { Choices } from '../models/choices.ts';
import { whatNames } from '../models/choose.ts';
import { settleFirstModels } from '../models/first-models.ts';
import type { ModelManifest } from '../models/manifest.ts';
import type { Names } from '../models/names.ts';
import { shippedManifests } from '../models/shipped.ts';
import { requireConsent } from '../models/store/consent.ts';
import {
  type InstallOptions,
  type ModelStore,
  openModelStore,
  type StoreProgress,
  type StoreState,
} from '../models/store/index.ts';
import { contentName } from '../models/store/installed.ts';
import type { World } from '../models/store/sources.ts';
import type { Log } from '../telemetry/log.ts';
import type { LocalWorker } from '../workers/local/local-worker.ts';

/** A model that is here, or one that can be had. */
export interface LibraryModel {
  manifest: ModelManifest;
  /** Undefined where it is not here, or cannot be read. */
  present: CatalogModel | undefined;
}

/** How getting a model goes. `absent` where nobody asked, `ready` when it can be used. */
export type Arrival =
  | { state: 'absent' }
  | { state: 'queued' }
  | StoreProgress
  | { state: 'ready' }
  | { state: 'failed'; error: SpeechErrorData };

export interface LibraryOptions {
  store: ModelStore;
  catalog: Catalog;
  /** What can be had. */
  shipped: readonly ModelManifest[];
  settings: Pick<Settings, 'dataDir' | 'sttModel' | 'ttsModel' | 'modelAliases' | 'defaultModels'>;
  /** What was chosen at run time. */
  choices: Choices;
  /** Who holds models in memory, if anybody does here. */
  worker?: Pick<LocalWorker, 'refresh' | 'load' | 'unload' | 'status' | 'residence'>;
}

/** What tests put in place of the shipped catalogue and of the hubs. No setting leads here. */
export interface Outside {
  shipped?: readonly ModelManifest[];
  world?: World;
}

/** Opens the store of models and cleans up what killed processes left in it. */
export async function openLibrary(
  service: Pick<LibraryOptions, 'catalog' | 'worker'> & {
    settings: Settings;
    log: Log;
    choices?: Choices;
    /** Who should know what can be had. */
    names?: Names;
  },
  outside: Outside = {},
): Promise<ModelLibrary> {
  const { settings, catalog, log, worker } = service;
  const shipped = outside.shipped ?? (await shippedManifests());
  const catalogued = (id: string): ModelManifest | undefined => shipped.find((manifest) => manifest.id === id);
  service.names?.offer((name) => (catalogued(name) ?? shipped.find(({ aliases }) => aliases.includes(name)))?.id);
  const choices = service.choices ?? new Choices(settings.dataDir, settings.limits.modelChoices);
  const store = await openModelStore({ settings, log, catalogued }, outside.world);
  const { resumable, deleted, finished } = await store.recover();
  if (resumable.length > 0) log.info('Interrupted downloads can go on', { models: resumable });
  if (deleted.length > 0) log.info('Leftovers of interrupted work were deleted', { models: deleted });
  const parts = { store, catalog, shipped, settings, choices, ...(worker === undefined ? {} : { worker }) };
  const library = new ModelLibrary(parts);
  if (finished.length > 0) {
    log.info('Models that an earlier process had all but put in place are there', { models: finished });
    await library.refresh();
  }
  return library;
}

/** Brings models and takes them away, so that everybody who uses them knows at once. */
export class ModelLibrary {
  readonly store: ModelStore;
  #options: LibraryOptions;
  /** What is being brought, by id. It counts as under way until its model can be used. */
  #underWay = new Map<string, { done: Promise<void>; stop: AbortController }>();
  #listeners = new Set<(id: string) => void>();
  #closing = new AbortController();
  #refreshed: Promise<void> = Promise.resolve();
  /** A look that has not begun yet. */
  #nextLook: Promise<void> | undefined;
  #stopListening: () => void;

  constructor(options: LibraryOptions) {
    this.#options = options;
    this.store = options.store;
    this.#stopListening = options.store.onChange((id) => this.#tell(id));
  }

  /** Models that are here, then those that can be had besides. */
  list(): LibraryModel[] {
    const { catalog, shipped } = this.#options;
    const here = catalog.list().map((present) => ({ manifest: present.manifest, present }));
    const there = shipped.filter(({ id }) => catalog.get(id) === undefined);
    return [...here, ...there.map((manifest) => ({ manifest, present: undefined }))];
  }

  /** The model of this id or alias. Throws SpeechError `model_not_found`. */
  find(name: string): LibraryModel {
    const all = this.list();
    const found =
      all.find(({ manifest }) => manifest.id === name) ?? all.find(({ manifest }) => manifest.aliases.includes(name));
    if (found !== undefined) return found;
    throw new SpeechError(
      'model_not_found',
      `There is no model '${name.slice(0, 80)}'. \`open-speech models list --available\` and GET /api/models name those that can be had.`,
      { param: 'model' },
    );
  }

  arrival(id: string): Arrival {
    const state = this.store.states.get(id);
    if (!this.#underWay.has(id)) {
      // What failed to come may have been to mend or renew a model that is here.
      if (state?.state === 'failed') return state;
      return this.#options.catalog.get(id) === undefined ? (state ?? { state: 'absent' }) : { state: 'ready' };
    }
    // What the store says before it begins is about an earlier attempt, and what it has is not in use yet at the end.
    return state === undefined || isEnd(state) ? { state: 'queued' } : state;
  }

  /** Tells of every change of an arrival. Returns how to stop that. */
  onChange(listener: (id: string) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Makes sure that a model is here and can be used. One that is here is verified, fetched again where a file is not
   * right, and brought up to date with the catalogue, unless somebody put it together by hand. Throws SpeechError
   * `model_not_found` for one that is not known, `conflict` for a packaged one, and whatever `ModelStore.install` throws.
   */
  async install(name: string, options: InstallOptions): Promise<void> {
    const { manifest, present } = this.#installable(name);
    const { id } = manifest;
    const wanted = present !== undefined && (await this.store.brought(id)) ? (this.#shipped(id) ?? manifest) : manifest;
    const agreed = present !== undefined && contentName(wanted) === contentName(manifest);
    await this.store.install(wanted, {
      ...options,
      ...(agreed ? { allowSingleSource: true, acceptLicence: true } : {}),
    });
    await this.refresh();
  }

  /**
   * Begins to bring a model, or joins what is under way. Throws SpeechError as `install` does where that can be told at
   * once; later failures are in the arrival.
   */
  begin(name: string, options: Omit<InstallOptions, 'signal' | 'onProgress'>): void {
    const { manifest, present } = this.#installable(name);
    if (present === undefined) requireConsent(manifest, options);
    if (this.#closing.signal.aborted) throw abortError(this.#closing.signal);
    if (this.#underWay.has(manifest.id)) return;
    const stop = new AbortController();
    const signal = AbortSignal.any([this.#closing.signal, stop.signal]);
    const done = this.install(manifest.id, { ...options, signal })
      // Whoever began it or the store logs it, and the store keeps it as the model's state.
      .catch(() => {})
      .finally(() => {
        this.#underWay.delete(manifest.id);
        this.#tell(manifest.id);
      });
    this.#underWay.set(manifest.id, { done, stop });
    this.#tell(manifest.id);
  }

  /**
   * Ends what `begin` began, for everybody who waits for it, and returns the model's id once it has ended. What has come
   * stays for the next time. Throws SpeechError `model_not_found`, and `conflict` where nothing is under way.
   */
  async cancel(name: string): Promise<string> {
    const { id } = this.find(name).manifest;
    const work = this.#underWay.get(id);
    if (work === undefined) {
      throw new SpeechError('conflict', `The model '${id}' is not being fetched by this server.`, { param: 'model' });
    }
    settleFirstModels(this.#options.settings.dataDir);
    work.stop.abort(new SpeechError('cancelled', `Fetching the model '${id}' was cancelled.`));
    await work.done;
    return id;
  }

  /**
   * Ends a model's processes and deletes its files. Throws SpeechError `model_not_found` where there are none, and
   * `conflict` for a packaged model, one that the settings name, and one that is being installed.
   */
  async remove(name: string): Promise<string> {
    const { manifest, present } = this.find(name);
    const { id } = manifest;
    if (present?.packaged) {
      throw new SpeechError('conflict', `The model '${id}' comes with the server and cannot be removed.`, {
        param: 'model',
      });
    }
    const setting = this.#settingThatNames(id);
    const named =
      setting === undefined
        ? whatNames(this.#options.choices, id)
        : `${setting} names the model '${id}': change that first.`;
    if (named !== undefined) throw new SpeechError('conflict', named, { param: 'model' });
    if (present?.available) await this.#options.worker?.unload(id);
    const removed = await this.store.remove(id);
    await this.refresh();
    if (!removed) {
      throw new SpeechError('model_not_found', `The model '${id}' is not on this disk.`, { param: 'model' });
    }
    return id;
  }

  /** Looks again which models there are. Whoever asks before the next look begins shares it. */
  async refresh(): Promise<void> {
    const { catalog, worker } = this.#options;
    this.#nextLook ??= this.#refreshed.then(async () => {
      this.#nextLook = undefined;
      const { came, replaced } = await catalog.refresh();
      await worker?.refresh();
      for (const id of [...came, ...replaced]) this.store.found(id);
      for (const id of replaced) await this.#renew(id);
    });
    const look = this.#nextLook;
    this.#refreshed = look.catch(() => {});
    await look;
  }

  /** Cancels what is under way and waits for it to end. */
  async close(): Promise<void> {
    this.#closing.abort(shuttingDown());
    await this.store.close();
    await Promise.all([...this.#underWay.values()].map(({ done }) => done));
    this.#stopListening();
  }

  /** The model of a name, unless it is a packaged one. */
  #installable(name: string): LibraryModel {
    const { manifest, present } = this.find(name);
    if (present?.packaged) {
      const remedy = present.remedy === undefined ? '' : ` Get what it lacks with: ${present.remedy}`;
      throw new SpeechError('conflict', `The model '${manifest.id}' comes with the server.${remedy}`, {
        param: 'model',
      });
    }
    return { manifest, present };
  }

  #shipped(id: string): ModelManifest | undefined {
    return this.#options.shipped.find((manifest) => manifest.id === id);
  }

  /**
   * Lets go of what a model was before: of a quarantine, which loading it lifts, or of processes, once their calls end. A
   * pinned one is loaded anew.
   */
  async #renew(id: string): Promise<void> {
    const { worker, catalog } = this.#options;
    if (worker === undefined || !catalog.get(id)?.available) return;
    if (worker.status(id)?.state === 'quarantined') return await worker.load(id).catch(() => {});
    const gone = worker.unload(id);
    const { pinned = false } = worker.residence(id) ?? {};
    (pinned ? gone.then(() => worker.load(id)) : gone).catch(() => {});
  }

  #settingThatNames(id: string): string | undefined {
    const { ttsModel, sttModel, modelAliases, defaultModels } = this.#options.settings;
    const names = (pair: string): boolean => pair.split('=')[1]?.trim() === id;
    if (ttsModel === id) return 'TTS_MODEL';
    if (sttModel === id) return 'STT_MODEL';
    if (defaultModels.some(names)) return 'OS_DEFAULT_MODELS';
    return modelAliases.some(names) ? 'OS_MODEL_ALIASES' : undefined;
  }

  #tell(id: string): void {
    for (const listener of this.#listeners) listener(id);
  }
}

function isEnd(state: StoreState): boolean {
  return state.state === 'ready' || state.state === 'failed';
}
