import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { connect, createServer, type PeerCertificate } from 'node:tls';
import { selfSignedCertificate } from './certificate.ts';

const names = ['localhost', 'speech.example.org', '127.0.0.1', '::1', '2001:db8::7'];
const from = new Date('2026-01-02T03:04:05Z');
const to = new Date('2049-12-31T23:59:59Z');

test('the certificate says what was asked and bears its own signature', () => {
  const { certificate, key } = selfSignedCertificate({ names, from, to });
  assert.match(key, /^-----BEGIN PRIVATE KEY-----/);
  const parsed = new X509Certificate(certificate);
  assert.ok(parsed.verify(parsed.publicKey));
  assert.equal(parsed.publicKey.asymmetricKeyDetails?.namedCurve, 'prime256v1');
  assert.equal(parsed.validFromDate.getTime(), from.getTime());
  assert.equal(parsed.validToDate.getTime(), to.getTime());
  assert.equal(parsed.ca, false);
  assert.deepEqual(parsed.keyUsage, ['1.3.6.1.5.5.7.3.1'], 'for serving TLS only');
  assert.ok(parsed.checkHost('speech.example.org'));
  assert.ok(parsed.checkIP('127.0.0.1'));
  assert.ok(parsed.checkIP('2001:db8:0:0:0:0:0:7'));
  assert.equal(parsed.checkHost('evil.example'), undefined);
  assert.equal(parsed.checkIP('10.0.0.1'), undefined);
});

test('times from 2050 on are written so that they are read back', () => {
  const late = new Date('2051-06-07T08:09:10Z');
  const { certificate } = selfSignedCertificate({ names, from, to: late });
  assert.equal(new X509Certificate(certificate).validToDate.getTime(), late.getTime());
});

test('no two certificates share a serial number or a key', () => {
  const made = Array.from(
    { length: 20 },
    () => new X509Certificate(selfSignedCertificate({ names, from, to }).certificate),
  );
  assert.equal(new Set(made.map(({ serialNumber }) => serialNumber)).size, 20);
  assert.equal(new Set(made.map(({ fingerprint256 }) => fingerprint256)).size, 20);
});

test('a client that trusts it completes a handshake by name and by address, and one that does not refuses it', async () => {
  const { certificate, key } = selfSignedCertificate({ names, from: new Date(Date.now() - 1000), to });
  const server = createServer({ cert: certificate, key }, (socket) => socket.end('hello'));
  server.on('tlsClientError', () => {});
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  try {
    for (const servername of ['localhost', 'speech.example.org', undefined]) {
      const socket = connect({ port, host: '127.0.0.1', ca: certificate, servername: servername ?? '' });
      const [data] = (await once(socket, 'data')) as [Buffer];
      assert.equal(String(data), 'hello');
      assert.equal(socket.authorized, true);
      const peer: PeerCertificate = socket.getPeerCertificate();
      assert.equal(peer.subject.CN, 'Open Speech development');
      socket.destroy();
    }
    const stranger = connect({ port, host: '127.0.0.1', servername: 'localhost' });
    await assert.rejects(once(stranger, 'secureConnect'), { code: 'DEPTH_ZERO_SELF_SIGNED_CERT' });
  } finally {
    server.close();
  }
});
