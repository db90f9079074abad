import type { Dirent } from 'node:fs';
import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Capabilities, Engine, OpenModel } from '../engines/contract.ts';
import { engineNames, loadEngine } from '../engines/index.ts';
import { SpeechError } from '../errors.ts';
import { type ModelManifest, modelManifestSchema } from './manifest.ts';
import { memoryBytes } from './needs.ts';
import { packagedManifests } from './packaged.ts';
import { Verifier } from './verify.ts';

const MAX_MODELS = 2000;
const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;

/** A model of the catalogue, with what this machine can do with it. */
export interface CatalogModel {
  manifest: ModelManifest;
  capabilities: Capabilities;
  /** False when its engine lacks something on this machine. */
  available: boolean;
  /** Why not, and the one line that mends it. */
  reason?: string;
  remedy?: string;
  /** Carried by the installation itself, as opposed to files that someone added. */
  packaged: boolean;
  /** Unix seconds: when it was added. */
  created: number;
}

/**
 * Every model this server may use: those that come with it, and those in `<modelDir>/<id>/manifest.json`, whose files
 * lie beside the manifest. Nothing else can be named by a caller.
 */
export class Catalog {
  #problems: readonly string[] = [];
  #models: ReadonlyMap<string, CatalogModel> = new Map();
  /** Which file each manifest was read from, by id. */
  #stamps: ReadonlyMap<string, string> = new Map();
  #modelDir: string;
  #verifier = new Verifier();
  #engineOptions: Readonly<Record<string, OpenModel['options']>>;

  private constructor(modelDir: string, engineOptions: Readonly<Record<string, OpenModel['options']>>) {
    this.#modelDir = modelDir;
    this.#engineOptions = engineOptions;
  }

  /**
   * Reads the manifests; a bad one is left out and named in `problems`. `engineOptions` are settings of this machine
   * for an engine's packaged models, such as where its data lies.
   */
  static async read(
    modelDir: string,
    engineOptions: Readonly<Record<string, OpenModel['options']>> = {},
  ): Promise<Catalog> {
    const catalog = new Catalog(modelDir, engineOptions);
    await catalog.refresh();
    return catalog;
  }

  /**
   * Reads the folder again, after a model came or went. Until then callers see what there was before. Returns the ids of
   * models that came, and of those that somebody put in the place of an earlier one.
   */
  async refresh(): Promise<{ came: string[]; replaced: string[] }> {
    const problems: string[] = [];
    const engines = new Map<string, Engine>();
    await Promise.all(engineNames.map(async (name) => engines.set(name, await loadEngine(name))));
    const models = new Map<string, CatalogModel>();
    const stamps = new Map<string, string>();
    const add = async (manifest: ModelManifest, packaged: boolean, created: number): Promise<void> => {
      const engine = engines.get(manifest.engine);
      if (engine === undefined || !engine.families.includes(manifest.family)) {
        problems.push(`${manifest.id}: no engine '${manifest.engine}' with family '${manifest.family}'`);
      } else if (models.has(manifest.id)) {
        problems.push(`${manifest.id}: the id is taken`);
      } else {
        const open = toOpenModel(manifest, '', this.#engineOptions[manifest.engine]);
        const { available, reason, remedy } = await engine.availability(open.options);
        models.set(manifest.id, {
          manifest,
          capabilities: engine.describe(open),
          available,
          ...(reason === undefined ? {} : { reason }),
          ...(remedy === undefined ? {} : { remedy }),
          packaged,
          created,
        });
      }
    };

    const installed = (await stat(import.meta.filename)).mtimeMs;
    for (const manifest of packagedManifests) await add(manifest, true, Math.floor(installed / 1000));
    for (const folder of await manifestFolders(this.#modelDir)) {
      const path = join(this.#modelDir, folder, 'manifest.json');
      try {
        const stats = await stat(path);
        if (stats.size > MAX_MANIFEST_BYTES) throw new Error(`larger than ${MAX_MANIFEST_BYTES} bytes`);
        const manifest = modelManifestSchema.parse(JSON.parse(await readFile(path, 'utf8')));
        if (manifest.id !== folder) throw new Error(`its id is '${manifest.id}'`);
        await add(manifest, false, Math.floor(stats.mtimeMs / 1000));
        stamps.set(manifest.id, `${stats.ino}:${stats.mtimeMs}`);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === 'ENOENT') continue;
        problems.push(`${folder}: ${(error as Error).message}`);
      }
    }
    const before = this.#stamps;
    const ids = [...stamps.keys()].filter((id) => before.get(id) !== stamps.get(id));
    this.#models = models;
    this.#problems = problems;
    this.#stamps = stamps;
    return { came: ids.filter((id) => !before.has(id)), replaced: ids.filter((id) => before.has(id)) };
  }

  /** Which manifests were left out at the last look, and why. */
  get problems(): readonly string[] {
    return this.#problems;
  }

  list(): readonly CatalogModel[] {
    return [...this.#models.values()];
  }

  get(id: string): CatalogModel | undefined {
    return this.#models.get(id);
  }

  /** The models as a worker sees them. */
  source(): {
    list: () => OpenModel[];
    open: (id: string) => Promise<OpenModel>;
    memoryBytes: (id: string) => number | undefined;
  } {
    return {
      memoryBytes: (id) => {
        const manifest = this.#models.get(id)?.manifest;
        return manifest === undefined ? undefined : memoryBytes(manifest);
      },
      list: () => this.list().map(({ manifest }) => this.#openModel(manifest)),
      open: (id) => this.open(id),
    };
  }

  /** Verifies the model's files and says how to open it. Throws SpeechError `model_unavailable`. */
  async open(id: string): Promise<OpenModel> {
    const model = this.#models.get(id);
    if (model === undefined) throw new SpeechError('model_not_found', `There is no model '${id}'.`, { param: 'model' });
    if (!model.available) {
      const remedy = model.remedy === undefined ? '' : ` Get it with: ${model.remedy}`;
      throw new SpeechError('model_unavailable', `The model '${id}' is not available: ${model.reason}.${remedy}`);
    }
    const open = this.#openModel(model.manifest);
    if (open.folder !== '') await this.#verifier.verify(model.manifest, open.folder);
    return open;
  }

  #openModel(manifest: ModelManifest): OpenModel {
    const folder = manifest.files.length === 0 ? '' : join(this.#modelDir, manifest.id);
    return toOpenModel(manifest, folder, this.#engineOptions[manifest.engine]);
  }
}

async function manifestFolders(modelDir: string): Promise<string[]> {
  const entries = await readdir(modelDir, { withFileTypes: true }).catch((): Dirent[] => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map((entry) => entry.name)
    .sort()
    .slice(0, MAX_MODELS);
}

function toOpenModel(manifest: ModelManifest, folder: string, engineOptions: OpenModel['options'] = {}): OpenModel {
  const assets: Record<string, string> = {};
  for (const [role, path] of Object.entries(manifest.assets)) assets[role] = join(folder, path);
  return {
    id: manifest.id,
    engine: manifest.engine,
    family: manifest.family,
    folder,
    assets,
    // What this machine says wins: a manifest names no library to load.
    options: { ...manifest.options, ...engineOptions },
    languages: manifest.languages,
    voices: manifest.voices ?? [],
    ...(manifest.sampleRate === undefined ? {} : { sampleRate: manifest.sampleRate }),
  };
}
