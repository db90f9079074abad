import assert from 'node:assert/strict';
import { test } from 'node:test';
import { methodFinder } from './methods.ts';
import { PUBLIC, type RoutePolicy } from './policy.ts';

const route = (method: string, url: string): RoutePolicy => ({ method, url, policy: PUBLIC, socket: false });

test('a path has the methods of every route that it means, and no others', () => {
  const routes = [route('GET', '/'), route('GET', '/v1/models/*')];
  const methods = methodFinder(routes);
  routes.push(route('POST', '/api/models/:id/load'), route('HEAD', '/v1/models/*'), route('PUT', '/a.b'));
  assert.deepEqual(methods('/'), ['GET']);
  assert.deepEqual(methods('/v1/models/a/b'), ['GET', 'HEAD']);
  assert.deepEqual(methods('/api/models/x/load'), ['POST']);
  assert.deepEqual(methods('/api/models/x/load/'), ['POST']);
  assert.deepEqual(methods('/a.b'), ['PUT']);
  for (const path of ['/api/models/x/y/load', '/v1/models', '/axb', '', 'x/v1/models/a', '/api/models//load']) {
    assert.deepEqual(methods(path), path === '' ? ['GET'] : [], path);
  }
});
