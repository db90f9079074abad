import { z } from 'zod';
import { SpeechError } from '../errors.ts';
import { MODEL_KINDS } from '../models/manifest.ts';
import type { App } from './app.ts';
import {
  changeResponses,
  describeModel,
  describeOne,
  done,
  findModel,
  managedModel,
  modelStatuses,
  modelParams as params,
  presentId,
  STATES,
} from './managed-model.ts';
import type { ModelRoutesDeps } from './models.ts';
import { withScope } from './policy.ts';
import { errorResponses } from './schemas.ts';

const loadedModel = z
  .object({
    model: z.string(),
    kind: z.enum(MODEL_KINDS),
    engine: z.string(),
    state: z.enum(STATES),
    default: z.boolean(),
    pinned: z.boolean(),
    processes: z.int(),
    residentBytes: z.int(),
    running: z.int().describe('Calls at work'),
    waiting: z.int().describe('Calls that wait for it'),
    loaded_at: z.iso.datetime().nullable(),
    last_used_at: z.iso.datetime().nullable(),
    ttl_remaining: z.number().nullable().describe('Seconds; null where nothing counts down'),
  })
  .meta({ id: 'LoadedModel' });

/** Which models are in memory: loading, unloading and pinning them. */
export function modelMemoryRoutes(app: App, deps: ModelRoutesDeps): void {
  const { library, worker, choices, log } = deps;
  const read = { policy: withScope('models:read') };
  const write = { policy: withScope('models:write') };
  const tags = ['Models'];

  const unload = async (name: string): Promise<{ status: 'unloaded'; model: string }> => {
    const id = presentId(deps, name);
    const status = worker.status(id);
    // One that is only about to load has no process yet.
    if (status === undefined || (status.processes === 0 && status.state !== 'loading')) {
      throw new SpeechError('not_found', `The model '${id}' is not loaded.`, { param: 'model' });
    }
    await worker.unload(id);
    return { status: 'unloaded', model: id };
  };

  app.post(
    '/api/models/:id/load',
    {
      config: write,
      schema: {
        tags,
        summary: 'Load a model into memory',
        description:
          'Answers when it is loaded. Idle models make way where there is no room. A model in quarantine is tried again.',
        params,
        response: { 200: managedModel, ...changeResponses },
      },
    },
    async (request) => {
      const id = presentId(deps, request.params.id);
      await worker.load(id);
      return describeOne(deps, id);
    },
  );

  app.post(
    '/api/ps/:id',
    {
      config: write,
      schema: {
        tags,
        summary: 'Load a model into memory, by an older name of this route',
        description: 'No other model is unloaded for it unless there is no room.',
        params,
        response: { 200: done('loaded'), ...changeResponses },
      },
    },
    async (request) => {
      const model = presentId(deps, request.params.id);
      await worker.load(model);
      return { status: 'loaded' as const, model };
    },
  );

  for (const [method, url, summary] of [
    ['POST', '/api/models/:id/unload', "Give a model's memory back"],
    ['DELETE', '/api/models/:id', "Give a model's memory back, by an older name of this route"],
    ['DELETE', '/api/ps/:id', "Give a model's memory back, by another older name"],
  ] as const) {
    app.route({
      method,
      url,
      config: write,
      schema: {
        tags,
        summary,
        description: 'Running calls end first. Its files stay.',
        params,
        response: { 200: done('unloaded'), ...errorResponses },
      },
      handler: async (request) => await unload(request.params.id),
    });
  }

  app.put(
    '/api/models/:id/pin',
    {
      config: write,
      schema: {
        tags,
        summary: 'Keep a model in memory',
        description:
          'It is loaded now, if it can be, and at every start; it is not unloaded for being idle and makes way for no other. `unload` still ends it until the next call.',
        params,
        response: { 200: managedModel, ...changeResponses },
      },
    },
    (request) => {
      const id = presentId(deps, request.params.id);
      choices.pin(id, true);
      worker.pin(id, true);
      // Its state tells how that goes.
      worker.load(id).catch((error) => log.warn('A pinned model could not be loaded', { model: id, error }));
      return describeOne(deps, id);
    },
  );

  app.delete(
    '/api/models/:id/pin',
    {
      config: write,
      schema: {
        tags,
        summary: 'Let a model leave memory again',
        params,
        response: { 200: managedModel, ...changeResponses },
      },
    },
    (request) => {
      const { id: name } = request.params;
      // Also one whose files somebody took away.
      const id = choices.pins.includes(name) ? name : findModel(deps, name).manifest.id;
      choices.pin(id, false);
      worker.pin(id, false);
      return describeOne(deps, id);
    },
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
      const known = modelStatuses(deps);
      const models = library.list().flatMap((model) => {
        const status = known.get(model.manifest.id);
        if (status === undefined || status.processes === 0) return [];
        const told = describeModel(deps, model, known);
        const { id, kind, engine, state, pinned, residentBytes, ttlRemainingMs } = told;
        const { processes, running, waiting } = status;
        return {
          ...{ model: id, kind, engine, state, default: told.default, pinned, processes, residentBytes, running },
          waiting: waiting.interactive + waiting.batch,
          loaded_at: told.loadedAt,
          last_used_at: told.lastUsedAt,
          ttl_remaining: ttlRemainingMs === null ? null : ttlRemainingMs / 1000,
        };
      });
      return { models };
    },
  );
}
