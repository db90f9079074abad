import { z } from 'zod';
import { SpeechError } from '../errors.ts';
import { MODEL_KINDS } from '../models/manifest.ts';
import { consentsFor, diskBytes } from '../models/needs.ts';
import type { LibraryModel, ModelLibrary } from '../speech/library.ts';
import type { SpeechService } from '../speech/service.ts';
import type { RoutedModelStatus } from '../workers/router.ts';
import type { App } from './app.ts';
import { arrivalEvents } from './model-progress.ts';
import { withScope } from './policy.ts';
import { errorResponses, errorSchema } from './schemas.ts';
import { cancelWhenGone, EVENT_STREAM_HEADERS, sendStream } from './stream.ts';

export interface ModelRoutesDeps extends Pick<SpeechService, 'settings' | 'names' | 'router' | 'worker' | 'log'> {
  library: ModelLibrary;
  isDraining: () => boolean;
}

/** What can be said of a model, from one that is not here to one that is at work. */
const STATES = [
  ...['absent', 'queued', 'downloading', 'unpacking', 'verifying', 'failed'],
  ...['available', 'loading', 'loaded', 'unloading', 'quarantined', 'unavailable'],
] as const;

const managedModel = z
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
    progress: z.object({ bytes: z.int(), total: z.int(), rate: z.number().describe('Bytes a second') }).nullable(),
  })
  .meta({ id: 'ManagedModel' });
type ManagedModel = z.infer<typeof managedModel>;

const loadedModel = z
  .object({
    model: z.string(),
    kind: z.enum(MODEL_KINDS),
    engine: z.string(),
    state: z.enum(STATES),
    default: z.boolean(),
    processes: z.int(),
    residentBytes: z.int(),
    running: z.int().describe('Calls at work'),
    waiting: z.int().describe('Calls that wait for it'),
  })
  .meta({ id: 'LoadedModel' });

const consent = z
  .object({
    allow_single_source: z.boolean({ error: 'must be true or false' }).default(false),
    accept_licence: z.boolean({ error: 'must be true or false' }).default(false),
  })
  .nullish();

const params = z.object({ id: z.string().describe('Id or alias; slashes percent-encoded') });
const fetchResponses = {
  ...errorResponses,
  409: errorSchema.describe('It comes with the server, or something else changes it'),
};
const done = (status: string) => z.object({ status: z.literal(status), model: z.string() });

