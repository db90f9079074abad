import { z } from 'zod';
import { SpeechError } from '../../errors.ts';
import type { Catalog, CatalogModel } from '../../models/catalog.ts';
import type { Names } from '../../models/names.ts';
import type { App } from '../app.ts';
import { withScope } from '../policy.ts';
import { errorResponses } from '../schemas.ts';
import { languageField, modelField } from './fields.ts';

const modelSchema = z
  .object({ id: z.string(), object: z.literal('model'), created: z.int(), owned_by: z.string() })
  .meta({ id: 'Model' });

const voiceSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    language: z.string().describe('BCP 47'),
    gender: z.enum(['female', 'male', 'neutral']).nullable(),
    model: z.string(),
  })
  .meta({ id: 'Voice' });

/** `GET /v1/models`, `/v1/models/{id}` and `/v1/audio/voices`: what there is to name. */
export function modelRoutes(app: App, { catalog, names }: { catalog: Catalog; names: Names }): void {
  const config = { policy: withScope('speech', 'models:read') };

  app.get(
    '/v1/models',
    {
      config,
      schema: {
        tags: ['Models'],
        summary: 'List the models',
        description: "Models that are available, and OpenAI's names for the defaults.",
        response: { 200: z.object({ object: z.literal('list'), data: z.array(modelSchema) }), ...errorResponses },
      },
    },
    () => {
      const data = catalog
        .list()
        .filter((model) => model.available)
        .flatMap((model) => [model.manifest.id, ...names.aliases(model)].map((id) => entry(id, model)));
      return { object: 'list' as const, data };
    },
  );

  app.get(
    // A wildcard: ids may contain slashes, sent as they are or percent-encoded.
    '/v1/models/*',
    {
      config,
      schema: {
        tags: ['Models'],
        summary: 'Describe a model',
        params: z.object({ '*': z.string() }),
        response: { 200: modelSchema, ...errorResponses },
      },
    },
    (request) => {
      const id = request.params['*'];
      const model = find(id);
      if (model === undefined) {
        throw new SpeechError('model_not_found', `There is no model '${id.slice(0, 80)}'.`, { param: 'model' });
      }
      return entry(id, model);
    },
  );

  app.get(
    '/v1/audio/voices',
    {
      config,
      schema: {
        tags: ['Speech'],
        summary: 'List the voices',
        querystring: z.object({ model: modelField.optional(), language: languageField.optional() }),
        response: { 200: z.object({ voices: z.array(voiceSchema) }), ...errorResponses },
      },
    },
    (request) => {
      const { model, language } = request.query;
      const models =
        model === undefined
          ? catalog.list().filter((candidate) => candidate.available && candidate.manifest.kind === 'tts')
          : [names.model('tts', model)];
      const tag = language?.toLowerCase();
      const voices = models.flatMap(({ manifest, capabilities }) =>
        (capabilities.speak?.voices ?? [])
          .filter((voice) => tag === undefined || `${voice.language.toLowerCase()}-`.startsWith(`${tag}-`))
          .map(({ id, name, language, gender }) => ({
            id,
            name,
            language,
            gender: gender ?? null,
            model: manifest.id,
          })),
      );
      return { voices };
    },
  );

  function find(id: string): CatalogModel | undefined {
    return names.find(id) ?? catalog.list().find((model) => names.aliases(model).includes(id));
  }
}

function entry(id: string, model: CatalogModel): z.infer<typeof modelSchema> {
  return { id, object: 'model', created: model.created, owned_by: `open-speech/${model.manifest.engine}` };
}
