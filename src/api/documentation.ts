import swagger from '@fastify/swagger';
import swaggerUi from '@fastify/swagger-ui';
import { jsonSchemaTransform, jsonSchemaTransformObject } from 'fastify-type-provider-zod';
import { z } from 'zod';
import type { App } from './app.ts';
import { PUBLIC } from './policy.ts';

/** Five bars of sound, as on the page. */
const LOGO = `<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" viewBox="0 0 40 40"><rect width="40" height="40" rx="8" fill="#0f6b62"/><g stroke="#fff" stroke-width="3" stroke-linecap="round"><path d="M8 17v6M14 12v16M20 7v26M26 13v14M32 17v6"/></g></svg>`;

/** Nothing from anywhere else, and nobody may frame it. */
const CONTENT_SECURITY_POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self' data:; " +
  "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

type Route = Parameters<typeof jsonSchemaTransform>[0];

/** Gives the wildcard at the end of a path a name: OpenAPI knows only parameters that have one. */
function named(route: Route): Route {
  if (!route.url.endsWith('/*')) return route;
  const params = z.object({ id: z.string().describe('May contain slashes') });
  return { ...route, url: route.url.replace(/\*$/, ':id'), schema: { ...route.schema, params } };
}

/** Collects the routes that are added after it, for `/openapi.json` and the reference page. */
export async function describeRoutes(app: App, version: string): Promise<void> {
  await app.register(swagger, {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'Open Speech',
        version,
        description:
          "Speech to text and text to speech on your own machine. The `/v1` routes are OpenAI's: point an OpenAI client's `base_url` here.",
        license: { name: 'MIT', identifier: 'MIT' },
      },
      components: { securitySchemes: { key: { type: 'http', scheme: 'bearer' } } },
      security: [{ key: [] }],
    },
    transform: (route) => jsonSchemaTransform(named(route)),
    transformObject: jsonSchemaTransformObject,
  });
}

/** `/openapi.json`, and a reference page at `/docs` whose every file comes from this server. */
export async function documentationRoutes(app: App): Promise<void> {
  app.get('/openapi.json', { config: { policy: PUBLIC }, schema: { hide: true } }, () => app.swagger());
  await app.register(swaggerUi, {
    routePrefix: '/docs',
    staticCSP: CONTENT_SECURITY_POLICY,
    uiConfig: { deepLinking: true, persistAuthorization: false, validatorUrl: null },
    theme: { title: 'Open Speech API' },
    logo: { type: 'image/svg+xml', content: Buffer.from(LOGO), href: '/' },
  });
}