/** `/api/models` and `/api/ps`: which models there are and can be had, and bringing, loading and removing them. */
export function modelManagementRoutes(app: App, deps: ModelRoutesDeps): void {
  const { library, worker, router, settings, log } = deps;
  const read = { policy: withScope('models:read') };
  const write = { policy: withScope('models:write') };
  const tags = ['Models'];

  const statuses = (): Map<string, RoutedModelStatus> =>
    new Map(router.status().models.map((status) => [status.id, status]));
  const one = (name: string): ManagedModel => describeModel(deps, library.find(name), statuses());
  /** The id of a model that is here. */
  const presentId = (name: string): string => {
    const { manifest, present } = library.find(name);
    if (present !== undefined) return manifest.id;
    throw new SpeechError(
      'model_not_found',
      `The model '${manifest.id}' is not here. Get it with: ${pull(manifest.id)}`,
      {
        param: 'model',
      },
    );
  };

  app.get(
    '/api/models',
    {
      config: read,
      schema: {
        tags,
        summary: 'List the models that are here or can be had',
        response: { 200: z.object({ models: z.array(managedModel) }), ...errorResponses },
      },
    },
    () => {
      const known = statuses();
      return { models: library.list().map((model) => describeModel(deps, model, known)) };
    },
  );

  app.get(
    '/api/models/:id/status',
    {
      config: read,
      schema: { tags, summary: 'Describe one model', params, response: { 200: managedModel, ...errorResponses } },
    },
    (request) => one(request.params.id),
  );

  app.post(
    '/api/models/:id/download',
    {
      config: write,
      schema: {
        tags,
        summary: 'Fetch a model',
        description: 'Answers at once; `/progress` tells how it goes. Any number of requests share one download.',
        params,
        body: consent,
        response: { 202: managedModel, ...fetchResponses },
      },
    },
    (request, reply) => {
      const { id } = request.params;
      const { allow_single_source: allowSingleSource = false, accept_licence: acceptLicence = false } =
        request.body ?? {};
      library.begin(id, { allowSingleSource, acceptLicence });
      reply.code(202);
      return one(id);
    },
  );

  app.get(
    '/api/models/:id/progress',
    {
      config: read,
      schema: {
        tags,
        summary: 'Follow how a model is fetched',
        description:
          'Server-sent events, at least one a second: `model.progress` with `state`, `bytes`, `total` and `rate`. The last is `model.ready`, `model.failed` with an `error`, or `model.absent` where nobody fetches it.',
        params,
        response: {
          200: { description: 'Events', content: { 'text/event-stream': { schema: z.string() } } },
          ...errorResponses,
        },
      },
    },
    async (request, reply) => {
      const { id } = library.find(request.params.id).manifest;
      const cancel = cancelWhenGone(reply);
      return await sendStream(reply, arrivalEvents(library, id, cancel.signal, deps.isDraining), {
        headers: EVENT_STREAM_HEADERS,
        idleMs: settings.limits.responseIdleMs,
        cancel,
        log,
      });
    },
  );

  app.post(
    '/api/models/:id/load',
    {
      config: write,
      schema: {
        tags,
        summary: 'Load a model into memory',
        description: 'Answers when it is loaded. A model in quarantine is tried again.',
        params,
        response: { 200: managedModel, ...errorResponses },
      },
    },
    async (request) => {
      const id = presentId(request.params.id);
      await worker.load(id);
      return one(id);
    },
  );

  app.delete(
    '/api/models/:id',
    {
      config: write,
      schema: {
        tags,
        summary: "Give a model's memory back",
        description: 'Running calls end first. Its files stay.',
        params,
        response: { 200: done('unloaded'), ...errorResponses },
      },
    },
    async (request) => {
      const id = presentId(request.params.id);
      const status = worker.status(id);
      if (status === undefined || status.processes === 0) {
        throw new SpeechError('not_found', `The model '${id}' is not loaded.`, { param: 'model' });
      }
      await worker.unload(id);
      return { status: 'unloaded', model: id };
    },
  );

  app.delete(
    '/api/models/:id/artifacts',
    {
      config: write,
      schema: {
        tags,
        summary: "Delete a model's files",
        description: 'Refused for models that come with the server or that a setting names.',
        params,
        response: { 200: done('deleted'), ...fetchResponses },
      },
    },
    async (request) => ({ status: 'deleted', model: await library.remove(request.params.id) }),
  );

  app.get(
    '/api/ps',
    {
      config: read,
      schema: {
        tags,
        summary: 'List the models in memory',
        response: { 200: z.object({ models: z.array(loadedModel) }), ...errorResponses },
      },
    },
    () => {
      const known = statuses();
      const models = library.list().flatMap((model) => {
        const status = known.get(model.manifest.id);
        if (status === undefined || status.processes === 0) return [];
        const { id, kind, engine, state, default: isDefault, residentBytes } = describeModel(deps, model, known);
        const { processes, running, waiting } = status;
        return {
          ...{ model: id, kind, engine, state, default: isDefault, processes, residentBytes, running },
          waiting: waiting.interactive + waiting.batch,
        };
      });
      return { models };
    },
  );
}

function describeModel(
  { library, names }: ModelRoutesDeps,
  { manifest, present }: LibraryModel,
  statuses: ReadonlyMap<string, RoutedModelStatus>,
): ManagedModel {
  const { id, kind, engine, description, memoryBytes, licence, commercialUse, languages } = manifest;
  const arrival = library.arrival(id);
  const status = statuses.get(id);
  const here =
    present === undefined
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
    aliases: present === undefined ? manifest.aliases : names.aliases(present),
    progress: 'bytes' in arrival ? { bytes: arrival.bytes, total: arrival.total, rate: arrival.rate } : null,
  };
}

const pull = (id: string): string => `open-speech models pull ${id}`;
