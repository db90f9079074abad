/** The description of the API: whole, true, and readable without any outside network. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { serveDuring, type TestServer } from './support/server.ts';

type Json = { [key: string]: Json } & { $ref?: string };
interface Operation {
  parameters?: { name: string; in: string; required?: boolean; schema?: object }[];
  requestBody?: { required?: boolean; content: Record<string, { schema?: Json }> };
  responses: Record<string, { description?: string; content?: Record<string, { schema?: Json }> }>;
  security?: object[];
  summary?: string;
  tags?: string[];
}
interface OpenApi {
  openapi: string;
  info: { title: string; version: string };
  paths: Record<string, Record<string, Operation>>;
  components: { schemas: Record<string, Json>; securitySchemes: Record<string, object> };
  security: object[];
}

async function described(t: TestContext): Promise<{ server: TestServer; api: OpenApi }> {
  const server = await serveDuring(t);
  const answer = await fetch(`${server.url}/openapi.json`);
  assert.match(answer.headers.get('content-type')!, /^application\/json/);
  return { server, api: (await answer.json()) as OpenApi };
}

/** As OpenAPI writes it. */
const pathOf = (url: string) => url.replace('*', '{id}').replace(/:(\w+)/g, '{$1}');

test('is OpenAPI 3.1, every reference in it resolves, and every parameter of a path is described', async (t) => {
  const { api } = await described(t);
  assert.match(api.openapi, /^3\.1\.\d+$/);
  assert.ok(api.info.title && api.info.version);
  const references: string[] = [];
  JSON.stringify(api, (key, value: unknown) => {
    if (key === '$ref') references.push(value as string);
    return value;
  });
  assert.ok(references.length > 10);
  for (const reference of references) {
    const target = reference
      .replace(/^#\//, '')
      .split('/')
      .reduce<Json | undefined>((at, key) => at?.[key], api as unknown as Json);
    assert.equal(typeof target, 'object', reference);
  }
  for (const [path, operations] of Object.entries(api.paths)) {
    assert.match(path, /^\/[\w/.-]*(\{\w+\}[\w/.-]*)*$/);
    const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    for (const [method, { parameters = [], responses }] of Object.entries(operations)) {
      assert.match(method, /^(get|post|put|delete|patch)$/);
      const inPath = parameters.filter((parameter) => parameter.in === 'path');
      assert.deepEqual(
        inPath.map(({ name }) => name),
        named,
        path,
      );
      assert.ok(inPath.every(({ required }) => required === true));
      for (const [status, { description }] of Object.entries(responses)) {
        assert.match(status, /^[1-5]\d\d$/);
        assert.ok(description, `${method} ${path} ${status}`);
      }
    }
  }
});

test('has every route of /v1 and /api with what goes in, what comes out and how it fails', async (t) => {
  const { server, api } = await described(t);
  const routes = server.server.routes.filter(
    // OpenAPI has no words for WebSockets; docs/sockets.md has.
    ({ url, method, socket }) => /^\/(v1|api)\//.test(url) && method !== 'HEAD' && !socket,
  );
  const listed = Object.entries(api.paths).flatMap(([path, operations]) =>
    Object.keys(operations).map((method) => `${method.toUpperCase()} ${path}`),
  );
  for (const { method, url, policy } of routes) {
    const path = pathOf(url);
    assert.ok(listed.includes(`${method} ${path}`), `${method} ${path}`);
    const operation = api.paths[path]![method.toLowerCase()]!;
    assert.ok(operation.summary && operation.tags?.length);
    assert.equal(policy.access, 'key');
    assert.ok((operation.security ?? api.security).length > 0, `${path} needs a key`);
    const success = Object.keys(operation.responses).find((status) => status.startsWith('2'))!;
    const contents = [Object.entries(operation.responses[success]!.content!)];
    if (operation.requestBody !== undefined) contents.push(Object.entries(operation.requestBody.content));
    else assert.ok(method !== 'POST' || url.startsWith('/api/'), `${path} takes a body`);
    for (const [type, { schema }] of contents.flat()) {
      assert.match(type, /^[\w-]+\/[\w.+-]+$/);
      assert.ok(
        Object.keys(schema!).some((key) => key === 'type' || key === '$ref' || key === 'anyOf'),
        `${path}: ${type}`,
      );
    }
    for (const status of ['400', '401', '403', '404', '413', '429', '500', '503', '504']) {
      const { schema } = operation.responses[status]!.content!['application/json']!;
      assert.equal(schema!.$ref, '#/components/schemas/Error', `${path} ${status}`);
    }
  }
  assert.deepEqual(api.paths['/v1/audio/speech']!.post!.requestBody!.content['application/json']!.schema!.required, [
    'input',
  ]);
  assert.deepEqual(
    api.paths['/v1/audio/transcriptions']!.post!.requestBody!.content['multipart/form-data']!.schema!.required,
    ['file'],
  );
});

test('has no route that does not exist, and none that is private', async (t) => {
  const { server, api } = await described(t);
  const routes = new Set(server.server.routes.map(({ method, url }) => `${method} ${pathOf(url)}`));
  for (const [path, operations] of Object.entries(api.paths)) {
    for (const method of Object.keys(operations)) assert.ok(routes.has(`${method.toUpperCase()} ${path}`), path);
  }
});

test('can be read at /docs, whose every file comes from this server and may load nothing else', async (t) => {
  const { server } = await described(t);
  const page = await fetch(`${server.url}/docs`);
  assert.equal(page.status, 200);
  const policy = page.headers.get('content-security-policy')!;
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /https?:|\*|\.io|unsafe/);
  const html = await page.text();
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map(([, path]) => path!);
  assert.ok(files.length >= 5);
  for (const path of files) {
    assert.match(path, /^\/(?!\/)/);
    const answer = await fetch(server.url + path);
    assert.equal(answer.status, 200, path);
    const text = await answer.text();
    if (!path.endsWith('.css')) continue;
    for (const [, address] of text.matchAll(/url\(\s*["']?([^"')]+)/g))
      assert.match(address!, /^(data:|#|\/(?!\/))/, path);
    assert.doesNotMatch(text, /@import/);
  }
  assert.doesNotMatch(html, /<script(?![^>]*\bsrc=)[^>]*>\s*\S/, 'no script in the page itself');
});
