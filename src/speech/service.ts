import { join } from 'node:path';
import type { LiveMedia } from '../audio/contract.ts';
import { openMedia } from '../audio/media/media.ts';
import type { Settings } from '../config/kinds.ts';
import { loadEngine } from '../engines/index.ts';
import { Catalog } from '../models/catalog.ts';
import { Choices } from '../models/choices.ts';
import { engineOptions } from '../models/engine-options.ts';
import { Names } from '../models/names.ts';
import { layoutOf } from '../models/store/layout.ts';
import { finishInstalls } from '../models/store/recover.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import { type LocalWorker, openLocalWorker } from '../workers/local/local-worker.ts';
import { Router } from '../workers/router.ts';
import { openSpeechCache, type SpeechCache } from './cache.ts';
import { WholeRecordings } from './steps/whole-recordings.ts';
import { loadPronunciations, type Pronunciations } from './text/pronunciation.ts';

/** Everything that speaks and hears, without any protocol: what the server and the command line both stand on. */
export interface SpeechService {
  settings: Settings;
  catalog: Catalog;
  names: Names;
  /** What was chosen at run time: pins, defaults, aliases. */
  choices: Choices;
  router: Router;
  worker: LocalWorker;
  media: LiveMedia;
  metrics: Metrics;
  log: Log;
  pronunciations: Pronunciations | undefined;
  cache: SpeechCache | undefined;
  wholeRecordings: WholeRecordings;
  /** Loads the models that are pinned or that the settings name. A model that cannot load is a line in the log. */
  preload(): Promise<void>;
  /** Lets running work finish for `graceMs`, then ends it and every process. */
  close(graceMs: number): Promise<void>;
}

export interface SpeechServiceOptions {
  settings: Settings;
  log: Log;
  metrics: Metrics;
  /** Files and folders that recordings may lie in. */
  recordings: readonly string[];
}

/** Opens the models, engines and codecs of this machine. Starts no process yet. Throws where a setting names nothing. */
export async function openSpeechService(options: SpeechServiceOptions): Promise<SpeechService> {
  const { settings, log, metrics } = options;
  const modelDir = settings.modelDir || join(settings.dataDir, 'models');
  try {
    const finished = await finishInstalls(layoutOf(modelDir));
    if (finished.length > 0)
      log.info('Models that an earlier process had all but put in place are there', { finished });
  } catch (error) {
    log.warn('Models that an earlier process had all but put in place were left where they are', { error });
  }
  const catalog = await Catalog.read(modelDir, engineOptions(settings));
  for (const problem of catalog.problems) log.warn('A model was left out', { problem });
  const choices = new Choices(settings.dataDir, settings.limits.modelChoices);
  const names = new Names(catalog, settings, choices);
  const worker = await openLocalWorker({ source: catalog.source(), loadEngine, settings, log, metrics });
  for (const id of choices.pins) worker.pin(id, true);
  const router = new Router({ workers: [worker], limits: settings.limits, log, metrics });
  const media = openMedia({ limits: settings.limits, readable: options.recordings });
  const pronunciations =
    settings.ttsPronunciationDict === ''
      ? undefined
      : await loadPronunciations(settings.ttsPronunciationDict, settings.limits.pronunciationEntries);
  const cache = settings.ttsCacheEnabled
    ? await openSpeechCache({
        dir: settings.ttsCacheDir || join(settings.dataDir, 'cache'),
        maxBytes: settings.ttsCacheMaxMb * 1024 * 1024,
      })
    : undefined;
  metrics.watchModels(() =>
    router.status().models.map(({ id, waiting, running, processes, memoryBytes }) => ({
      model: id,
      waiting: waiting.interactive + waiting.batch,
      busy: running,
      processes,
      memoryBytes,
    })),
  );

  const wholeRecordings = new WholeRecordings(settings.limits.diarizationsAtOnce);
  return {
    wholeRecordings,
    ...{ settings, catalog, names, choices, router, worker, media, metrics, log, pronunciations, cache },
    async preload() {
      const load = async (name: string, find: () => string): Promise<void> => {
        try {
          await worker.load(find());
        } catch (error) {
          log.warn('A model could not be loaded at start', { model: name, error });
        }
      };
      for (const id of choices.pins) await load(id, () => id);
      for (const [kind, wanted] of [
        ['tts', settings.ttsPreloadModels],
        ['stt', settings.sttPreloadModels],
      ] as const) {
        for (const name of wanted) {
          await load(name, () => {
            const { id } = names.model(kind, name).manifest;
            worker.warm(id);
            return id;
          });
        }
      }
    },
    async close(graceMs) {
      await router.drain(graceMs);
      await router.close();
      await Promise.all([worker.close(), media.close(), cache?.close()]);
    },
  };
}
