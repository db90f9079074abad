/** The closed door: who may call what, however the call is dressed up. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { homedir, hostname } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import fastify from 'fastify';
import { openKeyStore } from '../src/accounts/keys.ts';
import { SCOPES, type Scope } from '../src/accounts/scopes.ts';
import { PUBLIC, requirePolicies } from '../src/api/policy.ts';
import { loadSettings } from '../src/config/load.ts';
import { openDatabase } from '../src/storage/database.ts';
import { assertError, assertUnharmed } from './support/answers.ts';
import { exchange, RawConnection, requestHead } from './support/raw.ts';
import { serveDuring, startServer, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const MAX_HEADER_KB = 8;

let server: TestServer;
before(async () => {
  server = await startServer({
    tones: true,
    env: {
      OS_PUBLIC_HOSTS: 'speech.example.org',
      OS_CORS_ORIGINS: 'https://app.example.org',
      OS_MAX_AUTH_FAILURES: '10000',
      OS_MAX_HEADER_KB: String(MAX_HEADER_KB),
    },
  });
});
after(() => server.stop());

/** Every route, with something in place of its wildcards. */
function calls(of: TestServer = server): { method: string; path: string; open: boolean }[] {
  return of.server.routes.map(({ method, url, policy }) => ({
    method,
    path: url.replace('models/*', 'models/tone-voice').replace(/\*|:\w+/g, 'x'),
    open: policy.access === 'public',
  }));
}

/** Keys made beside the running server, as `open-speech keys create` makes them. */
async function withKeys<T>(of: TestServer, work: (keys: ReturnType<typeof openKeyStore>) => Promise<T>, now?: number) {
  const db = await openDatabase(of.dataDir);
  const clock = now === undefined ? {} : { now: () => now };
  const keys = openKeyStore(db, { envKey: '', limits: { apiKeys: 100 }, ...clock });
  try {
    return await work(keys);
  } finally {
    await keys.close();
    await db.destroy();
  }
}

async function makeKey(of: TestServer, scopes: readonly Scope[], more: object = {}, now?: number) {
  return await withKeys(of, (keys) => keys.create({ name: 'test', scopes, ...more }), now);
}

