import assert from 'node:assert/strict';
import { test } from 'node:test';
import { hostChecker } from './hosts.ts';

test('on loopback only loopback names are answered: a rebound name is not', () => {
  const allowed = hostChecker({ host: '127.0.0.1', publicHosts: [] });
  for (const header of [
    'localhost',
    'localhost:8100',
    'LOCALHOST:1',
    '127.0.0.1:8100',
    '127.9.9.9',
    '[::1]:8100',
    'localhost.',
  ]) {
    assert.ok(allowed(header), header);
  }
  for (const header of [
    'evil.example',
    'evil.example:8100',
    'localhost.evil.example',
    '192.168.1.5',
    '[fe80::1]',
    '0.0.0.0',
    '127.0.0.1.evil.example',
  ]) {
    assert.ok(!allowed(header), header);
  }
});

test('a missing or malformed Host is refused', () => {
  const allowed = hostChecker({ host: '0.0.0.0', publicHosts: ['speech.example.org'] });
  for (const header of [
    undefined,
    '',
    ' ',
    ':80',
    'localhost:',
    'localhost:99999',
    'localhost:x',
    'user@localhost',
    'localhost/x',
    'localhost#',
    'localhost?',
    'a b',
    '[::1',
    '::1',
    '[localhost]',
    'локалхост',
    'localhost\\@evil.example',
    'localhost,evil.example',
  ]) {
    assert.ok(!allowed(header), String(header));
  }
});

test('public names are answered in any spelling of case and with any port', () => {
  const allowed = hostChecker({ host: '10.0.0.5', publicHosts: ['Speech.Example.org', '2001:db8::1'] });
  for (const header of [
    'speech.example.org',
    'SPEECH.EXAMPLE.ORG:443',
    'speech.example.org.',
    '10.0.0.5:8100',
    '[2001:DB8:0:0::1]:8100',
    'localhost',
  ]) {
    assert.ok(allowed(header), header);
  }
  assert.ok(!allowed('other.example.org'));
  assert.ok(!allowed('10.0.0.6'));
});

test('a server that listens everywhere answers to addresses, which cannot be rebound, but not to unknown names', () => {
  for (const host of ['0.0.0.0', '::']) {
    const allowed = hostChecker({ host, publicHosts: [] });
    assert.ok(allowed('192.168.1.5:8100'));
    assert.ok(allowed('[2001:db8::7]:8100'));
    assert.ok(!allowed('evil.example'));
  }
});
