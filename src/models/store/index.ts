import { constants } from 'node:fs';
import { access, mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Settings } from '../../config/kinds.ts';
import { SpeechError, type SpeechErrorData } from '../../errors.ts';
import { tryLock } from '../../storage/file-lock.ts';
import type { Log } from '../../telemetry/log.ts';
import { settleFirstModels } from '../first-models.ts';
import { MODEL_ID, type ModelManifest } from '../manifest.ts';
import { exportBundle, importBundle, judgeBundle } from './bundle.ts';
import { type Consent, requireConsent } from './consent.ts';
import { exists, removeFolder, storageError } from './disk.ts';
import { Flights } from './flights.ts';
import { Hashing } from './hashing.ts';
import { installModel } from './install.ts';
import { contentName, INSTALLED_FILE, MANIFEST_FILE } from './installed.ts';
import { idOfIncoming, type Layout, layoutOf } from './layout.ts';
import { ProgressMeter, type StoreProgress } from './progress.ts';
import { type Recovered, recover } from './recover.ts';
import { Requester } from './request.ts';
import { acceptSigner, Signer } from './signing.ts';
import { Slots } from './slots.ts';
import { Sources, type World } from './sources.ts';
import { type VerifyResult, verifyModels } from './verify-model.ts';

export type { Consent } from './consent.ts';
export type { StoreProgress } from './progress.ts';
export type { Recovered } from './recover.ts';
export type { VerifyResult } from './verify-model.ts';

/** What the store knows of a model. One that it does not know is absent. */
export type StoreState = StoreProgress | { state: 'ready' } | { state: 'failed'; error: SpeechErrorData };

/** Undefined for a model that is absent now. */
export type StateListener = (id: string, state: StoreState | undefined) => void;

export interface InstallOptions extends Consent {
  signal: AbortSignal;
  /** Nobody asked for it: the server brings it by itself, and says so in the log itself where it does not come. */
  unasked?: boolean;
  onProgress?: (progress: StoreProgress) => void;
}

export interface VerifyOptions {
  signal: AbortSignal;
  onProgress?: (progress: StoreProgress) => void;
}

export interface ImportOptions extends InstallOptions {
  /** Fingerprint of a signer to take bundles from, now and later. */
  acceptSigner?: string;
}

export interface ModelStoreOptions {
  settings: Settings;
  log: Pick<Log, 'info' | 'warn'>;
  /** How the catalogue knows a model, for comparing with what a bundle says. */
  catalogued?: (id: string) => ModelManifest | undefined;
}

/**
 * Opens the store in `settings.modelDir` and makes its folders. `world` is for tests alone and comes from no setting:
 * with it, files may be fetched from this machine.
 */
export async function openModelStore(options: ModelStoreOptions, world?: World): Promise<ModelStore> {
  const layout = layoutOf(options.settings.modelDir);
  const writable = await makeFolders(layout).then(
    () => true,
    async (error: NodeJS.ErrnoException) => {
      if (!(await exists(layout.root))) throw error;
      options.log.warn('The models folder cannot be written: what is there is used, and nothing comes or goes', {
        reason: error.code,
      });
      return false;
    },
  );
  return new ModelStore(options, layout, { installed: await installedIds(layout), writable }, world);
}

async function makeFolders({ root, incoming, trash, locks }: Layout): Promise<void> {
  for (const folder of [root, incoming, trash, locks]) {
    await mkdir(folder, { recursive: true });
    await access(folder, constants.W_OK);
  }
}

/** Models on this disk: fetched, verified, unpacked, and put in place whole or not at all. */
export class ModelStore {
  #layout: Layout;
  #settings: Settings;
  #log: ModelStoreOptions['log'];
  #hashing = new Hashing();
  #requester: Requester;
  #catalogued: ModelStoreOptions['catalogued'];
  #slots: Slots;
  #flights = new Flights();
  #states = new Map<string, StoreState>();
  #listeners = new Set<StateListener>();
  #writable: boolean;

  /** Use `openModelStore`. */
  constructor(
    { settings, log, catalogued }: ModelStoreOptions,
    layout: Layout,
    { installed, writable }: { installed: readonly string[]; writable: boolean },
    world?: World,
  ) {
    this.#layout = layout;
    this.#writable = writable;
    this.#settings = settings;
    this.#log = log;
    this.#catalogued = catalogued;
    this.#requester = new Requester(new Sources(settings, world));
    this.#slots = new Slots(settings.limits.downloadsAtOnce, settings.limits.downloadsPerHost);
    for (const id of installed) this.#states.set(id, { state: 'ready' });
  }

