import assert from 'node:assert/strict';
import { test } from 'node:test';
import { addressBytes, clientAddressFinder, isLoopbackHost, isUnspecifiedHost, rateKey } from './addresses.ts';

test('loopback is what only this machine can reach', () => {
  for (const host of [
    'localhost',
    'LOCALHOST',
    '127.0.0.1',
    '127.255.0.1',
    '::1',
    '[::1]',
    '0:0:0:0:0:0:0:1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
  ]) {
    assert.ok(isLoopbackHost(host), host);
  }
  for (const host of [
    '0.0.0.0',
    '::',
    '128.0.0.1',
    '::2',
    '::ffff:10.0.0.1',
    'localhost.example',
    '',
    '127.1',
    '127.0.0.1.example',
  ]) {
    assert.ok(!isLoopbackHost(host), host);
  }
});

test('the unspecified address is known in every spelling', () => {
  for (const host of ['0.0.0.0', '::', '[::]', '0:0:0:0:0:0:0:0', '::ffff:0.0.0.0'])
    assert.ok(isUnspecifiedHost(host), host);
  for (const host of ['127.0.0.1', '::1', 'localhost', '']) assert.ok(!isUnspecifiedHost(host), host);
});

const proxied = clientAddressFinder({ trustProxy: true, proxyNetworks: ['127.0.0.0/8', '::1/128', '10.0.0.0/8'] });

test('without a declared proxy nobody can choose an address', () => {
  const direct = clientAddressFinder({ trustProxy: false, proxyNetworks: ['127.0.0.0/8'] });
  assert.equal(direct('127.0.0.1', '203.0.113.7'), '127.0.0.1');
});

test('a peer that is no proxy of ours is not believed', () => {
  assert.equal(proxied('198.51.100.1', '203.0.113.7'), '198.51.100.1');
});

test('behind proxies the right-most address that is none of theirs is the client; what it wrote itself is ignored', () => {
  assert.equal(proxied('127.0.0.1', '203.0.113.7'), '203.0.113.7');
  assert.equal(proxied('127.0.0.1', '1.2.3.4, 127.0.0.1, 203.0.113.7, 10.1.1.1'), '203.0.113.7');
  assert.equal(proxied('::ffff:127.0.0.1', '203.0.113.7'), '203.0.113.7');
  assert.equal(proxied('::1', '2001:db8::7'), '2001:db8::7');
  assert.equal(proxied('127.0.0.1', '10.1.1.1'), '10.1.1.1');
  assert.equal(proxied('127.0.0.1', undefined), '127.0.0.1');
});

test('ports, brackets and IPv4 inside IPv6 are understood', () => {
  assert.equal(proxied('127.0.0.1', '203.0.113.7:4711'), '203.0.113.7');
  assert.equal(proxied('127.0.0.1', '[2001:db8::7]:4711'), '2001:db8::7');
  assert.equal(proxied('127.0.0.1', '::ffff:203.0.113.7'), '203.0.113.7');
});

test('past something unreadable nothing is believed', () => {
  assert.equal(proxied('127.0.0.1', '203.0.113.7, garbage'), '127.0.0.1');
  assert.equal(proxied('127.0.0.1', '203.0.113.7, unknown, 10.0.0.2'), '10.0.0.2');
  assert.equal(proxied('127.0.0.1', ''), '127.0.0.1');
  assert.equal(proxied('127.0.0.1', ','.repeat(100_000)), '127.0.0.1');
});

test('a chain longer than any real one is not walked to its end', () => {
  assert.equal(proxied('127.0.0.1', `203.0.113.7, ${Array(100).fill('10.0.0.2').join(', ')}`), '10.0.0.2');
});

test('IPv4 counts by address and IPv6 by /64, in every spelling', () => {
  assert.equal(rateKey('203.0.113.7'), '203.0.113.7');
  assert.equal(rateKey('::ffff:203.0.113.7'), '203.0.113.7');
  assert.equal(rateKey('::ffff:cb00:7107'), '203.0.113.7');
  assert.equal(rateKey('2001:db8:0:1::1'), rateKey('2001:0DB8:0000:0001:ffff:ffff:ffff:ffff'));
  assert.notEqual(rateKey('2001:db8:0:1::1'), rateKey('2001:db8:0:2::1'));
  assert.equal(rateKey('fe80::1%eth0'), rateKey('fe80::2'));
  assert.equal(rateKey('64:ff9b::192.0.2.1'), '64:ff9b:0:0::/64');
  assert.equal(rateKey(''), 'unknown');
  assert.equal(rateKey('nonsense'), 'unknown');
});

test('the bytes of an address', () => {
  assert.deepEqual([...addressBytes('192.0.2.1')], [192, 0, 2, 1]);
  assert.equal(addressBytes('2001:db8::1').toString('hex'), '20010db8000000000000000000000001');
  assert.equal(addressBytes('::').toString('hex'), '0'.repeat(32));
  assert.equal(addressBytes('::ffff:192.0.2.1').toString('hex'), '00000000000000000000ffffc0000201');
});