const withToken = (token: string) => ({ headers: { authorization: `Bearer ${token}` } });

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
      for (const { method, path, open } of calls()) {
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
    const paths = calls().filter(({ open, method }) => open && method === 'GET');
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

describe('headers', () => {
  /** Headers that some server somewhere lets change who may pass, with values that do it there. */
  const odd: Record<string, string[]> = {
    Upgrade: ['websocket', 'h2c', 'WebSocket', 'TLS/1.0', 'websocket, h2c', ''],
    Connection: ['upgrade', 'Upgrade, HTTP2-Settings', 'keep-alive, Upgrade', 'authorization', 'x'],
    'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub25jZQ=='],
    'Sec-WebSocket-Version': ['13', '8'],
    'Sec-WebSocket-Protocol': [
      'realtime',
      `openai-insecure-api-key.${TEST_KEY}`,
      `realtime, openai-insecure-api-key.${TEST_KEY}`,
    ],
    'HTTP2-Settings': ['AAMAAABkAAQAAP__'],
    'X-Forwarded-For': ['127.0.0.1', '::1', '10.0.0.1, 127.0.0.1', 'localhost'],
    'X-Forwarded-Host': ['localhost', 'evil.example'],
    'X-Forwarded-Proto': ['https', 'http'],
    Forwarded: ['for=127.0.0.1;host=localhost;proto=https'],
    'X-Real-IP': ['127.0.0.1'],
    'X-Original-URL': ['/health'],
    'X-Rewrite-URL': ['/health'],
    'X-HTTP-Method-Override': ['GET', 'OPTIONS', 'HEAD'],
    'X-Method-Override': ['OPTIONS'],
    Expect: ['100-continue', 'nonsense', '200-ok'],
    'X-Api-Key': [TEST_KEY],
    'Api-Key': [TEST_KEY],
    'Proxy-Authorization': [`Bearer ${TEST_KEY}`],
    'Authorization-': [`Bearer ${TEST_KEY}`],
    Cookie: [`api_key=${TEST_KEY}; session=admin`, 'a=b; '.repeat(50)],
    'X-User': ['admin'],
    'X-Admin': ['true'],
    'Remote-User': ['admin'],
    'Accept-Version': ['2.x', '*'],
    Accept: ['text/event-stream', 'image/png;q=0.1', '\u00e4\u00f6', ''],
    'Accept-Encoding': ['identity;q=0, *;q=0', 'gzip'],
    'Accept-Language': ['xx'],
    Range: ['bytes=0-1', 'bytes=-5'],
    'If-None-Match': ['*'],
    'If-Match': ['"x"'],
    'If-Modified-Since': ['Thu, 01 Jan 2099 00:00:00 GMT'],
    'Cache-Control': ['only-if-cached'],
    'X-Request-Id': ['req_mine', '../../x'],
    'Max-Forwards': ['0'],
    TE: ['trailers'],
    Trailer: ['Authorization'],
    Via: ['1.1 trusted'],
    'User-Agent': ['OpenAI/JS 7.57.0', 'kube-probe/1.30', ''],
    'OpenAI-Beta': ['realtime=v1'],
    __proto__: ['x'],
    constructor: ['x'],
  };
  const names = [...Object.keys(odd), '__proto__'];

  /** The same sequence in every run. */
  function dice(seed: number): (sides: number) => number {
    let state = seed;
    return (sides) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * sides);
    };
  }

  const targets = [
    { request: 'GET /v1/models', body: '', closed: 401, open: 200 },
    { request: 'GET /v1/capabilities', body: '', closed: 401, open: 200 },
    { request: 'GET /metrics', body: '', closed: 401, open: 200 },
    { request: 'GET /health', body: '', closed: 200, open: 200 },
    { request: 'GET /nowhere', body: '', closed: 404, open: 404 },
    { request: 'POST /v1/audio/speech', body: '{"input":""}', closed: 401, open: 400 },
    { request: 'POST /v1/audio/transcriptions', body: '{}', closed: 401, open: 400 },
    { request: 'DELETE /v1/models/tone-voice', body: '', closed: 404, open: 404 },
  ];

  async function outcome(request: string, headers: string[], body: string): Promise<number> {
    const own = body === '' ? [] : ['Content-Type: application/json', `Content-Length: ${body.length}`];
    // Headers come before ours, so that a first or a last one of two would count.
    const { status } = await exchange(server.url, requestHead(request, ...headers, ...own) + body);
    return status;
  }

  test('`Upgrade: websocket` on a plain request changes nothing, with or without `Connection: upgrade`', async () => {
    for (const { request, body, closed, open } of targets) {
      for (const headers of [
        ['Upgrade: websocket'],
        ['Upgrade: websocket', 'Connection: Upgrade'],
        ['Upgrade: websocket', 'Connection: Upgrade', 'Sec-WebSocket-Key: AAAA', 'Sec-WebSocket-Version: 13'],
      ]) {
        assert.equal(await outcome(request, headers, body), closed, `${request} ${headers}`);
        const authorised = [...headers, `Authorization: Bearer ${TEST_KEY}`];
        assert.equal(await outcome(request, authorised, body), open, `${request} ${authorised}`);
      }
    }
  });

  test('no set of odd headers lets anybody in or keeps anybody out', async () => {
    const roll = dice(7);
    for (let round = 0; round < 400; round++) {
      const { request, body, closed, open } = targets[roll(targets.length)]!;
      const headers = Array.from({ length: 1 + roll(6) }, () => {
        const name = names[roll(names.length)]!;
        const values = Object.hasOwn(odd, name) ? odd[name]! : ['x'];
        return `${name}: ${Buffer.from(values[roll(values.length)]!).toString('latin1')}`;
      });
      const hasKey = roll(2) === 1;
      if (hasKey) headers.splice(roll(headers.length + 1), 0, `authorization: bearer ${TEST_KEY}`);
      const status = await outcome(request, headers, body);
      assert.equal(status, hasKey ? open : closed, `${request}\n${headers.join('\n')}`);
    }
  });

  test('the word Bearer counts in any case, and spaces around the key do not matter', async () => {
    for (const value of ['bearer', 'BEARER', 'BeArEr', 'Bearer   ']) {
      const head = requestHead('GET /v1/models', `Authorization: ${value} ${TEST_KEY}  `);
      assert.equal((await exchange(server.url, head)).status, 200, value);
    }
  });

  test('every answer has a request id of ours and the security headers, whatever it is', async () => {
    const ids = new Set<string>();
    const heads = [
      ...calls().map(({ method, path }) => requestHead(`${method} ${path}`, 'X-Request-Id: req_mine')),
      ...calls().map(({ method, path }) => requestHead(`${method} ${path}`, `Authorization: Bearer ${TEST_KEY}`)),
      requestHead('GET /nowhere'),
      requestHead('PATCH /v1/models'),
      requestHead('GET /v1/%zz'),
      requestHead(`GET /v1/models/${'x'.repeat(400)}`),
      requestHead(`GET /${'x'.repeat(5000)}`),
      requestHead('GET /health', `X: ${'x'.repeat(MAX_HEADER_KB * 1024)}`),
      requestHead('GET /health', 'Host: evil.example'),
      requestHead('GET /health', 'Origin: https://evil.example'),
      requestHead('OPTIONS /v1/models', 'Origin: https://app.example.org', 'Access-Control-Request-Method: GET'),
      requestHead('POST /v1/audio/speech', 'Content-Length: x'),
      requestHead('POST /v1/audio/speech', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
      'GET /health HTTP/1.1\r\n\r\n',
      'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nbroken\r\n\r\n',
      'nonsense\r\n\r\n',
    ];
    for (const head of heads) {
      const { headers } = await exchange(server.url, head);
      const name = head.slice(0, 80);
      assert.match(headers['x-request-id'] ?? '', /^req_[0-9a-f]{24}$/, name);
      assert.ok(!ids.has(headers['x-request-id']!), name);
      ids.add(headers['x-request-id']!);
      assert.equal(headers['x-content-type-options'], 'nosniff', name);
      assert.equal(headers['x-frame-options'], 'DENY', name);
      assert.equal(headers['referrer-policy'], 'no-referrer', name);
      assert.match(headers['content-security-policy'] ?? '', /default-src '(none|self)'/, name);
      assert.equal(headers.server, undefined);
      assert.equal(headers['x-powered-by'], undefined);
    }
  });
});

