import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { ErrorCode } from '../../src/errors.ts';
import type { RawAnswer } from './raw.ts';
import type { TestServer } from './server.ts';
import { until } from './until.ts';

export interface ExpectedError {
  status: number;
  code: ErrorCode;
  /** The field at fault; null where there is none. */
  param?: string | null;
  /** Must stand in the message. */
  says?: RegExp;
}

/** What every answer has, whatever happened. */
const ALWAYS = ['x-content-type-options', 'content-security-policy', 'referrer-policy', 'x-frame-options'];

/** Checks that an answer is OpenAI's error object with all four keys, a request id and the security headers. */
export async function assertError(answer: Response | RawAnswer, expected: ExpectedError): Promise<string> {
  const header = (name: string) =>
    answer instanceof Response ? answer.headers.get(name) : (answer.headers[name] ?? null);
  const body = answer instanceof Response ? Buffer.from(await answer.arrayBuffer()) : answer.body;
  const text = body.toString('utf8', 0, 4000);
  const shown = body
    .subarray(0, 300)
    .toString('latin1')
    .replace(/[^ -~]/g, '.');
  assert.equal(answer.status, expected.status, shown);
  assert.match(header('content-type') ?? '', /^application\/json/, text);
  const answered = JSON.parse(text) as { error: { message: string; type: string; param: string | null; code: string } };
  assert.deepEqual(Object.keys(answered), ['error']);
  assert.deepEqual(Object.keys(answered.error).sort(), ['code', 'message', 'param', 'type']);
  const { code, param, message, type } = answered.error;
  assert.equal(code, expected.code, text);
  if (expected.param !== undefined) assert.equal(param, expected.param, text);
  if (expected.says !== undefined) assert.match(message, expected.says);
  assert.ok(message.length > 0 && message.length < 2000, `a message of ${message.length} characters`);
  const types = { 429: 'rate_limit_error' } as Record<number, string>;
  assert.equal(type, types[expected.status] ?? (expected.status >= 500 ? 'server_error' : 'invalid_request_error'));
  assert.match(header('x-request-id') ?? '', /^req_[0-9a-f]{24}$/);
  for (const name of ALWAYS) assert.ok(header(name), `${name} is missing`);
  if (expected.status === 429 || (expected.status === 503 && code !== 'model_unavailable')) {
    assert.match(header('retry-after') ?? '', /^[1-9]\d*$/, text);
  }
  return message;
}

/** Checks that nothing of the requests so far is left: the server answers, no file waits, no engine works. */
export async function assertUnharmed(server: TestServer): Promise<void> {
  const health = await fetch(`${server.url}/health`);
  assert.equal(health.status, 200);
  await health.body?.cancel();
  await until(() => readdirSync(join(server.dataDir, 'tmp')).length === 0);
  await until(() => server.server.service.router.status().models.every(isIdle));
}

function isIdle({ running, waiting }: { running: number; waiting: { interactive: number; batch: number } }): boolean {
  return running === 0 && waiting.interactive === 0 && waiting.batch === 0;
}
