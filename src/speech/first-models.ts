import type { Settings } from '../config/kinds.ts';
import { firstModelsSettled, settleFirstModels } from '../models/first-models.ts';
import type { ModelManifest } from '../models/manifest.ts';
import { consentsFor, diskBytes } from '../models/needs.ts';
import { networkHelp } from '../models/network-help.ts';
import { STARTERS } from '../models/shipped.ts';
import type { Log } from '../telemetry/log.ts';
import type { Arrival, ModelLibrary } from './library.ts';

export interface FirstModelsDeps {
  library: ModelLibrary;
  settings: Pick<Settings, 'dataDir' | 'fetchFirstModels' | 'sttEnabled' | 'ttsEnabled' | 'modelMirror'>;
  log: Pick<Log, 'info' | 'warn'>;
}

/**
 * Where there are no models but the packaged ones, and nobody has ever had any brought or taken away, brings the small
 * ones that most people begin with while those that are packaged already work. What does not come is tried again at
 * the next start, not before. Ends when they have come or failed, or when the library is closed.
 */
export async function bringFirstModels({ library, settings, log }: FirstModelsDeps): Promise<void> {
  const { dataDir, fetchFirstModels, modelMirror } = settings;
  if (!fetchFirstModels || firstModelsSettled(dataDir)) return;
  const wanted = wantedModels(library, settings);
  if (wanted.length === 0) {
    settleFirstModels(dataDir);
    return;
  }
  const models = wanted.map(({ id }) => id);
  log.info('Fetching small models in the background; OS_FETCH_FIRST_MODELS=false declines them', {
    models,
    megabytes: Math.ceil(wanted.reduce((bytes, manifest) => bytes + diskBytes(manifest), 0) / 1e6),
    from: modelMirror === '' ? hosts(wanted) : [new URL(modelMirror).host],
  });
  for (const id of models) library.begin(id, { unasked: true });
  const ends = await Promise.all(models.map((id) => arrived(library, id)));
  if (ends.every(({ state }) => state === 'ready')) settleFirstModels(dataDir);
  const failure = ends.find((end) => end.state === 'failed')?.error;
  if (failure === undefined) return;
  log.warn('Small models could not be fetched: the packaged ones go on working, and the next start tries again', {
    models: models.filter((_, index) => ends[index]!.state === 'failed'),
    reason: failure.message,
    remedy: [networkHelp(failure.code), 'OS_FETCH_FIRST_MODELS=false ends the attempts.'].filter(Boolean).join(' '),
  });
}

/** What of the first models is missing and of use here. Nothing where other models are: somebody has seen to that. */
function wantedModels(library: ModelLibrary, { sttEnabled, ttsEnabled }: FirstModelsDeps['settings']): ModelManifest[] {
  if (library.store.states.keys().some((id) => !STARTERS.includes(id))) return [];
  return library
    .list()
    .filter(({ manifest, present }) => STARTERS.includes(manifest.id) && present === undefined)
    .map(({ manifest }) => manifest)
    .filter((manifest) => (manifest.kind === 'tts' ? ttsEnabled : sttEnabled) && consentsFor(manifest).length === 0);
}

/** How it ended: `absent` where it was called off. */
function arrived(library: ModelLibrary, id: string): Promise<Arrival> {
  return new Promise((resolve) => {
    const look = (changed: string): void => {
      const arrival = changed === id ? library.arrival(id) : undefined;
      if (arrival === undefined || !ENDS.has(arrival.state)) return;
      stop();
      resolve(arrival);
    };
    const stop = library.onChange(look);
    look(id);
  });
}

const ENDS: ReadonlySet<Arrival['state']> = new Set(['absent', 'ready', 'failed']);

function hosts(manifests: readonly ModelManifest[]): string[] {
  const urls = manifests.flatMap(({ files, archive }) => [archive?.url, ...files.map(({ url }) => url)]);
  return [...new Set(urls.filter((url) => url !== undefined).map((url) => new URL(url).host))];
}
