import { z } from 'zod';
import { SpeechError } from '../errors.ts';
import { MODEL_KINDS } from '../models/manifest.ts';
import { consentsFor, diskBytes } from '../models/needs.ts';
import type { LibraryModel, ModelLibrary } from '../speech/library.ts';
import type { SpeechService } from '../speech/service.ts';
import type { RoutedModelStatus } from '../workers/router.ts';
import { errorResponses, errorSchema } from './schemas.ts';

/** What every route about models stands on. */
export interface DescribeDeps extends Pick<SpeechService, 'names' | 'router' | 'worker' | 'choices'> {
  library: ModelLibrary;
}

export const modelParams = z.object({ id: z.string().describe('Id or alias; slashes percent-encoded') });
/** What a route may answer besides that changes what a model is or what names it. */
export const changeResponses = {
  ...errorResponses,
  409: errorSchema.describe('It comes with the server, or something else names or changes it'),
};
export const done = <S extends string>(status: S) => z.object({ status: z.literal(status), model: z.string() });

/** What can be said of a model, from one that is not here to one that is at work. */
export const STATES = [
  ...['absent', 'queued', 'downloading', 'unpacking', 'verifying', 'failed'],
  ...['available', 'loading', 'loaded', 'unloading', 'quarantined', 'unavailable'],
] as const;

export const managedModel = z
  .object({
    id: z.string(),
    kind: z.enum(MODEL_KINDS),
    engine: z.string(),
    description: z.string(),
    state: z.enum(STATES),
    reason: z.string().nullable().describe('Why it failed, is quarantined or cannot be used'),
    remedy: z.string().nullable().describe('What mends that'),
    packaged: z.boolean().describe('Comes with the server, and cannot be fetched or removed'),
    present: z.boolean().describe('Its files are here'),
    default: z.boolean().describe('What a caller gets who names no model'),
    sizeBytes: z.int().describe('Of its files, or of the archive that they come in'),
    memoryBytes: z.int().nullable().describe('Estimate of what a process takes that holds it'),
    residentBytes: z.int().describe('What its processes take now'),
    licence: z.string(),
    commercialUse: z.boolean().nullable().describe('Null where nobody has said'),
    consents: z
      .array(z.enum(['allow_single_source', 'accept_licence']))
      .describe('What has to be agreed to before it is fetched'),
    languages: z.array(z.string()),
    aliases: z.array(z.string()),
    loadedAt: z.iso.datetime().nullable().describe('Since when it is in memory'),
    lastUsedAt: z.iso.datetime().nullable().describe('When it last began or ended a call'),
    ttlRemainingMs: z
      .int()
      .nullable()
      .describe('Until it gives its memory back where nobody uses it; null where nothing counts down'),
    pinned: z.boolean().describe('Stays in memory once it is loaded'),
    defaultFor: z
      .array(z.string())
      .describe(
        'Languages (BCP 47) whose callers get it who name no model; `*` for all without a default of their own',
      ),
    notes: z.array(z.object({ text: z.string(), source: z.string() })).describe('What is known of it, and from where'),
    progress: z.object({ bytes: z.int(), total: z.int(), rate: z.number().describe('Bytes a second') }).nullable(),
  })
  .meta({ id: 'ManagedModel' });
export type ManagedModel = z.infer<typeof managedModel>;

/** Everything there is to say of one model. */
export function describeModel(
  { library, names, worker, choices }: DescribeDeps,
  { manifest, present }: LibraryModel,
  statuses: ReadonlyMap<string, RoutedModelStatus>,
): ManagedModel {
  const { id, kind, engine, description, memoryBytes, licence, commercialUse, languages, notes = [] } = manifest;
  const arrival = library.arrival(id);
  const status = statuses.get(id);
  const residence = worker.residence(id);
  // One that cannot be used while it is mended is on its way.
  const mended = status?.state === 'quarantined' && !['absent', 'ready', 'failed'].includes(arrival.state);
  const here =
    present === undefined || mended
      ? undefined
      : {
          state: present.available ? (status?.state ?? 'available') : 'unavailable',
          reason: status?.reason ?? present.reason ?? null,
          remedy: present.remedy ?? null,
        };
  const consents = consentsFor(manifest);
  const flags = consents.map((field) => ` --${field.replaceAll('_', '-')}`).join('');
  const away =
    arrival.state === 'failed'
      ? { state: 'failed' as const, reason: arrival.error.message, remedy: pull(id) + flags }
      : // Files that are here and make no model: its manifest was left out.
        {
          state: arrival.state === 'ready' ? ('unavailable' as const) : arrival.state,
          reason: null,
          remedy: pull(id) + flags,
        };
  return {
    ...{ id, kind, engine, description },
    ...(here ?? away),
    packaged: present?.packaged ?? false,
    present: present !== undefined,
    default: present !== undefined && names.default(kind) === present,
    sizeBytes: diskBytes(manifest),
    memoryBytes: memoryBytes ?? null,
    residentBytes: status?.memoryBytes ?? 0,
    ...{ licence, commercialUse: commercialUse ?? null, consents: present?.packaged ? [] : consents, languages },
    loadedAt: isoTime(residence?.loadedAt),
    lastUsedAt: isoTime(residence?.lastUsedAt),
    ttlRemainingMs: residence?.ttlRemainingMs ?? null,
    pinned: choices.pins.includes(id),
    defaultFor: present === undefined ? [] : names.defaultFor(present),
    notes,
    aliases: present === undefined ? manifest.aliases : names.aliases(present),
    progress: 'bytes' in arrival ? { bytes: arrival.bytes, total: arrival.total, rate: arrival.rate } : null,
  };
}

/** The command that gets a model. */
export const pull = (id: string): string => `open-speech models pull ${id}`;

/** ISO 8601 of a time in Unix ms. */
export function isoTime(ms: number | undefined): string | null {
  return ms === undefined ? null : new Date(ms).toISOString();
}

/**
 * The model of this id, here or to be had, else the one that it is an alias of. Throws SpeechError `model_not_found`.
 */
export function findModel({ library, names }: DescribeDeps, name: string): LibraryModel {
  const named = library.list().find(({ manifest }) => manifest.id === name);
  return named ?? library.find(names.find(name)?.manifest.id ?? name);
}

/** The id of a model that is here. Throws SpeechError `model_not_found`, with how to get it. */
export function presentId(deps: DescribeDeps, name: string): string {
  const { manifest, present } = findModel(deps, name);
  if (present !== undefined) return manifest.id;
  throw new SpeechError(
    'model_not_found',
    `The model '${manifest.id}' is not here. Get it with: ${pull(manifest.id)}`,
    { param: 'model' },
  );
}

/** What the router says of every model, by id. */
export function modelStatuses({ router }: DescribeDeps): Map<string, RoutedModelStatus> {
  return new Map(router.status().models.map((status) => [status.id, status]));
}

export function describeOne(deps: DescribeDeps, name: string): ManagedModel {
  return describeModel(deps, findModel(deps, name), modelStatuses(deps));
}
