import type { KeyStore } from '../accounts/keys.ts';
import type { Principal } from '../accounts/scopes.ts';
import type { Settings } from '../config/kinds.ts';
import { AUTHENTICATE, type FrameBounds, type WyomingEvent } from '../engines/wyoming/framing.ts';
import { SpeechError } from '../errors.ts';
import { rateLimiter } from '../security/rate-limit.ts';
import type { SecurityLog } from '../telemetry/security-log.ts';

/** What a stranger may send before the key is known: an event with a key in it. */
export const DOOR_BOUNDS: FrameBounds = { headerBytes: 4096, dataBytes: 4096, payloadBytes: 0 };

/**
 * Asks clients for an API key. Wyoming knows none, so it comes in an event of our own, `authenticate`, before all
 * others; whatever sits in front of a client can send it.
 */
export class Door {
  readonly #keys: KeyStore;
  readonly #securityLog: SecurityLog;
  readonly #failures: ReturnType<typeof rateLimiter>;

  constructor(keys: KeyStore, securityLog: SecurityLog, { limits }: Settings) {
    this.#keys = keys;
    this.#securityLog = securityLog;
    this.#failures = rateLimiter({ perMinute: limits.authFailures, burst: 0, entries: limits.trackedAddresses });
  }

  /**
   * Who sent this first event; `address` as `rateKey` writes it. Throws SpeechError `invalid_api_key`,
   * `insufficient_scope` or `rate_limit_exceeded`.
   */
  async admit({ type, data }: WyomingEvent, address: string): Promise<Principal> {
    const { allowed, retryAfterMs } = this.#failures.peek(address);
    if (!allowed) {
      this.#securityLog.record({ event: 'address_blocked', address, route: 'wyoming' });
      throw new SpeechError('rate_limit_exceeded', 'Too many failed keys from this address. Try again later.', {
        retryAfterMs,
      });
    }
    if (type !== AUTHENTICATE || typeof data.token !== 'string') {
      this.#refused(address, 'no key');
      throw new SpeechError(
        'invalid_api_key',
        `This server asks for an API key: send the event ${AUTHENTICATE} first.`,
      );
    }
    const principal = await this.#keys.authenticate(data.token);
    if (principal === undefined) {
      this.#failures.take(address);
      this.#refused(address, 'wrong key');
      throw new SpeechError('invalid_api_key', 'The API key is not valid.');
    }
    if (!principal.scopes.has('speech')) {
      this.#securityLog.record({ event: 'scope_refused', address, keyId: principal.keyId, route: 'wyoming' });
      throw new SpeechError('insufficient_scope', "This key lacks the scope 'speech'.");
    }
    return principal;
  }

  /** Which of these keys may still be used. */
  living(keyIds: ReadonlySet<string>): Promise<ReadonlySet<string>> {
    return this.#keys.living(keyIds);
  }

  #refused(address: string, reason: string): void {
    this.#securityLog.record({ event: 'authentication_failed', address, reason, route: 'wyoming' });
  }
}