describe('requests that are not HTTP as we know it', () => {
  const cases: [string, string, number, 'invalid_request' | 'too_large' | 'host_not_allowed'][] = [
    ['nonsense', 'nonsense\r\n\r\n', 400, 'invalid_request'],
    ['no Host header', 'GET /health HTTP/1.1\r\n\r\n', 403, 'host_not_allowed'],
    [
      'two lengths',
      requestHead('POST /v1/audio/speech', 'Content-Length: 1', 'Content-Length: 2'),
      400,
      'invalid_request',
    ],
    [
      'a length and chunks',
      requestHead('POST /v1/audio/speech', 'Content-Length: 5', 'Transfer-Encoding: chunked'),
      400,
      'invalid_request',
    ],
    ['a length that is no number', requestHead('POST /v1/audio/speech', 'Content-Length: x'), 400, 'invalid_request'],
    ['a broken header', 'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nbroken\r\n\r\n', 400, 'invalid_request'],
    ['a broken escape in the path', requestHead('GET /v1/%zz'), 400, 'invalid_request'],
    ['headers over the limit', requestHead('GET /health', `X: ${'x'.repeat(MAX_HEADER_KB * 1024)}`), 431, 'too_large'],
    ['a URL over the limit', requestHead(`GET /${'x'.repeat(4096)}`), 400, 'invalid_request'],
  ];
  for (const [what, request, status, code] of cases) {
    test(`${what}: ${status} with the error object`, async () => {
      await assertError(await exchange(server.url, request), { status, code, param: null });
    });
  }

  test('headers and a URL of just the permitted size pass', async () => {
    const room = MAX_HEADER_KB * 1024 - 200;
    assert.equal((await exchange(server.url, requestHead('GET /health', `X: ${'x'.repeat(room)}`))).status, 200);
    const url = `/health?${'x'.repeat(4096 - 8)}`;
    assert.equal((await exchange(server.url, requestHead(`GET ${url}`))).status, 200);
    await assertError(await exchange(server.url, requestHead(`GET ${url}x`)), { status: 400, code: 'invalid_request' });
  });

  test('nonsense behind a request never gets into the middle of its answer', async () => {
    const body = JSON.stringify({ model: 'tone-voice', input: 'one two three. '.repeat(200), response_format: 'pcm' });
    const connection = await RawConnection.open(server.url);
    const key = `Authorization: Bearer ${TEST_KEY}`;
    const length = `Content-Length: ${body.length}`;
    await connection.write(requestHead('POST /v1/audio/speech', key, 'Content-Type: application/json', length) + body);
    await until(() => connection.received.length > 10_000);
    await connection.write('nonsense\r\n\r\n');
    await connection.end();
    assert.match(connection.received.toString('latin1', 0, 20), /^HTTP\/1\.1 200/);
    assert.ok(!connection.received.includes('HTTP/1.1 400'));
    await assertUnharmed(server);
  });

  test('a client that does not finish its headers is let go', async (t) => {
    const slow = await serveDuring(t, { env: { OS_HEADERS_TIMEOUT_S: '1' } });
    const connection = await RawConnection.open(slow.url);
    await connection.write('GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nX: ');
    await assertError(await connection.answer(), { status: 408, code: 'request_timeout', param: null });
    await connection.end();
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
    const since = performance.now();
    await until(async () => (await status()) === 401);
    assert.ok(performance.now() - since < 5000);
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

describe('Host and Origin', () => {
  const ask = (...headers: string[]) =>
    exchange(server.url, requestHead('GET /v1/models', `Authorization: Bearer ${TEST_KEY}`, ...headers));

  test('only names of this server are answered to, so that no rebound name reaches it', async () => {
    const good = [
      '127.0.0.1',
      '127.0.0.1:80',
      'localhost',
      'LOCALHOST:8100',
      '[::1]',
      '[::1]:8100',
      'speech.example.org',
    ];
    for (const host of [...good, 'Speech.Example.ORG:443', 'localhost.', '127.0.0.2']) {
      assert.equal((await ask(`Host: ${host}`)).status, 200, host);
    }
    const bad = ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example', 'speech.example.org.evil.example'];
    const odd = [
      '',
      'a@localhost',
      'localhost/x',
      'evil.example#localhost',
      '0.0.0.0',
      '192.168.1.1',
      '[::2]',
      'localhost:x',
    ];
    for (const host of [...bad, ...odd]) {
      await assertError(await ask(`Host: ${host}`), { status: 403, code: 'host_not_allowed', param: null });
    }
  });

  test('a foreign Host is refused on public routes too', async () => {
    for (const { method, path, open } of calls()) {
      if (!open) continue;
      assert.equal((await exchange(server.url, requestHead(`${method} ${path}`, 'Host: evil.example'))).status, 403);
    }
  });

  test('pages of other origins are refused, with a key too; ours, the listed ones and programs are not', async () => {
    const { host } = new URL(server.url);
    const matrix: [string | undefined, boolean][] = [
      [undefined, true],
      [server.url, true],
      ['https://app.example.org', true],
      ['http://app.example.org', false],
      ['https://app.example.org:8443', false],
      ['https://app.example.org.evil.example', false],
      ['https://evil.example', false],
      [`https://${host}`, false],
      ['http://127.0.0.1:1', false],
      ['null', false],
      ['', false],
      ['file://', false],
      ['chrome-extension://abcdef', false],
    ];
    for (const [origin, allowed] of matrix) {
      const answer = await ask(`Host: ${host}`, ...(origin === undefined ? [] : [`Origin: ${origin}`]));
      if (allowed) assert.equal(answer.status, 200, origin);
      else await assertError(answer, { status: 403, code: 'origin_not_allowed', param: null });
      const listed = origin === 'https://app.example.org';
      assert.equal(answer.headers['access-control-allow-origin'], listed ? origin : undefined);
      assert.equal(answer.headers['access-control-allow-credentials'], undefined);
    }
  });

  test('a preflight is answered for listed origins only, without a key, and names what may be sent', async () => {
    const preflight = (origin: string) =>
      exchange(
        server.url,
        requestHead(
          'OPTIONS /v1/audio/speech',
          ...[`Origin: ${origin}`, 'Access-Control-Request-Method: POST'],
          'Access-Control-Request-Headers: authorization,content-type',
        ),
      );
    const { status, headers } = await preflight('https://app.example.org');
    assert.equal(status, 204);
    assert.equal(headers['access-control-allow-origin'], 'https://app.example.org');
    assert.match(headers['access-control-allow-methods'] ?? '', /POST/);
    assert.equal(headers['access-control-allow-headers'], 'authorization,content-type');
    assert.match(headers.vary ?? '', /origin/i);
    await assertError(await preflight('https://evil.example'), { status: 403, code: 'origin_not_allowed' });
  });

  test('a listed page can read errors and their headers', async () => {
    const headers = { origin: 'https://app.example.org', authorization: `Bearer ${TEST_KEY}` };
    for (const [path, status] of [
      ['/v1/models/none', 404],
      ['/nowhere', 404],
      ['/v1/audio/voices?model=none', 404],
    ] as const) {
      const answer = await fetch(server.url + path, { headers });
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get('access-control-allow-origin'), 'https://app.example.org', path);
      assert.equal(answer.headers.get('access-control-expose-headers'), '*');
    }
  });
});

describe('throttles', () => {
  test('an address that tries wrong keys has to wait, others do not, and a forged address does not help', async (t) => {
    const strict = await serveDuring(t, { env: { OS_MAX_AUTH_FAILURES: '3', OS_TRUST_PROXY: 'true' } });
    const ask = (from: string, token?: string) =>
      fetch(`${strict.url}/v1/models`, {
        headers: { 'x-forwarded-for': from, ...(token === undefined ? {} : { authorization: `Bearer ${token}` }) },
      });
    for (let i = 0; i < 3; i++) {
      await assertError(await ask('198.51.100.7', `wrong-${i}`), { status: 401, code: 'invalid_api_key' });
    }
    const blocked = { status: 429, code: 'rate_limit_exceeded', param: null } as const;
    await assertError(await ask('198.51.100.7', 'wrong-4'), blocked);
    await assertError(await ask('198.51.100.7'), blocked);
    // What stands to the left was written by the caller.
    await assertError(await ask('203.0.113.5, 198.51.100.7', 'wrong-5'), blocked);
    assert.equal((await ask('198.51.100.8', TEST_KEY)).status, 200);
    // One subscriber has a whole /64.
    for (let i = 0; i < 3; i++) assert.equal((await ask(`2001:db8::${i}`, 'wrong')).status, 401);
    await assertError(await ask('2001:db8::ffff:1', 'wrong'), blocked);
    assert.equal((await ask('2001:db8:0:1::1', 'wrong')).status, 401);
  });

  test('a burst of guesses at once gets no more tries than one after the other', async (t) => {
    const strict = await serveDuring(t, { env: { OS_MAX_AUTH_FAILURES: '5' } });
    const guesses = Array.from({ length: 60 }, (_, i) =>
      fetch(`${strict.url}/v1/models`, withToken(`os_${'x'.repeat(42)}${i}`)),
    );
    const statuses = (await Promise.all(guesses)).map(({ status }) => status);
    assert.ok(statuses.filter((status) => status === 401).length <= 5, statuses.join());
    assert.ok(statuses.every((status) => status === 401 || status === 429));
  });

  test('requests without any key do not lock an address out', async (t) => {
    const strict = await serveDuring(t, { env: { OS_MAX_AUTH_FAILURES: '2' } });
    for (let i = 0; i < 10; i++) assert.equal((await fetch(`${strict.url}/v1/models`)).status, 401);
    assert.equal((await strict.fetch('/v1/models')).status, 200);
  });

  test('a key has its rate, told in the headers that OpenAI sends; public routes do not count', async (t) => {
    const limited = await serveDuring(t, { env: { OS_RATE_LIMIT: '60', OS_RATE_LIMIT_BURST: '3' } });
    for (const left of [2, 1, 0]) {
      await fetch(`${limited.url}/health`);
      const answer = await limited.fetch('/v1/models');
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get('x-ratelimit-limit-requests'), '3');
      assert.equal(answer.headers.get('x-ratelimit-remaining-requests'), String(left));
      assert.match(answer.headers.get('x-ratelimit-reset-requests') ?? '', /^(\d+m)?(\d+s|\d+ms)$/);
    }
    const refused = await limited.fetch('/v1/models');
    assert.equal(refused.headers.get('x-ratelimit-remaining-requests'), '0');
    assert.equal(refused.headers.get('x-should-retry'), 'true');
    assert.ok(Number(refused.headers.get('retry-after-ms')) <= 1000);
    await assertError(refused, { status: 429, code: 'rate_limit_exceeded', param: null });
    const other = await makeKey(limited, ['speech']);
    assert.equal((await fetch(`${limited.url}/v1/models`, withToken(other.token))).status, 200);
    assert.equal((await fetch(`${limited.url}/health`)).status, 200);
    // A token a second comes back.
    await until(async () => (await limited.fetch('/v1/models')).status === 200);
  });

  test('a key with a rate of its own is held to that one', async () => {
    const { token } = await makeKey(server, ['speech'], { requestsPerMinute: 2 });
    const ask = () => fetch(`${server.url}/v1/models`, withToken(token));
    assert.equal((await ask()).status, 200);
    assert.equal((await ask()).status, 200);
    await assertError(await ask(), { status: 429, code: 'rate_limit_exceeded' });
    assert.equal((await server.fetch('/v1/models')).status, 200);
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
    const listed = new Set(calls().map(({ method, path }) => `${method} ${path}`));
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
    const open = calls().filter(({ open, path }) => open && path.startsWith('/v1'));
    assert.deepEqual(open, [], 'nothing below /v1 is public');
  });
});

test('no log line holds a secret, a text, a file name or an address, whatever happened', async (t) => {
  const told = await serveDuring(t, {
    tones: true,
    env: { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_LOG_LEVEL: 'trace', OS_TRUST_PROXY: 'true' },
  });
  const word = 'zyxgeheim';
  const address = '198.51.100.77';
  const headers = { 'x-forwarded-for': address, 'user-agent': `agent-${word}` };
  const json = { ...headers, 'content-type': 'application/json' };
  const say = (body: object) =>
    told.fetch('/v1/audio/speech', { method: 'POST', headers: json, body: JSON.stringify(body) });
  const hear = async (content: string | ArrayBuffer, fields: Record<string, string> = {}) => {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append('file', new Blob([content]), `${word}.wav`);
    return await told.fetch('/v1/audio/transcriptions', { method: 'POST', headers, body: form });
  };

  const spoken = await say({ input: `${word} one. ☃ ${word} 漢字.`, response_format: 'wav' });
  const wav = await spoken.arrayBuffer();
  assert.match(await (await hear(wav, { prompt: word })).text(), new RegExp(word));
  await hear(wav, { stream: 'true' }).then((answer) => answer.text());
  await hear(wav.slice(0, 100)).then((answer) => answer.text());
  await hear(`<html>${word}`).then((answer) => answer.text());
  await hear(wav, { model: word, language: word }).then((answer) => answer.text());
  for (const body of [
    { input: word, model: word },
    { input: word, voice: word },
    { input: word, response_format: word },
    { input: `<speak>${word}<${word}/></speak>`, input_type: 'ssml' },
    { input: word, model: 'espeak', voice: 'en' },
    { input: word, instructions: word },
  ]) {
    await say(body).then((answer) => answer.text());
  }
  await told.fetch('/v1/audio/speech', { method: 'POST', headers: json, body: `{"input":"${word}` });
  await fetch(`${told.url}/v1/models?api_key=${word}-in-the-query`, { headers });
  await fetch(`${told.url}/${word}?${word}`, { headers });
  await fetch(`${told.url}/v1/models`, { headers: { ...headers, authorization: `Bearer ${word}-as-a-key` } });
  await exchange(told.url, requestHead('GET /health', `Host: ${word}.example`, `X-Forwarded-For: ${address}`));
  await exchange(told.url, requestHead('GET /health', `Origin: https://${word}.example`));
  await exchange(told.url, `${word}\r\n\r\n`);
  const leaving = new AbortController();
  const cut = await told.fetch('/v1/audio/speech', {
    method: 'POST',
    headers: json,
    body: JSON.stringify({ input: `${word}. `.repeat(50), response_format: 'pcm' }),
    signal: leaving.signal,
  });
  await cut.body!.getReader().read();
  leaving.abort();
  await assertUnharmed(told);
  const security = join(told.dataDir, 'logs/security.log');
  await until(() => existsSync(security) && readFileSync(security, 'utf8').includes('wrong key'));
  const kept = readFileSync(security, 'utf8');
  assert.ok(told.log.length > 20 && told.log.some((line) => line.includes('Answered')));
  for (const secret of [word, TEST_KEY, address, '127.0.0.1', '::1']) {
    const line = told.log.find((candidate) => candidate.includes(secret));
    assert.equal(line, undefined, `${secret} in the log: ${line}`);
  }
  assert.ok(kept.includes(address) && !kept.includes(word) && !kept.includes(TEST_KEY), 'the security log');
});

test('after all of that the server is as it was', () => assertUnharmed(server));
