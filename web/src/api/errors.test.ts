import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asApiError, errorFromResponse, isAbort, retryAfter } from './errors.ts';

test('a refusal keeps the words, code and field of the server', async () => {
  const body = {
    error: { message: 'Unknown voice.', type: 'invalid_request_error', param: 'voice', code: 'voice_not_found' },
  };
  const error = await errorFromResponse(
    Response.json(body, { status: 400, headers: { 'x-request-id': 'req_1', 'retry-after': '3' } }),
  );
  assert.equal(error.message, 'Unknown voice.');
  assert.deepEqual(
    [error.status, error.code, error.param, error.requestId, error.retryAfterMs],
    [400, 'voice_not_found', 'voice', 'req_1', 3000],
  );
});

test('an answer that is not ours still becomes a readable error', async () => {
  for (const body of ['<html>Bad gateway</html>', '', '{"error":"x"}', '{"error":{}}', 'null']) {
    const error = await errorFromResponse(new Response(body, { status: 502 }));
    assert.equal(error.message, 'The server answered with status 502.');
    assert.equal(error.status, 502);
  }
});

test('the wait is read from milliseconds, seconds or a date', () => {
  const wait = (name: string, value: string): number | null => retryAfter(new Headers({ [name]: value }), 0);
  assert.equal(wait('retry-after-ms', '250'), 250);
  assert.equal(wait('retry-after', '2'), 2000);
  assert.equal(wait('retry-after', 'Thu, 01 Jan 1970 00:00:05 GMT'), 5000);
  assert.equal(wait('retry-after', '-4'), 0);
  assert.equal(wait('retry-after', 'soon'), null);
  assert.equal(wait('x-other', '1'), null);
});

test('cancelling is told apart from failing', () => {
  assert.equal(isAbort(new DOMException('stopped', 'AbortError')), true);
  assert.equal(isAbort(new TypeError('fetch failed')), false);
});

test('a defect of the page shows no innards', () => {
  assert.doesNotMatch(asApiError(new TypeError('x is undefined')).message, /undefined/);
});
