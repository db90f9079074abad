import {
  createHash,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { readPrivateFile, writePrivateFile } from '../../storage/private-file.ts';

const KEY_FILE = 'model-signing.key';
const SIGNERS_FILE = 'model-signers.json';
const MAX_KEY_BYTES = 4096;
const MAX_SIGNERS = 1000;
/** What stands before the 32 bytes of an Ed25519 key in its SubjectPublicKeyInfo (RFC 8410). */
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

const signersSchema = z.strictObject({ signers: z.array(z.string().max(100)).max(MAX_SIGNERS) });

export interface Signature {
  /** Raw Ed25519 key, base64url. */
  publicKey: string;
  signature: string;
}

/** The key with which this server signs bundles, made when it is first needed and kept in the data folder, mode 0600. */
export class Signer {
  readonly fingerprint: string;
  #privateKey: KeyObject;
  #publicKey: string;

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    const raw = createPublicKey(privateKey).export({ type: 'spki', format: 'der' }).subarray(SPKI_PREFIX.length);
    this.#publicKey = raw.toString('base64url');
    this.fingerprint = fingerprintOf(this.#publicKey);
  }

  static open(dataDir: string): Signer {
    const path = join(dataDir, KEY_FILE);
    if (!existsSync(path)) {
      mkdirSync(dataDir, { recursive: true, mode: 0o700 });
      const { privateKey } = generateKeyPairSync('ed25519');
      try {
        writePrivateFile(path, privateKey.export({ type: 'pkcs8', format: 'pem' }), { replace: false });
      } catch (error) {
        // Somebody made one at the same moment: theirs is as good.
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
    return new Signer(createPrivateKey(readPrivateFile(path, { maxBytes: MAX_KEY_BYTES })));
  }

  sign(message: Buffer): Signature {
    return { publicKey: this.#publicKey, signature: sign(null, message, this.#privateKey).toString('base64url') };
  }
}

export function isSigned(message: Buffer, { publicKey, signature }: Signature): boolean {
  const der = Buffer.concat([SPKI_PREFIX, Buffer.from(publicKey, 'base64url')]);
  try {
    const key = createPublicKey({ key: der, format: 'der', type: 'spki' });
    return verify(null, message, key, Buffer.from(signature, 'base64url'));
  } catch {
    return false;
  }
}

/** The name of a key that people compare: `SHA256:` and 43 characters. */
export function fingerprintOf(publicKey: string): string {
  return `SHA256:${createHash('sha256').update(Buffer.from(publicKey, 'base64url')).digest('base64url')}`;
}

/** Signers whose bundles this server takes besides its own. */
export function acceptedSigners(dataDir: string): readonly string[] {
  const path = join(dataDir, SIGNERS_FILE);
  return existsSync(path) ? signersSchema.parse(JSON.parse(readFileSync(path, 'utf8'))).signers : [];
}

export function acceptSigner(dataDir: string, fingerprint: string): void {
  const signers = acceptedSigners(dataDir);
  if (signers.includes(fingerprint)) return;
  mkdirSync(dataDir, { recursive: true, mode: 0o700 });
  const content = JSON.stringify({ signers: [...signers, fingerprint].slice(-MAX_SIGNERS) }, null, 2);
  writePrivateFile(join(dataDir, SIGNERS_FILE), `${content}\n`, { replace: true });
}
