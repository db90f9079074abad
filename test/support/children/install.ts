/** Installs one model and says so; the kill test ends it at any moment. Arguments as JSON: see `InstallOrder`. */
import type { ModelManifest } from '../../../src/models/manifest.ts';
import { openModelStore } from '../../../src/models/store/index.ts';
import { testWorld } from '../hub.ts';
import { storeSettings } from '../model-store.ts';

export interface InstallOrder {
  dataDir: string;
  manifest: ModelManifest;
}

const { dataDir, manifest } = JSON.parse(process.argv[2]!) as InstallOrder;
const log = { info: () => {}, warn: () => {} };
const store = await openModelStore({ settings: storeSettings(dataDir), log }, testWorld());
await store.recover();
process.stdout.write('begun\n');
await store.install(manifest, { signal: new AbortController().signal });
process.stdout.write('ready\n');
await store.close();
