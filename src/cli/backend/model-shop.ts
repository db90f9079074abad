import type { Settings } from '../../config/kinds.ts';
import { SpeechError } from '../../errors.ts';
import type { ModelKind } from '../../models/manifest.ts';
import { consentsFor, diskBytes } from '../../models/needs.ts';
import { networkHelp } from '../../models/network-help.ts';
import { commandLog } from './command-log.ts';
import { call, type ServerAddress, textOf } from './http.ts';
import { serverEvents } from './server-events.ts';

/** A model that can be had, as far as `GET /api/models` and the catalogue agree on its fields. */
export interface OfferedModel {
  id: string;
  kind: ModelKind;
  engine: string;
  description: string;
  packaged: boolean;
  present: boolean;
  sizeBytes: number;
  memoryBytes: number | null;
  licence: string;
  commercialUse: boolean | null;
  consents: readonly string[];
  languages: readonly string[];
  aliases: readonly string[];
}

export interface PullProgress {
  state: string;
  bytes: number;
  total: number;
  /** Bytes a second. */
  rate: number;
}

export interface PullOrder {
  allowSingleSource: boolean;
  acceptLicence: boolean;
  signal: AbortSignal;
  onProgress: (progress: PullProgress) => void;
}

/** Whoever brings models and takes them away for a command: a server, or this process in the models folder. */
export interface ModelShop {
  /** Returns what the model still lacks on that machine, and what gets it, as a sentence. */
  pull(name: string, order: PullOrder): Promise<string | undefined>;
  /** Returns the model's id. */
  remove(name: string): Promise<string>;
  close(): Promise<void>;
}

const ANSWER_MS = 10_000;
/** The server tells of a download once a second at least. */
const EVENT_MS = 30_000;

/** Every model that can be had, those that are here among them. Without a server it only reads. */
export async function offeredModels(server: ServerAddress | undefined, settings: Settings): Promise<OfferedModel[]> {
  if (server !== undefined) {
    const response = await call(server, { method: 'GET', path: '/api/models', idleMs: ANSWER_MS });
    return (JSON.parse(await textOf(response)) as { models: OfferedModel[] }).models;
  }
  const { Catalog } = await import('../../models/catalog.ts');
  const { engineOptions } = await import('../../models/engine-options.ts');
  const { shippedManifests } = await import('../../models/shipped.ts');
  const catalog = await Catalog.read(settings.modelDir, engineOptions(settings));
  const besides = (await shippedManifests()).filter(({ id }) => catalog.get(id) === undefined);
  const here = catalog.list().map(({ manifest, packaged }) => ({ manifest, packaged, present: true }));
  const all = [...here, ...besides.map((manifest) => ({ manifest, packaged: false, present: false }))];
  return all.map(({ manifest, packaged, present }) => {
    const { id, kind, engine, description, licence, languages, aliases, memoryBytes = null } = manifest;
    return {
      ...{ id, kind, engine, description, packaged, present, licence, languages, aliases, memoryBytes },
      sizeBytes: diskBytes(manifest),
      commercialUse: manifest.commercialUse ?? null,
      consents: packaged ? [] : consentsFor(manifest),
    };
  });
}

export async function openModelShop(server: ServerAddress | undefined, settings: Settings): Promise<ModelShop> {
  return server === undefined ? await openOwnShop(settings) : serverShop(server, settings.limits.requestTimeoutMs);
}

async function openOwnShop(settings: Settings): Promise<ModelShop> {
  const library = await openOwnLibrary(settings);
  return {
    async pull(name, { allowSingleSource, acceptLicence, signal, onProgress }) {
      try {
        await library.install(name, { allowSingleSource, acceptLicence, signal, onProgress });
      } catch (error) {
        if (error instanceof SpeechError) throw helpful(error.message, error.code);
        throw error;
      }
      const { available, reason, remedy } = library.find(name).present ?? { available: true };
      return available ? undefined : lacking({ reason, remedy });
    },
    remove: (name) => library.remove(name),
    close: () => library.close(),
  };
}

/** The models folder of these settings, with what can be done to it. */
export async function openOwnLibrary(settings: Settings) {
  const { prepareDataDir } = await import('../../storage/data-dir.ts');
  const { Catalog } = await import('../../models/catalog.ts');
  const { engineOptions } = await import('../../models/engine-options.ts');
  const { openLibrary } = await import('../../speech/library.ts');
  prepareDataDir(settings.dataDir);
  const catalog = await Catalog.read(settings.modelDir, engineOptions(settings));
  return await openLibrary({ settings, catalog, log: commandLog(settings) });
}

const at = (name: string, rest: string): string => `/api/models/${encodeURIComponent(name)}/${rest}`;

/** Ends what a server fetches, once it has ended there. Returns the model's id. */
export async function cancelPull(
  name: string,
  server: ServerAddress,
  { limits }: Settings,
  signal: AbortSignal,
): Promise<string> {
  const request = { method: 'DELETE', path: at(name, 'download'), idleMs: limits.requestTimeoutMs, signal } as const;
  return (JSON.parse(await textOf(await call(server, request))) as { id: string }).id;
}

function serverShop(server: ServerAddress, idleMs: number): ModelShop {
  const lacks = async (name: string, signal: AbortSignal): Promise<string | undefined> => {
    const answer = await call(server, { method: 'GET', path: at(name, 'status'), idleMs: ANSWER_MS, signal });
    const { state, ...why } = JSON.parse(await textOf(answer)) as Lack & { state: string };
    return state === 'unavailable' ? lacking(why) : undefined;
  };
  return {
    async pull(name, { allowSingleSource, acceptLicence, signal, onProgress }) {
      const begun = await call(server, {
        method: 'POST',
        path: at(name, 'download'),
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ allow_single_source: allowSingleSource, accept_licence: acceptLicence }),
        idleMs: ANSWER_MS,
        signal,
      });
      await textOf(begun);
      onProgress({ state: 'queued', bytes: 0, total: 0, rate: 0 });
      const followed = await call(server, { method: 'GET', path: at(name, 'progress'), idleMs: EVENT_MS, signal });
      for await (const event of serverEvents(followed)) {
        if (event.type === 'model.ready') return await lacks(name, signal);
        if (event.type === 'model.absent') throw new Error(`${server.url}: somebody has cancelled it`);
        if (event.error !== undefined) throw helpful(`${server.url}: ${event.error.message}`, event.error.code);
        if (event.type === 'model.progress') onProgress(event as unknown as PullProgress);
      }
      throw new Error(`${server.url} ended before the model was there`);
    },
    async remove(name) {
      const response = await call(server, { method: 'DELETE', path: at(name, 'artifacts'), idleMs });
      return (JSON.parse(await textOf(response)) as { model: string }).model;
    },
    async close() {},
  };
}

interface Lack {
  reason?: string | null | undefined;
  remedy?: string | null | undefined;
}

function lacking({ reason, remedy }: Lack): string | undefined {
  if (!reason) return undefined;
  return remedy ? `${reason}. Get it with: ${remedy}` : reason;
}

/** A failure that may lie in the network, with what helps against that. */
function helpful(message: string, code: string | undefined): Error {
  return new Error([message, networkHelp(code)].filter(Boolean).join(' '));
}
