import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLinkLocal, isPublicAddress } from './public-address.ts';

test('addresses of this machine, of private networks and of special use are not public', () => {
  for (const address of [
    ...['127.0.0.1', '127.255.0.9', '0.0.0.0', '10.1.2.3', '172.16.0.1', '172.31.255.255', '192.168.7.7'],
    ...['169.254.169.254', '100.64.0.1', '100.100.100.200', '192.0.2.1', '198.18.0.1', '224.0.0.1', '255.255.255.255'],
    ...[
      '::',
      '::1',
      '::ffff:10.0.0.1',
      '::ffff:8.8.8.8',
      '::127.0.0.1',
      'fe80::1',
      'fc00::1',
      'fd00:ec2::254',
      'ff02::1',
    ],
    ...[
      '64:ff9b::',
      '64:ff9b::1',
      '64:ff9b::7f00:1',
      '64:ff9b::169.254.169.254',
      '64:ff9b::1:808:808',
      '64:ff9b::808:808%eth0',
    ],
    ...['64:ff9b::a00:1', '64:ff9b:1::1', '2001:db8::1', '2001::1', '2002:7f00:1::1', 'fec0::1', '3fff::1', '5f00::1'],
    ...['', 'localhost', '1.2.3', '0x7f000001', '2130706433', 'fe80::1%eth0'],
  ]) {
    assert.equal(isPublicAddress(address), false, address);
  }
});

test('addresses of the Internet are public', () => {
  for (const address of [
    '1.1.1.1',
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '185.60.216.35',
    '2606:4700::1',
    '2a03:2880::1',
    // What a network that has IPv6 alone makes of 140.82.121.3 and 8.8.8.8 (NAT64).
    ...['64:ff9b::8c52:7903', '64:ff9b::8.8.8.8', '0064:FF9B:0:0:0:0:0808:0808'],
  ]) {
    assert.equal(isPublicAddress(address), true, address);
  }
});

test('the metadata services of clouds are known in every spelling', () => {
  for (const address of [
    '169.254.169.254',
    '::ffff:169.254.169.254',
    '::ffff:a9fe:a9fe',
    'fe80::a9fe:a9fe',
    'fd00:ec2::254',
    ...['64:ff9b::a9fe:a9fe', '64:ff9b:1::a9fe:a9fe', '64:ff9b::6464:64c8', '::a9fe:a9fe', '2002:a9fe:a9fe::1'],
    'fe80::1%eth0',
  ]) {
    assert.equal(isLinkLocal(address), true, address);
  }
  for (const address of ['10.0.0.1', '127.0.0.1', '::1', '8.8.8.8', 'x'])
    assert.equal(isLinkLocal(address), false, address);
});
