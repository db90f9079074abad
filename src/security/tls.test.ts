import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { selfSignedCertificate } from './certificate.ts';
import { loadTlsIdentity, type TlsOptions } from './tls.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-tls-'));
after(() => rmSync(folder, { recursive: true }));
const DAY = 86_400_000;
const NOW = Date.parse('2027-01-01T00:00:00Z');

const fresh = (changes: Partial<TlsOptions> = {}): TlsOptions => ({
  sslCertfile: '',
  sslKeyfile: '',
  dataDir: mkdtempSync(join(folder, 'd-')),
  host: '127.0.0.1',
  publicHosts: [],
  ...changes,
});

test('a development certificate is made once and its key is private, whatever the umask', () => {
  const options = fresh({ host: '0.0.0.0', publicHosts: ['Speech.example.org'] });
  const before = process.umask(0);
  const made = loadTlsIdentity(options, NOW);
  process.umask(before);
  assert.equal(statSync(join(options.dataDir, 'tls')).mode & 0o777, 0o700);
  assert.equal(statSync(join(options.dataDir, 'tls/key.pem')).mode & 0o777, 0o600);
  assert.equal(made.selfSigned, true);
  const parsed = new X509Certificate(made.cert);
  assert.ok(parsed.checkHost('speech.example.org') && parsed.checkHost('localhost') && parsed.checkIP('::1'));
  assert.equal(parsed.checkIP('0.0.0.0'), undefined);
  assert.deepEqual(loadTlsIdentity(options, NOW + 300 * DAY), made);
});

test('it is renewed before it ends', () => {
  const options = fresh();
  const made = loadTlsIdentity(options, NOW);
  assert.equal(made.validUntil, NOW + 365 * DAY);
  const renewed = loadTlsIdentity(options, NOW + 335 * DAY);
  assert.notEqual(renewed.cert, made.cert);
  assert.notEqual(renewed.key, made.key);
  assert.equal(renewed.validUntil, NOW + 700 * DAY);
});

test('it is renewed when the server gets another name', () => {
  const options = fresh();
  const made = loadTlsIdentity(options, NOW);
  assert.notEqual(loadTlsIdentity({ ...options, publicHosts: ['a.example'] }, NOW).cert, made.cert);
});

test('a key that others can read stops the start, and is not quietly replaced', () => {
  const options = fresh();
  loadTlsIdentity(options, NOW);
  const key = join(options.dataDir, 'tls/key.pem');
  const before = readFileSync(key, 'utf8');
  for (const loose of [0o640, 0o604, 0o660]) {
    chmodSync(key, loose);
    assert.throws(() => loadTlsIdentity(options, NOW), /key\.pem can be read by other users/);
  }
  assert.equal(readFileSync(key, 'utf8'), before);
});

test('a pair that a crash left broken is made again', () => {
  for (const file of ['tls/key.pem', 'tls/certificate.pem']) {
    const options = fresh();
    const made = loadTlsIdentity(options, NOW);
    const other = selfSignedCertificate({ names: ['localhost'], from: new Date(NOW), to: new Date(NOW + 365 * DAY) });
    for (const content of ['', 'garbage', file.includes('key') ? other.key : other.certificate]) {
      writeFileSync(join(options.dataDir, file), content);
      const again = loadTlsIdentity(options, NOW);
      assert.ok(new X509Certificate(again.cert).verify(new X509Certificate(again.cert).publicKey));
      assert.notEqual(again.cert, made.cert);
    }
  }
});

function operator(changes: { keyMode?: number; key?: string; to?: number } = {}): TlsOptions {
  const dir = mkdtempSync(join(folder, 'o-'));
  const made = selfSignedCertificate({
    names: ['a.example'],
    from: new Date(NOW - DAY),
    to: new Date(changes.to ?? NOW + DAY),
  });
  writeFileSync(join(dir, 'cert.pem'), made.certificate);
  writeFileSync(join(dir, 'key.pem'), changes.key ?? made.key);
  chmodSync(join(dir, 'key.pem'), changes.keyMode ?? 0o600);
  return fresh({ sslCertfile: join(dir, 'cert.pem'), sslKeyfile: join(dir, 'key.pem') });
}

test("the operator's certificate is served as it is", () => {
  const identity = loadTlsIdentity(operator(), NOW);
  assert.equal(identity.selfSigned, false);
  assert.equal(identity.validUntil, NOW + DAY);
});

test("the operator's certificate is refused when its key is loose, is another's, or the certificate has ended or is missing", () => {
  assert.throws(() => loadTlsIdentity(operator({ keyMode: 0o644 }), NOW), /can be read by other users/);
  const { key } = selfSignedCertificate({ names: ['x'], from: new Date(NOW), to: new Date(NOW + DAY) });
  assert.throws(() => loadTlsIdentity(operator({ key }), NOW), /is not the key of the certificate/);
  assert.throws(() => loadTlsIdentity(operator({ to: NOW }), NOW), /ended on 2027-01-01/);
  assert.throws(
    () => loadTlsIdentity({ ...operator(), sslCertfile: '/nowhere/cert.pem' }, NOW),
    /cannot be read \(ENOENT\)/,
  );
});
