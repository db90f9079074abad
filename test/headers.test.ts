/** Headers and request lines: what is odd changes nothing, what is broken gets a clear answer. */
import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { get } from 'node:https';
import { after, before, describe, test } from 'node:test';
import { assertError, assertUnharmed } from './support/answers.ts';
import { exchange, RawConnection, requestHead } from './support/raw.ts';
import { callsOf } from './support/routes.ts';
import { serveDuring, startServer, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const MAX_HEADER_KB = 8;

let server: TestServer;
before(async () => {
  const env = {
    OS_CORS_ORIGINS: 'https://app.example.org',
    OS_MAX_AUTH_FAILURES: '10000',
    OS_MAX_HEADER_KB: String(MAX_HEADER_KB),
  };
  server = await startServer({ tones: true, env });
});
after(async () => {
  await assertUnharmed(server);
  await server.stop();
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
    { request: 'DELETE /v1/models/tone-voice', body: '', closed: 405, open: 405 },
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
      ...callsOf(server).map(({ method, path }) => requestHead(`${method} ${path}`, 'X-Request-Id: req_mine')),
      ...callsOf(server).map(({ method, path }) =>
        requestHead(`${method} ${path}`, `Authorization: Bearer ${TEST_KEY}`),
      ),
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

test('over TLS the same holds, and browsers are told to stay with it', async (t) => {
  const secure = await serveDuring(t, { env: { OS_SSL_ENABLED: 'true' } });
  assert.match(secure.url, /^https:/);
  const ask = (path: string, headers: Record<string, string> = {}) =>
    new Promise<IncomingMessage>((resolve, reject) => {
      const options = { headers, rejectUnauthorized: false, agent: false };
      get(secure.url + path, options, (answer) => resolve(answer.resume())).once('error', reject);
    });
  assert.equal((await ask('/v1/models')).statusCode, 401);
  assert.equal((await ask('/v1/models', { authorization: `Bearer ${TEST_KEY}` })).statusCode, 200);
  assert.equal((await ask('/health', { host: 'evil.example' })).statusCode, 403);
  assert.match((await ask('/health')).headers['strict-transport-security'] ?? '', /^max-age=\d+$/);
  const plain = await RawConnection.open(secure.url);
  await plain.write(requestHead('GET /health'));
  await plain.end();
  assert.ok(!plain.received.includes('HTTP/1.1 200'));
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
    [
      'two Host headers, of which each side could believe another',
      'GET /health HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example\r\n\r\n',
      400,
      'invalid_request',
    ],
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

  test('a path that knows other methods says which, with and without a key; one that knows none is not found', async () => {
    for (const [request, allow] of [
      ['GET /v1/audio/speech', 'POST'],
      ['HEAD /v1/audio/speech', 'POST'],
      ['PUT /v1/audio/transcriptions?x=/health', 'POST'],
      ['POST /v1/models/a/b', 'GET, HEAD'],
      ['DELETE /health/', 'GET, HEAD'],
      ['OPTIONS /v1/models', 'GET, HEAD'],
      ['POST /', 'GET, HEAD'],
    ] as const) {
      for (const key of [[], [`Authorization: Bearer ${TEST_KEY}`]]) {
        const answer = await exchange(server.url, requestHead(request, ...key));
        assert.equal(answer.headers.allow, allow, request);
        if (request.startsWith('HEAD')) assert.equal(answer.status, 405);
        else await assertError(answer, { status: 405, code: 'method_not_allowed', param: null, says: /POST|GET/ });
      }
    }
    for (const request of ['PUT /nowhere', 'TRACE /v1', 'POST /v1/audio', 'GET /health/more', 'GET /assets/none.js']) {
      const answer = await exchange(server.url, requestHead(request));
      await assertError(answer, { status: 404, code: 'not_found', param: null });
    }
  });

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
