import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeechError } from '../errors.ts';
import { textRedactor, withoutPrivateFields } from './redact.ts';
import { randomToken } from './secrets.ts';

const redact = textRedactor();
const key = `os_${randomToken()}`;

test('keys of every shape and carrier are taken out of text', () => {
  const secrets: [string, string][] = [
    [`authorization: Bearer ${key}`, key],
    ['Authorization: bearer abc.def-ghi_jkl', 'abc.def-ghi_jkl'],
    ['{"authorization":"Bearer short"}', 'short'],
    [`Bearer  ${key}`, key],
    ['authorization: Token 0123456789abcdef', '0123456789abcdef'],
    ['Basic dXNlcjpwYXNzd29yZA==', 'dXNlcjpwYXNzd29yZA'],
    ['GET /v1/models?api_key=hunter2&x=1', 'hunter2'],
    ['/ws?ticket=abc123', 'abc123'],
    ['?access_token=abc123#top', 'abc123'],
    ['?client_secret=ek_1', 'ek_1'],
    [`the key ${key} failed`, key],
    ['sk-proj-0123456789abcdefghij', '0123456789abcdefghij'],
    ['ek_0123456789abcdefghij', '0123456789abcdefghij'],
    ['eyJhbGciOiJFZERTQSJ9.eyJzdWIiOiIxMjMifQ.c2lnbmF0dXJl', 'eyJzdWIiOiIxMjMifQ'],
    ['https://user:hunter2@host.example/path', 'hunter2'],
    ['-----BEGIN PRIVATE KEY-----\nMIGHAgEA\n-----END PRIVATE KEY-----', 'MIGHAgEA'],
    ['-----BEGIN EC PRIVATE KEY-----\nMIGHAgEA', 'MIGHAgEA'],
  ];
  for (const [text, secret] of secrets) {
    assert.ok(!redact(text).includes(secret), text);
    assert.match(redact(text), /\[redacted\]/);
  }
});

test('a known secret is taken out wherever it stands, also encoded', () => {
  const known = textRedactor(['p@ss w0rd/9', 'ab', '']);
  assert.equal(known('x p@ss w0rd/9 y'), 'x [redacted] y');
  assert.equal(known('q=p%40ss%20w0rd%2F9'), 'q=[redacted]');
  assert.equal(known('ab'), 'ab', 'too short to look for');
});

test('harmless text stays as it is', () => {
  for (const text of [
    'model os_x loaded',
    'tokens=5',
    'basic information',
    'the token expired',
    'GET /v1/models?limit=5',
    'pos_1234567890123456',
    'a bearer of news',
  ]) {
    assert.equal(redact(text), text);
  }
});

test('a JSON line stays a JSON line', () => {
  const line = JSON.stringify({
    a: `Bearer ${key}`,
    b: `?api_key=${key}"}`,
    c: `//u:${key}@h`,
    d: '-----BEGIN PRIVATE KEY-----\nMIG',
  });
  assert.ok(!JSON.stringify(JSON.parse(redact(line))).includes(key));
});

test('hostile lines are redacted in time that grows with their length only', () => {
  for (const unit of [
    'Bearer ',
    '//',
    'a:',
    'eyJ',
    'eyJaaaaaaaa.',
    'os_',
    '-----BEGIN ',
    '-----BEGIN PRIVATE KEY-----',
    'token=',
  ]) {
    redact(unit.repeat(20_000));
  }
});

test('private fields are withheld by name at any depth, in any spelling', () => {
  const clean = withoutPrivateFields({
    requestId: 'r1',
    text: 'said',
    Api_Key: 'k',
    'X-API-Key': 'k',
    remoteAddress: '203.0.113.7',
    nested: { authorization: 'k', list: [{ input: 'said' }], ok: 1 },
  });
  assert.deepEqual(clean, {
    requestId: 'r1',
    text: '[withheld]',
    Api_Key: '[withheld]',
    'X-API-Key': '[withheld]',
    remoteAddress: '[withheld]',
    nested: { authorization: '[withheld]', list: [{ input: '[withheld]' }], ok: 1 },
  });
});

test('audio becomes its size, and long, deep, wide or circular things are cut', () => {
  const circular: Record<string, unknown> = { name: 'c' };
  circular.self = circular;
  const clean = withoutPrivateFields({
    samples: new Float32Array(100),
    buffer: Buffer.alloc(7),
    long: 'x'.repeat(10_000),
    wide: Array.from({ length: 1000 }, (_, index) => index),
    circular,
    big: 12n,
    fn: () => 1,
    missing: undefined,
  });
  assert.equal(clean.samples, '[400 bytes]');
  assert.equal(clean.buffer, '[7 bytes]');
  assert.equal((clean.long as string).length, 4001);
  assert.equal((clean.wide as unknown[]).length, 50);
  assert.ok(JSON.stringify(clean).length < 6000);
  assert.equal(clean.big, '12');
  assert.ok(!('missing' in clean));
});

test('an error keeps what helps: its code, its detail, its stack and its cause', () => {
  const error = new SpeechError('engine_failed', 'The engine stopped.', {
    detail: 'signal 9',
    cause: new Error('pipe'),
  });
  const { error: clean } = withoutPrivateFields({ error }) as { error: Record<string, unknown> };
  assert.equal(clean.name, 'SpeechError');
  assert.equal(clean.code, 'engine_failed');
  assert.equal(clean.detail, 'signal 9');
  assert.match(String(clean.stack), /redact\.test\.ts/);
  assert.equal((clean.cause as Record<string, unknown>).message, 'pipe');
});
