import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeechError } from '../../errors.ts';
import { asksForSocket, checkHandshake, offeredProtocols, protocolToken, selectProtocol } from './handshake.ts';

const refused = (code: string) => (error: unknown) => error instanceof SpeechError && error.code === code;

test('only a GET without a body that asks for a WebSocket becomes one', () => {
  assert.ok(asksForSocket('GET', { upgrade: 'websocket' }));
  assert.ok(asksForSocket('GET', { upgrade: 'WebSocket', 'content-length': '0' }));
  for (const headers of [
    {},
    { upgrade: 'h2c' },
    { upgrade: 'websocket, h2c' },
    { upgrade: 'websocket', 'content-length': '1' },
    { upgrade: 'websocket', 'transfer-encoding': 'chunked' },
  ]) {
    assert.ok(!asksForSocket('GET', headers));
  }
  for (const method of ['POST', 'HEAD', 'CONNECT', undefined])
    assert.ok(!asksForSocket(method, { upgrade: 'websocket' }));
});

test('version and key are what RFC 6455 asks for', () => {
  const good = { 'sec-websocket-version': '13', 'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==' };
  checkHandshake(good);
  for (const version of ['8', '12', '14', '13, 8', '', undefined]) {
    assert.throws(() => checkHandshake({ ...good, 'sec-websocket-version': version }), refused('upgrade_required'));
  }
  for (const key of [undefined, '', 'AAAA', 'dGhlIHNhbXBsZSBub25jZQ', 'dGhlIHNhbXBsZSBub25jZQ==x']) {
    assert.throws(() => checkHandshake({ ...good, 'sec-websocket-key': key }), refused('invalid_request'));
  }
});

test('a list of protocols is read as written, and what is none is refused', () => {
  assert.deepEqual(offeredProtocols(undefined), []);
  assert.deepEqual(offeredProtocols('realtime,  openai-beta.realtime-v1'), ['realtime', 'openai-beta.realtime-v1']);
  const many = Array.from({ length: 17 }, (_, i) => `p${i}`).join(',');
  for (const bad of ['', ',', 'a,,b', 'a b', 'a;b', 'a, a', 'ä', many]) {
    assert.throws(() => offeredProtocols(bad), refused('invalid_request'), bad);
  }
});

test('a key among the protocols is found, and never selected', () => {
  const openai = ['realtime', 'openai-insecure-api-key.secret', 'openai-beta.realtime-v1'];
  assert.equal(protocolToken(openai), 'secret');
  assert.equal(selectProtocol(openai, ['realtime']), 'realtime');
  assert.equal(selectProtocol([...openai].reverse(), ['realtime']), 'realtime');
  for (const word of ['token', 'bearer', 'Token']) {
    assert.equal(protocolToken([word, 'secret']), 'secret');
    assert.equal(selectProtocol([word, 'secret'], []), word);
  }
  for (const others of [['token'], ['secret', 'token'], ['a', 'token', 'secret'], ['realtime']]) {
    assert.equal(protocolToken(others), undefined);
  }
});

test('where protocols are offered one of them is selected, or the client is told why not', () => {
  assert.equal(selectProtocol([], ['realtime']), undefined);
  assert.throws(() => selectProtocol(['graphql-ws'], ['realtime']), refused('invalid_request'));
  assert.throws(
    () => selectProtocol(['openai-insecure-api-key.secret'], []),
    (error: Error) => {
      return refused('invalid_request')(error) && !error.message.includes('secret');
    },
  );
});
