/** Pages of others: names that lead here, and origins that may call. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertError } from './support/answers.ts';
import { exchange, requestHead } from './support/raw.ts';
import { callsOf } from './support/routes.ts';
import { startServer, TEST_KEY, type TestServer } from './support/server.ts';

let server: TestServer;
before(async () => {
  const env = { OS_PUBLIC_HOSTS: 'speech.example.org', OS_CORS_ORIGINS: 'https://app.example.org' };
  server = await startServer({ env });
});
after(() => server.stop());

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
  for (const { method, path, open } of callsOf(server)) {
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
