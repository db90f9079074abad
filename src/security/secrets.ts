import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/**
 * Compares two secrets in a time that depends on neither. The only comparison of secrets in this project. Hashing
 * first makes any two lengths comparable without telling the length.
 */
export function equalSecrets(given: string, expected: string): boolean {
  const digest = (text: string) => createHash('sha256').update(text).digest();
  return timingSafeEqual(digest(given), digest(expected));
}

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** The least number of base62 digits that holds 256 bits: 62^43 > 2^256 > 62^42. */
const DIGITS = 43;
export const TOKEN_PATTERN = new RegExp(`^[0-9A-Za-z]{${DIGITS}}$`);

/** A secret of 256 random bits, written as 43 letters and digits. */
export function randomToken(): string {
  let rest = BigInt(`0x${randomBytes(32).toString('hex')}`);
  let token = '';
  for (let digit = 0; digit < DIGITS; digit++) {
    token = BASE62[Number(rest % 62n)] + token;
    rest /= 62n;
  }
  return token;
}

/** SHA-256, hexadecimal. Right for secrets of full entropy only: passwords need a slow hash. */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}
