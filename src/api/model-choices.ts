import { z } from 'zod';
import { TASKS } from '../models/choices.ts';
import { chooseAlias, chooseDefault } from '../models/choose.ts';
import type { App } from './app.ts';
import { changeResponses } from './managed-model.ts';
import type { ModelRoutesDeps } from './models.ts';
import { withScope } from './policy.ts';
import { errorResponses } from './schemas.ts';

const language = z.string().max(64).nullable().describe('BCP 47, its regions included; null for all other languages');
const model = z.string().min(1).max(300);
const defaults = z
  .object({
    defaults: z.array(
      z.object({
        task: z.enum(TASKS),
        language,
        model: z.string(),
        source: z.enum(['setting', 'operator']).describe('`PUT` can take back what the operator chose'),
      }),
    ),
  })
  .meta({ id: 'DefaultModels' });
const aliases = z
  .object({
    aliases: z.array(
      z.object({ alias: z.string(), model: z.string(), source: z.enum(['manifest', 'setting', 'operator']) }),
    ),
  })
  .meta({ id: 'ModelAliases' });

/** `/api/defaults` and `/api/aliases`: what callers get who name no model, and the names that stand for one. */
export function modelChoiceRoutes(app: App, { names, choices }: ModelRoutesDeps): void {
  const read = { policy: withScope('models:read') };
  const write = { policy: withScope('models:write') };
  const tags = ['Models'];
  const deps = { names, choices };
  const allDefaults = (): z.infer<typeof defaults> => ({ defaults: [...names.defaults()] });
  const allAliases = (): z.infer<typeof aliases> => ({ aliases: names.aliasList() });

  app.get(
    '/api/defaults',
    {
      config: read,
      schema: {
        tags,
        summary: 'List the default models that somebody chose',
        description: 'In settings, or with `PUT`, which wins. Where nobody chose, callers get the best model there is.',
        response: { 200: defaults, ...errorResponses },
      },
    },
    allDefaults,
  );

  app.put(
    '/api/defaults',
    {
      config: write,
      schema: {
        tags,
        summary: 'Choose a default model, or with null take the choice back',
        body: z.object({ task: z.enum(TASKS), language, model: model.nullable() }),
        response: { 200: defaults, ...changeResponses },
      },
    },
    (request) => {
      const { task, language, model } = request.body;
      chooseDefault(deps, task, language, model);
      return allDefaults();
    },
  );

  app.get(
    '/api/aliases',
    {
      config: read,
      schema: { tags, summary: 'List the names that stand for models', response: { 200: aliases, ...errorResponses } },
    },
    allAliases,
  );

  app.put(
    '/api/aliases',
    {
      config: write,
      schema: {
        tags,
        summary: 'Let a name stand for a model, or with null take that back',
        body: z.object({ alias: z.string().min(1).max(300), model: model.nullable() }),
        response: { 200: aliases, ...changeResponses },
      },
    },
    (request) => {
      chooseAlias(deps, request.body.alias, request.body.model);
      return allAliases();
    },
  );
}
