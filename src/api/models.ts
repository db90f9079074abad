import { z } from 'zod';
import { MODEL_GROUPS } from '../models/shipped.ts';
import { roomIn } from '../models/store/disk.ts';
import type { SpeechService } from '../speech/service.ts';
import type { App } from './app.ts';
import {
  changeResponses,
  type DescribeDeps,
  describeModel,
  describeOne,
  done,
  findModel,
  managedModel,
  modelStatuses,
  modelParams as params,
} from './managed-model.ts';
import { modelChoiceRoutes } from './model-choices.ts';
import { modelMemoryRoutes } from './model-memory.ts';
import { arrivalEvents } from './model-progress.ts';
import { withScope } from './policy.ts';
import { errorResponses, errorSchema } from './schemas.ts';
import { cancelWhenGone, EVENT_STREAM_HEADERS, sendStream } from './stream.ts';

export interface ModelRoutesDeps extends DescribeDeps, Pick<SpeechService, 'settings' | 'log'> {
  isDraining: () => boolean;
}

const consents = {
  allow_single_source: z.boolean({ error: 'must be true or false' }).default(false),
  accept_licence: z.boolean({ error: 'must be true or false' }).default(false),
};
const modelList = z.object({
  models: z.array(managedModel),
  freeBytes: z.int().nullable().describe('What the disk has room for; null where that is not known'),
});
const modelGroup = z.object({ models: z.array(managedModel) }).meta({ id: 'ManagedModels' });

/** Everything about models: which there are and can be had, fetching and removing them, memory, defaults and names. */
export function modelManagementRoutes(app: App, deps: ModelRoutesDeps): void {
  modelLibraryRoutes(app, deps);
  modelMemoryRoutes(app, deps);
  modelChoiceRoutes(app, deps);
}

/** `/api/models`: which models there are and can be had, fetching and removing them. */
function modelLibraryRoutes(app: App, deps: ModelRoutesDeps): void {
  const { library, settings, log } = deps;
  const read = { policy: withScope('models:read') };
  const write = { policy: withScope('models:write') };
  const tags = ['Models'];

  const list = async (): Promise<z.infer<typeof modelList>> => {
    const freeBytes = (await roomIn(settings.modelDir, settings.limits.diskReserveBytes)) ?? null;
    const known = modelStatuses(deps);
    return { models: library.list().map((model) => describeModel(deps, model, known)), freeBytes };
  };
  const begin = (
    name: string,
    consent: { allow_single_source: boolean; accept_licence: boolean } | null | undefined,
  ) => {
    const { id } = findModel(deps, name).manifest;
    const { allow_single_source: allowSingleSource = false, accept_licence: acceptLicence = false } = consent ?? {};
    library.begin(id, { allowSingleSource, acceptLicence });
    return describeOne(deps, id);
  };

  app.get(
    '/api/models',
    {
      config: read,
      schema: {
        tags,
        summary: 'List the models that are here or can be had',
        response: { 200: modelList, ...errorResponses },
      },
    },
    list,
  );

  app.post(
    '/api/models/refresh',
    {
      config: write,
      schema: {
        tags,
        summary: 'Look again which models are here',
        description: 'After something else than this server has put a model into the folder or taken one away.',
        response: { 200: modelList, ...errorResponses },
      },
    },
    async () => {
      await library.refresh();
      return await list();
    },
  );

  app.get(
    '/api/models/:id/status',
    {
      config: read,
      schema: { tags, summary: 'Describe one model', params, response: { 200: managedModel, ...errorResponses } },
    },
    (request) => describeOne(deps, request.params.id),
  );

  for (const [url, summary] of [
    ['/api/models/:id/download', 'Fetch a model'],
    ['/api/models/:id/prefetch', 'Fetch a model, by an older name of this route'],
    ['/api/pull/:id', 'Fetch a model, by another older name'],
  ] as const) {
    app.post(
      url,
      {
        config: write,
        schema: {
          tags,
          summary,
          description: 'Answers at once; `/progress` tells how it goes. Any number of requests share one download.',
          params,
          body: z.object(consents).nullish(),
          response: { 202: managedModel, ...changeResponses },
        },
      },
      (request, reply) => {
        reply.code(202);
        return begin(request.params.id, request.body);
      },
    );
  }

  app.post(
    '/api/pull',
    {
      config: write,
      schema: {
        tags,
        summary: 'Fetch the model that the body names',
        description:
          'As `POST /api/models/{id}/download`. `first` and `recommended` stand for several models, which are answered as a list.',
        body: z.object({ model: z.string().min(1).max(300), ...consents }),
        response: { 202: z.union([managedModel, modelGroup]), ...changeResponses },
      },
    },
    (request, reply) => {
      reply.code(202);
      const { model } = request.body;
      const group = MODEL_GROUPS.get(model);
      if (group === undefined) return begin(model, request.body);
      return { models: group.map((id) => begin(id, request.body)) };
    },
  );

  app.delete(
    '/api/models/:id/download',
    {
      config: write,
      schema: {
        tags,
        summary: 'Stop fetching a model',
        description:
          'For everybody who waits for it; answers once it has stopped, with the model as it is then. What has come is kept for some days, and the next download goes on from there; `DELETE …/artifacts` deletes it.',
        params,
        response: { 200: managedModel, ...changeResponses, 409: errorSchema.describe('Nobody fetches it here') },
      },
    },
    async (request) => {
      const { id } = findModel(deps, request.params.id).manifest;
      return describeOne(deps, await library.cancel(id));
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
      const { id } = findModel(deps, request.params.id).manifest;
      const cancel = cancelWhenGone(reply);
      return await sendStream(reply, arrivalEvents(library, id, cancel.signal, deps.isDraining), {
        headers: EVENT_STREAM_HEADERS,
        idleMs: settings.limits.responseIdleMs,
        cancel,
        log,
      });
    },
  );

  app.delete(
    '/api/models/:id/artifacts',
    {
      config: write,
      schema: {
        tags,
        summary: "Delete a model's files",
        description:
          'Refused for models that come with the server, that a setting names, that are pinned, a default or behind an alias.',
        params,
        response: { 200: done('deleted'), ...changeResponses },
      },
    },
    async (request) => {
      const { id } = findModel(deps, request.params.id).manifest;
      return { status: 'deleted' as const, model: await library.remove(id) };
    },
  );
}
