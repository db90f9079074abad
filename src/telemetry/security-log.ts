import { join } from 'node:path';
import { rateKey } from '../security/addresses.ts';
import { textRedactor } from '../security/redact.ts';
import { openRotatingFile } from './rotating-file.ts';

/** What the security log keeps. It alone may hold a client's address. */
export interface SecurityEvent {
  event:
    | 'authentication_failed'
    | 'address_blocked'
    | 'scope_refused'
    | 'origin_refused'
    | 'host_refused'
    | 'network_refused'
    | 'key_created'
    | 'key_revoked';
  address?: string;
  requestId?: string;
  /** Public part of a key, or its id; never the key. */
  keyId?: string;
  route?: string;
  reason?: string;
}

export interface SecurityLog {
  record(event: SecurityEvent): void;
  /** Writes what is waiting. */
  close(): Promise<void>;
}

export interface SecurityLogOptions {
  /** The data folder; the log lies in its `logs` folder. */
  dataDir: string;
  /** For all files of the log together. */
  maxBytes: number;
  /** Nothing stays longer than this. */
  maxAgeMs: number;
  now?: () => number;
  secrets?: readonly string[];
  /** Told when lines could not be written. */
  onError?: (error: unknown) => void;
}

/** The same thing from the same place is written once in this time, and then how often it happened. */
const REPEAT_MS = 60_000;
const MAX_REMEMBERED = 1000;

interface Remembered {
  event: SecurityEvent;
  since: number;
  repeats: number;
}

/**
 * Opens `<dataDir>/logs/security.log`, mode 0600 in a folder of mode 0700, with its older files beside it. One caller
 * that knocks for ever adds a line a minute, so that it cannot push what it did before out of the log.
 */
export function openSecurityLog(options: SecurityLogOptions): SecurityLog {
  const { dataDir, maxBytes, maxAgeMs, now = Date.now, onError = () => {} } = options;
  const file = openRotatingFile({ path: join(dataDir, 'logs/security.log'), maxBytes, maxAgeMs, now, onError });
  const redact = textRedactor(options.secrets);
  const remembered = new Map<string, Remembered>();
  let lost = 0;

  const write = (event: SecurityEvent, repeats: number): void => {
    lost += file.takeLost();
    const counts = { ...(repeats > 0 ? { repeats } : {}), ...(lost > 0 ? { lost } : {}) };
    const line = redact(JSON.stringify({ time: new Date(now()).toISOString(), ...event, ...counts }));
    if (file.write(line)) lost = 0;
    else lost++;
  };

  /** Writes down the repeats of an event that will not be remembered any longer. */
  const forget = (name: string, { event, repeats }: Remembered): void => {
    remembered.delete(name);
    if (repeats > 0) write(event, repeats);
  };

  return {
    record(event) {
      if (event.address === undefined) {
        write(event, 0);
        return;
      }
      const name = [event.event, rateKey(event.address), event.keyId, event.reason].join(' ');
      const earlier = remembered.get(name);
      if (earlier !== undefined && now() - earlier.since < REPEAT_MS) {
        earlier.repeats++;
        return;
      }
      if (earlier !== undefined) forget(name, earlier);
      const [oldest] = remembered;
      if (remembered.size >= MAX_REMEMBERED && oldest !== undefined) forget(...oldest);
      remembered.set(name, { event, since: now(), repeats: 0 });
      write(event, 0);
    },
    async close() {
      for (const [name, entry] of remembered) forget(name, entry);
      await file.close();
    },
  };
}
