import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto';
import { isIP } from 'node:net';
import { addressBytes } from './addresses.ts';
import {
  bitString,
  boolean,
  explicit,
  implicit,
  integer,
  objectId,
  octetString,
  sequence,
  set,
  time,
  utf8String,
} from './der.ts';

export interface CertificateOptions {
  /** Host names and addresses it is good for. */
  names: readonly string[];
  from: Date;
  to: Date;
}

/**
 * Makes a private key and a certificate that it signs itself (X.509 version 3, RFC 5280; ECDSA with P-256 and
 * SHA-256, RFC 5758). Good for serving TLS and for nothing else: it cannot sign other certificates. Both as PEM.
 */
export function selfSignedCertificate({ names, from, to }: CertificateOptions): { key: string; certificate: string } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const publicKeyInfo = publicKey.export({ type: 'spki', format: 'der' });
  const algorithm = sequence(objectId('1.2.840.10045.4.3.2'));
  const name = sequence(set(sequence(objectId('2.5.4.3'), utf8String('Open Speech development'))));
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;

  const extensions = sequence(
    extension('2.5.29.19', true, sequence()),
    // Only the first bit: digitalSignature.
    extension('2.5.29.15', true, bitString(Buffer.of(0x80), 7)),
    extension('2.5.29.37', false, sequence(objectId('1.3.6.1.5.5.7.3.1'))),
    extension('2.5.29.17', false, sequence(...names.map(generalName))),
    // The subject's key identifier, by the fourth method of RFC 7093.
    extension('2.5.29.14', false, octetString(createHash('sha256').update(publicKeyInfo).digest().subarray(0, 20))),
  );
  const body = sequence(
    explicit(0, integer(Buffer.of(2))),
    integer(serial),
    algorithm,
    name,
    sequence(time(from), time(to)),
    name,
    publicKeyInfo,
    explicit(3, extensions),
  );
  const certificate = sequence(body, algorithm, bitString(sign('sha256', body, privateKey)));
  return {
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string,
    certificate: pem(certificate),
  };
}

function extension(id: string, critical: boolean, value: Uint8Array): Buffer {
  // DER leaves out a value that equals its default, and `critical` defaults to false.
  return sequence(objectId(id), ...(critical ? [boolean(true)] : []), octetString(value));
}

function generalName(name: string): Buffer {
  return isIP(name) === 0 ? implicit(2, Buffer.from(name, 'ascii')) : implicit(7, addressBytes(name));
}

function pem(der: Uint8Array): string {
  const lines = Buffer.from(der)
    .toString('base64')
    .match(/.{1,64}/g)!
    .join('\n');
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}
