import { createPrivateKey, X509Certificate } from 'node:crypto';
import { chmodSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { isIP } from 'node:net';
import { join } from 'node:path';
import { readPrivateFile, writePrivateFile } from '../storage/private-file.ts';
import { isUnspecifiedHost } from './addresses.ts';
import { selfSignedCertificate } from './certificate.ts';

const DAY_MS = 86_400_000;
const VALID_DAYS = 365;
/** A certificate of our own is replaced when it has less than this left. */
const RENEW_DAYS = 30;
const MAX_PEM_BYTES = 256 * 1024;

export interface TlsOptions {
  /** Both empty: a self-signed certificate for development is kept in `<dataDir>/tls`. */
  sslCertfile: string;
  sslKeyfile: string;
  dataDir: string;
  host: string;
  publicHosts: readonly string[];
}

/** What `https.createServer` and `setSecureContext` take, and until when it is good. */
export interface TlsIdentity {
  cert: string;
  key: string;
  selfSigned: boolean;
  /** Unix milliseconds. */
  validUntil: number;
}

/**
 * Reads the operator's certificate, or keeps one for development: made when there is none, replaced 30 days before it
 * ends or when the names have changed. Call it again every day and hand the result to `setSecureContext`. Throws an
 * Error where other users can read the key, key and certificate do not match, or the operator's certificate has ended.
 */
export function loadTlsIdentity(options: TlsOptions, now: number = Date.now()): TlsIdentity {
  if (options.sslCertfile !== '') return operatorIdentity(options, now);
  const folder = join(options.dataDir, 'tls');
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  chmodSync(folder, 0o700);
  const keyPath = join(folder, 'key.pem');
  const certPath = join(folder, 'certificate.pem');
  const names = certificateNames(options);

  if (existsSync(keyPath) && existsSync(certPath)) {
    const key = readPrivateFile(keyPath, { maxBytes: MAX_PEM_BYTES });
    const cert = readFileSync(certPath, 'utf8');
    const parsed = matching(cert, key);
    if (parsed !== undefined && parsed.validToDate.getTime() - now > RENEW_DAYS * DAY_MS && covers(parsed, names)) {
      return { cert, key, selfSigned: true, validUntil: parsed.validToDate.getTime() };
    }
  }
  // An hour back, for clients whose clock is behind.
  const from = new Date(now - 3_600_000);
  const to = new Date(now + VALID_DAYS * DAY_MS);
  const made = selfSignedCertificate({ names, from, to });
  // A crash between the two leaves a pair that does not match, and the next start makes a new one.
  writePrivateFile(keyPath, made.key, { replace: true });
  writePrivateFile(certPath, made.certificate, { replace: true });
  return { cert: made.certificate, key: made.key, selfSigned: true, validUntil: to.getTime() };
}

function operatorIdentity({ sslCertfile, sslKeyfile }: TlsOptions, now: number): TlsIdentity {
  const key = readPrivateFile(sslKeyfile, { maxBytes: MAX_PEM_BYTES });
  let cert: string;
  try {
    cert = readFileSync(sslCertfile, 'utf8');
  } catch (error) {
    throw new Error(`${sslCertfile} cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  const parsed = matching(cert, key);
  if (parsed === undefined) throw new Error(`${sslKeyfile} is not the key of the certificate ${sslCertfile}`);
  const validUntil = parsed.validToDate.getTime();
  if (validUntil <= now) throw new Error(`the certificate ${sslCertfile} ended on ${parsed.validToDate.toISOString()}`);
  return { cert, key, selfSigned: false, validUntil };
}

/** The certificate, the first of its chain, where it and the key belong together. */
function matching(cert: string, key: string): X509Certificate | undefined {
  try {
    const parsed = new X509Certificate(cert);
    return parsed.checkPrivateKey(createPrivateKey(key)) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function certificateNames({ host, publicHosts }: TlsOptions): string[] {
  const bare = [host, ...publicHosts].map((name) => name.replace(/^\[(.*)\]$/, '$1').toLowerCase());
  return [...new Set(['localhost', '127.0.0.1', '::1', ...bare.filter((name) => !isUnspecifiedHost(name))])];
}

function covers(certificate: X509Certificate, names: readonly string[]): boolean {
  return names.every((name) =>
    isIP(name) === 0 ? certificate.checkHost(name) !== undefined : certificate.checkIP(name) !== undefined,
  );
}
