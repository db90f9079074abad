import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Settings } from '../../src/config/kinds.ts';
import { loadSettings } from '../../src/config/load.ts';
import type { ModelManifest } from '../../src/models/manifest.ts';
import { type ModelStore, openModelStore } from '../../src/models/store/index.ts';
import type { World } from '../../src/models/store/sources.ts';
import { HOSTS, Hub, testWorld } from './hub.ts';

/** Settings as an operator's, with waits short enough for tests. */
export function storeSettings(
  dataDir: string,
  changes: Partial<Settings> = {},
  limits: Partial<Settings['limits']> = {},
): Settings {
  const { settings } = loadSettings({ env: { OS_DATA_DIR: dataDir } });
  const quick = { downloadBackoffMs: 20, downloadIdleMs: 10_000, diskReserveBytes: 0 };
  return { ...settings, modelHosts: HOSTS, ...changes, limits: { ...settings.limits, ...quick, ...limits } };
}

export interface Bench {
  hub: Hub;
  store: ModelStore;
  settings: Settings;
  dataDir: string;
  /** The sentences that the store logged. */
  logged: string[];
  install(manifest: ModelManifest, signal?: AbortSignal): Promise<void>;
  /** What is in a model's folder besides the store's own two files: path to content. Undefined if there is no folder. */
  content(id: string): Map<string, Buffer> | undefined;
  /** Names below the model folder that are not models: nothing but empty folders and locks after a clean end. */
  leftovers(): string[];
  /** Another store on the same folder, as after a new start. */
  reopen(): Promise<ModelStore>;
}

/** A hub and a store that ends with the test. */
export async function startBench(
  t: TestContext,
  options: { settings?: Partial<Settings>; limits?: Partial<Settings['limits']>; world?: Partial<World> } = {},
): Promise<Bench> {
  const dataDir = mkdtempSync(join(tmpdir(), 'os-store-'));
  const hub = await Hub.start();
  const settings = storeSettings(dataDir, options.settings, options.limits);
  const logged: string[] = [];
  const log = { info: (line: string) => logged.push(line), warn: (line: string) => logged.push(line) };
  const world = testWorld(options.world);
  const open = () => openModelStore({ settings, log }, world);
  const stores = [await open()];
  t.after(async () => {
    await hub.close();
    for (const store of stores) await store.close();
    rmSync(dataDir, { recursive: true, force: true });
  });
  return {
    hub,
    settings,
    dataDir,
    logged,
    store: stores[0]!,
    install: (manifest, signal = new AbortController().signal) => stores.at(-1)!.install(manifest, { signal }),
    content: (id) => contentOf(join(settings.modelDir, id)),
    leftovers: () =>
      ['.incoming', '.trash'].flatMap((folder) =>
        readdirSync(join(settings.modelDir, folder), { recursive: true }).map(String),
      ),
    reopen: async () => {
      stores.push(await open());
      return stores.at(-1)!;
    },
  };
}

export function contentOf(folder: string): Map<string, Buffer> | undefined {
  const stats = statSync(folder, { throwIfNoEntry: false });
  if (stats === undefined) return undefined;
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => !entry.isDirectory());
  const paths = files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort();
  return new Map(
    paths
      .filter((path) => path !== 'manifest.json' && path !== 'installed.json')
      .map((path) => [path, readFileSync(join(folder, path))]),
  );
}