  /** Models that are there, on their way, or failed to come, by id. */
  get states(): ReadonlyMap<string, StoreState> {
    return this.#states;
  }

  /** Tells of every change of a state. Returns how to stop that. */
  onChange(listener: StateListener): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Makes sure that a model is there, and every byte of it right. Many callers share one download; it is cancelled when the last of them is gone,
   * and goes on from there the next time. Throws SpeechError `single_source`, `licence_not_accepted`,
   * `source_not_allowed`, `gated_model`, `download_failed`, `integrity_failed`, `unsafe_archive`,
   * `insufficient_storage`, `too_large`, `deadline_exceeded`, `conflict` or `cancelled`.
   */
  async install(manifest: ModelManifest, options: InstallOptions): Promise<void> {
    requireConsent(manifest, options);
    const { signal, onProgress = () => {}, unasked = false } = options;
    await this.#flights.join(manifest.id, contentName(manifest), { signal, onProgress }, (cancelled, tell) =>
      this.#bring(
        manifest.id,
        cancelled,
        tell,
        (meter, ended) =>
          installModel(manifest, {
            layout: this.#layout,
            requester: this.#requester,
            hashing: this.#hashing,
            slots: this.#slots,
            limits: this.#settings.limits,
            log: this.#log,
            signal: ended,
            meter,
          }),
        unasked,
      ),
    );
    if (!unasked) settleFirstModels(this.#settings.dataDir);
  }

  /** Says that a model is here now, whoever put it there: what failed before does not matter any more. */
  found(id: string): void {
    if (this.#states.get(id)?.state === 'failed') this.#setState(id, { state: 'ready' });
  }

  /** Whether a model is here that this store, or another of this folder, brought: not one that somebody put there by hand. */
  async brought(id: string): Promise<boolean> {
    return MODEL_ID.test(id) && (await exists(join(this.#layout.folder(id), INSTALLED_FILE)));
  }

  /**
   * Deletes a model, or what an interrupted install left of it. False where there was nothing. The caller sees to it
   * that nobody has it loaded. Throws SpeechError `conflict` while it is being installed.
   */
  async remove(id: string): Promise<boolean> {
    return await this.#locked(id, async () => {
      const { incoming, folder, newTrash } = this.#layout;
      const leftovers = (await readdir(incoming)).filter((name) => idOfIncoming(name) === id);
      const folders = [folder(id), ...leftovers.map((name) => join(incoming, name))];
      const removed = await Promise.all(folders.map((path) => removeFolder(path, newTrash(id))));
      this.#setState(id, undefined);
      if (removed.includes(true)) settleFirstModels(this.#settings.dataDir);
      return removed.includes(true);
    });
  }

  /** Hashes every file of one model, or of all, anew. Throws SpeechError `model_not_found` or `cancelled`. */
  async verify(
    ids: readonly string[] | 'all',
    { signal, onProgress = () => {} }: VerifyOptions,
  ): Promise<VerifyResult[]> {
    const installed = await installedIds(this.#layout);
    const wanted = ids === 'all' ? installed : ids;
    for (const id of wanted) {
      if (!installed.includes(id)) {
        throw new SpeechError('model_not_found', `The model '${id}' is not on this disk.`, { param: 'model' });
      }
    }
    const meter = new ProgressMeter(onProgress);
    const targets = wanted.map((id) => ({ id, folder: this.#layout.folder(id) }));
    return await verifyModels(targets, this.#hashing, signal, meter);
  }

  /** The fingerprint of the key that signs this server's bundles. */
  get signer(): string {
    return Signer.open(this.#settings.dataDir).fingerprint;
  }

  /**
   * Writes an installed model into one signed file, for networks without a way out. Throws SpeechError
   * `model_not_found`, `conflict`, `integrity_failed`, `insufficient_storage` or `cancelled`.
   */
  async export(id: string, path: string, { signal, onProgress = () => {} }: VerifyOptions): Promise<void> {
    const tools = { layout: this.#layout, hashing: this.#hashing, limits: this.#settings.limits, signal };
    const signer = Signer.open(this.#settings.dataDir);
    const write = (): Promise<void> =>
      exportBundle(id, path, signer, { ...tools, meter: new ProgressMeter(onProgress) });
    // Where the folder cannot be written nothing changes, and there is no lock to take.
    await (this.#writable ? this.#locked(id, write) : write());
  }

  /**
   * Installs the model of a bundle and returns its id and the signer's fingerprint. Throws SpeechError
   * `invalid_bundle`, `unknown_signer`, `integrity_failed`, `single_source`, `licence_not_accepted`, `conflict`,
   * `too_large`, `insufficient_storage` or `cancelled`.
   */
  async import(path: string, options: ImportOptions): Promise<{ id: string; signer: string }> {
    const { signal, onProgress = () => {} } = options;
    const { dataDir, limits } = this.#settings;
    const trust = { own: Signer.open(dataDir).fingerprint, dataDir, accepted: options.acceptSigner };
    const judged = await judgeBundle(path, trust, this.#catalogued);
    const { manifest, signer } = judged;
    requireConsent(manifest, options);
    const tools = { layout: this.#layout, hashing: this.#hashing, limits };
    // Its name sets it apart from a download of the same content: the two must not join.
    const content = `bundle ${contentName(manifest)}`;
    await this.#flights.join(manifest.id, content, { signal, onProgress }, (cancelled, tell) =>
      this.#bring(manifest.id, cancelled, tell, (meter, ended) =>
        importBundle(path, judged, { ...tools, meter, signal: ended }),
      ),
    );
    settleFirstModels(dataDir);
    if (signer !== trust.own) acceptSigner(dataDir, signer);
    return { id: manifest.id, signer };
  }

  /** Cleans up after killed processes. Call it at a start, before anything else. */
  async recover(): Promise<Recovered> {
    if (!this.#writable) return { resumable: [], deleted: [], finished: [] };
    const recovered = await recover(this.#layout, this.#settings.limits.partialDownloadMs, Date.now());
    for (const id of recovered.finished) this.#setState(id, { state: 'ready' });
    return recovered;
  }

  /** Cancels what is under way and waits for it to end. */
  async close(): Promise<void> {
    await this.#flights.close();
    this.#requester.close();
    await this.#hashing.close();
  }

  /** Runs what brings a model in, under its lock and a time limit, and keeps its state. */
  async #bring(
    id: string,
    cancelled: AbortSignal,
    tell: (progress: StoreProgress) => void,
    work: (meter: ProgressMeter, ended: AbortSignal) => Promise<void>,
    quiet = false,
  ): Promise<void> {
    const before = this.#states.get(id);
    const late = new AbortController();
    const timer = setTimeout(() => {
      late.abort(new SpeechError('deadline_exceeded', `Getting '${id}' took longer than OS_DOWNLOAD_TIMEOUT_S.`));
    }, this.#settings.limits.downloadMs);
    const meter = new ProgressMeter((progress) => {
      this.#setState(id, progress);
      tell(progress);
    });
    try {
      await this.#locked(id, () => work(meter, AbortSignal.any([cancelled, late.signal])));
      this.#setState(id, { state: 'ready' });
      this.#log.info('A model is ready', { model: id });
    } catch (thrown) {
      const error = SpeechError.from(storageError(thrown));
      const present = await exists(join(this.#layout.folder(id), MANIFEST_FILE));
      const was = before?.state === 'failed' ? before : undefined;
      const calledOff = error.code === 'cancelled' || error.code === 'shutting_down';
      if (calledOff) this.#setState(id, present ? { state: 'ready' } : was);
      else this.#setState(id, { state: 'failed', error: error.toData() });
      if (!calledOff && !quiet) {
        this.#log.warn('A model did not come', { model: id, code: error.code, error });
      }
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  async #locked<T>(id: string, work: () => Promise<T>): Promise<T> {
    if (!MODEL_ID.test(id)) throw new SpeechError('model_not_found', 'There is no such model.', { param: 'model' });
    if (!this.#writable) {
      throw new SpeechError('conflict', 'The models folder (OS_MODEL_DIR) cannot be written: no model comes or goes.');
    }
    const lock = tryLock(this.#layout.lock(id));
    if (lock === undefined) {
      throw new SpeechError('conflict', `Something else is changing the model '${id}'.`, { param: 'model' });
    }
    try {
      return await work();
    } finally {
      lock.release();
    }
  }

  #setState(id: string, state: StoreState | undefined): void {
    if (state === undefined) this.#states.delete(id);
    else this.#states.set(id, state);
    for (const listener of this.#listeners) listener(id, state);
  }
}

/** Every folder that is a model. */
async function installedIds({ root }: Layout): Promise<string[]> {
  const entries = await readdir(root, { withFileTypes: true });
  const ids = entries.filter((entry) => entry.isDirectory() && MODEL_ID.test(entry.name)).map(({ name }) => name);
  const present = await Promise.all(ids.map((id) => exists(join(root, id, MANIFEST_FILE))));
  return ids.filter((_, index) => present[index]).sort();
}
