/** How often: wrong keys by address, right keys by key. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { assertError } from './support/answers.ts';
import { makeKey, withToken } from './support/keys.ts';
import { serveDuring, TEST_KEY } from './support/server.ts';
import { until } from './support/until.ts';

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

test('a key with a rate of its own is held to that one', async (t) => {
  const server = await serveDuring(t);
  const { token } = await makeKey(server, ['speech'], { requestsPerMinute: 2 });
  const ask = () => fetch(`${server.url}/v1/models`, withToken(token));
  assert.equal((await ask()).status, 200);
  assert.equal((await ask()).status, 200);
  await assertError(await ask(), { status: 429, code: 'rate_limit_exceeded' });
  assert.equal((await server.fetch('/v1/models')).status, 200);
});
