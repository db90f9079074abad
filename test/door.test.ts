/** The closed door: who may call what. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { after, before, describe, test } from 'node:test';
import fastify from 'fastify';
import { SCOPES } from '../src/accounts/scopes.ts';
import { PUBLIC, requirePolicies } from '../src/api/policy.ts';
import { loadSettings } from '../src/config/load.ts';
import { assertError, assertUnharmed } from './support/answers.ts';
import { makeKey, withKeys, withToken } from './support/keys.ts';
import { exchange, requestHead } from './support/raw.ts';
import { callsOf } from './support/routes.ts';
import { serveDuring, startServer, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

let server: TestServer;
before(async () => {
  server = await startServer({ tones: true, env: { OS_MAX_AUTH_FAILURES: '10000' } });
});
after(async () => {
  await assertUnharmed(server);
  await server.stop();
});

describe('without a key', () => {
  const wrongs: [string, string, string[]][] = [
    ['no key', '', []],
    ['a wrong key', '', ['Authorization: Bearer os_wrong0123456789wrong0123456789wrong0123456789']],
    ['a key that is not ASCII', '', ['Authorization: Bearer schlüssel-größe-☃']],
    ['the right key with more behind it', '', [`Authorization: Bearer ${TEST_KEY}x`]],
    ['the right key, cut short', '', [`Authorization: Bearer ${TEST_KEY.slice(0, -1)}`]],
    ['the right key in another scheme', '', [`Authorization: Basic ${Buffer.from(`:${TEST_KEY}`).toString('base64')}`]],
    ['the right key without its scheme', '', [`Authorization: ${TEST_KEY}`]],
    ['two keys', '', [`Authorization: Bearer wrong ${TEST_KEY}`]],
    ['an empty key', '', ['Authorization: Bearer ']],
    ['the right key in the query', `?api_key=${TEST_KEY}`, []],
    ['the right key in another query', `?key=${TEST_KEY}&token=${TEST_KEY}&access_token=${TEST_KEY}`, []],
    [
      'the right key in other headers',
      '',
      [`X-Api-Key: ${TEST_KEY}`, `Api-Key: ${TEST_KEY}`, `Cookie: key=${TEST_KEY}`],
    ],
  ];

  for (const [what, query, headers] of wrongs) {
    test(`${what}: every route answers 401, apart from the public ones`, async () => {
      for (const { method, path, open } of callsOf(server)) {
        const answer = await exchange(server.url, requestHead(`${method} ${path}${query}`, ...headers));
        const name = `${method} ${path}`;
        if (open) assert.notEqual(answer.status, 401, name);
        else {
          assert.equal(answer.status, 401, name);
          assert.equal(answer.headers['www-authenticate'], 'Bearer');
          if (method !== 'HEAD') await assertError(answer, { status: 401, code: 'invalid_api_key', param: null });
        }
      }
    });
  }

  test('a key in the query is refused with the way to send it, and never repeated', async () => {
    const answer = await fetch(`${server.url}/v1/models?api_key=${TEST_KEY}`);
    const says = /in the URL .*Authorization: Bearer/;
    const message = await assertError(answer, { status: 401, code: 'invalid_api_key', says });
    assert.ok(!message.includes(TEST_KEY));
  });

  test('public routes say nothing about the owner, the machine or what it can do', async () => {
    const secrets = [TEST_KEY, server.dataDir, homedir(), hostname(), 'tone-voice', 'tone-ear', process.version];
    const paths = callsOf(server).filter(({ open, method }) => open && method === 'GET');
    assert.ok(paths.length >= 5);
    for (const { path } of [...paths, { path: '/nowhere' }, { path: '/docs/static/index.html' }]) {
      const answer = await fetch(server.url + path);
      const all = JSON.stringify([...answer.headers]) + (await answer.text());
      for (const secret of secrets) assert.ok(!all.includes(secret), `${path} says ${secret}`);
    }
  });

  test('/health says that it is alive and which version it is, and nothing else', async () => {
    const answer = await fetch(`${server.url}/health`);
    assert.equal(answer.status, 200);
    assert.deepEqual(Object.keys((await answer.json()) as object).sort(), ['status', 'version']);
  });

  test('a spelling of a path that the router reads in its own way opens nothing', async () => {
    const spellings = [
      ...['//v1/models', '/v1//models', '/./v1/models', '/docs/../v1/models', '/docs/%2e%2e/v1/models', '/V1/MODELS'],
      ...[
        '/v1%2Fmodels',
        '/v1/models/',
        '/v1/models;x=/health',
        '/v1/models?/health',
        '/v1/models#/health',
        '/%2Fv1/models',
      ],
      ...['/v1/models%00', '/v1/models%20', '/health/../v1/models', '/docs/static/../../v1/models', '/v1/%6dodels'],
      ...[
        'http://127.0.0.1/v1/models',
        'http://evil.example/v1/models',
        '/assets/../v1/models',
        '/v1/models\\..\\health',
      ],
    ];
    for (const path of spellings) {
      const { status, body } = await exchange(server.url, requestHead(`GET ${path}`));
      assert.ok([400, 401, 404].includes(status), `${path}: ${status}`);
      assert.ok(!body.toString().includes('tone-voice'), path);
    }
  });

  test('no path leads out of the folders of the page and the reference', async () => {
    const outside = ['package.json', 'src/open-speech.ts', 'etc/passwd', 'index.html'];
    const ups = ['../', '..%2f', '%2e%2e/', '%2e%2e%2f', '..%5c', '..\\', '....//', '..;/', '%c0%ae%c0%ae/', '..%00/'];
    for (const prefix of ['/assets/', '/docs/static/', '/docs/', '/v1/models/']) {
      for (const up of ups) {
        for (const file of outside) {
          const path = `${prefix}${up.repeat(5)}${file}`;
          const answer = await exchange(server.url, requestHead(`GET ${path}`));
          assert.ok([400, 401, 403, 404].includes(answer.status), `${path}: ${answer.status}`);
          assert.ok(!/root:|"dependencies"|startOpenSpeech/.test(answer.body.toString()), path);
        }
      }
    }
  });
});

describe('scopes', () => {
  test('a key does what its scopes say and nothing else', async () => {
    for (const scope of SCOPES) {
      const { token } = await makeKey(server, [scope]);
      for (const { method, url, policy } of server.server.routes) {
        if (policy.access === 'public') continue;
        const answer = await fetch(server.url + url.replace('*', 'tone-voice'), { method, ...withToken(token) });
        const name = `${scope}: ${method} ${url}`;
        if (policy.scopes.includes(scope)) {
          assert.ok(answer.status !== 401 && answer.status !== 403, `${name}: ${answer.status}`);
          await answer.body?.cancel();
        } else if (method === 'HEAD') assert.equal(answer.status, 403, name);
        else await assertError(answer, { status: 403, code: 'insufficient_scope', param: null, says: /scope/ });
      }
    }
  });

  test('an expired key, a revoked key and a key of another server are no keys', async () => {
    const expired = await makeKey(server, ['speech'], { expiresAt: Date.now() - 1000 }, Date.now() - 5000);
    await assertError(await fetch(`${server.url}/v1/models`, withToken(expired.token)), {
      status: 401,
      code: 'invalid_api_key',
    });
    const { token, key } = await makeKey(server, ['speech']);
    const status = async () => (await fetch(`${server.url}/v1/models`, withToken(token))).status;
    assert.equal(await status(), 200);
    await withKeys(server, (keys) => keys.revoke(key.id));
    await until(async () => (await status()) === 401);
    const altered = token.slice(0, -1) + (token.endsWith('A') ? 'B' : 'A');
    assert.equal((await fetch(`${server.url}/v1/models`, withToken(altered))).status, 401);
  });

  test('a key that expires while it is in use ends at that moment', async () => {
    const { token } = await makeKey(server, ['speech'], { expiresAt: Date.now() + 400 });
    const status = async () => (await fetch(`${server.url}/v1/models`, withToken(token))).status;
    assert.equal(await status(), 200);
    await until(async () => (await status()) === 401);
  });
});

describe('without authentication', () => {
  test('OS_AUTH_DISABLED serves everyone on loopback, but administrators nobody', async (t) => {
    const open = await serveDuring(t, { env: { OS_AUTH_DISABLED: 'true', OS_API_KEY: '' } });
    assert.equal((await fetch(`${open.url}/v1/models`)).status, 200);
    assert.equal((await fetch(`${open.url}/v1/models`, withToken('anything'))).status, 200);
    await assertError(await fetch(`${open.url}/metrics`), { status: 403, code: 'insufficient_scope' });
    const rebound = await exchange(open.url, requestHead('GET /v1/models', 'Host: evil.example'));
    await assertError(rebound, { status: 403, code: 'host_not_allowed' });
    const page = await exchange(open.url, requestHead('GET /v1/models', 'Origin: https://evil.example'));
    await assertError(page, { status: 403, code: 'origin_not_allowed' });
  });

  test('it is refused on any other address', () => {
    const start = (env: Record<string, string>) => () => loadSettings({ env: { OS_DATA_DIR: '/nowhere', ...env } });
    assert.throws(start({ OS_AUTH_DISABLED: 'true', OS_HOST: '0.0.0.0', OS_SSL_ENABLED: 'true' }), /OS_AUTH_DISABLED/);
    assert.throws(
      start({ OS_AUTH_DISABLED: 'true', OS_HOST: '192.168.1.2', OS_TRUST_PROXY: 'true' }),
      /OS_AUTH_DISABLED/,
    );
    assert.doesNotThrow(start({ OS_AUTH_DISABLED: 'true', OS_HOST: '127.0.0.1' }));
  });

  test('a first start without any key makes one, and only that one opens the door', async (t) => {
    const first = await serveDuring(t, { env: { OS_API_KEY: '' } });
    const { token, path } = first.server.firstKey!;
    assert.equal((await fetch(`${first.url}/v1/models`)).status, 401);
    assert.equal((await fetch(`${first.url}/v1/models`, withToken(token))).status, 200);
    assert.ok(readFileSync(path, 'utf8').includes(token));
    assert.ok(!first.log.join('').includes(token));
  });
});

describe('policies', () => {
  test('a route without a policy makes building the server throw', () => {
    const app = fastify();
    requirePolicies(app, { '/docs': PUBLIC });
    app.get('/declared', { config: { policy: PUBLIC } }, () => '');
    app.get('/docs/page', () => '');
    assert.throws(() => app.get('/forgotten', () => ''), /GET \/forgotten declares no policy/);
    assert.throws(() => app.get('/docsx', () => ''), /declares no policy/);
  });

  test('every route that the server answers is on its list', async () => {
    const listed = new Set(callsOf(server).map(({ method, path }) => `${method} ${path}`));
    for (const path of [
      '/',
      '/health',
      '/ready',
      '/metrics',
      '/openapi.json',
      '/docs',
      '/v1/models',
      '/v1/capabilities',
    ]) {
      assert.ok(listed.has(`GET ${path}`) || listed.has(`GET ${path}/`), path);
    }
    const open = callsOf(server).filter(({ open, path }) => open && path.startsWith('/v1'));
    assert.deepEqual(open, [], 'nothing below /v1 is public');
  });
});
