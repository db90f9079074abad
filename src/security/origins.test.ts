import assert from 'node:assert/strict';
import { test } from 'node:test';
import { originChecker } from './origins.ts';

const check = originChecker(['https://app.example.org']);
const plain = { scheme: 'http', host: 'localhost:8100' } as const;
const secure = { scheme: 'https', host: 'speech.example.org' } as const;

test('a request without Origin, from our own page, or from a listed page is told from a stranger', () => {
  assert.equal(check(undefined, plain), 'absent');
  assert.equal(check('http://localhost:8100', plain), 'same');
  assert.equal(check('https://speech.example.org', secure), 'same');
  assert.equal(check('https://app.example.org', plain), 'listed');
  assert.equal(check('https://evil.example', plain), 'refused');
});

test('another port, scheme, sub-domain or spelling is another origin', () => {
  for (const origin of [
    'http://localhost',
    'http://localhost:8101',
    'https://localhost:8100',
    'http://127.0.0.1:8100',
    'http://localhost:8100/',
    'HTTP://LOCALHOST:8100',
    'null',
    '',
    'http://localhost:8100, https://evil.example',
    'http://localhost:8100.evil.example',
  ]) {
    assert.equal(check(origin, plain), 'refused', origin);
  }
  for (const origin of [
    'http://speech.example.org',
    'https://a.speech.example.org',
    'https://app.example.org.evil.example',
    'http://app.example.org',
  ]) {
    assert.equal(check(origin, secure), 'refused', origin);
  }
});

test('a written default port and upper case in Host mean the same origin', () => {
  assert.equal(check('https://speech.example.org', { scheme: 'https', host: 'Speech.Example.org:443' }), 'same');
});

test('a Host that is no host has no origin', () => {
  assert.equal(check('null', { scheme: 'http', host: '' }), 'refused');
});
