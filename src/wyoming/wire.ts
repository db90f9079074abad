import type { SpeechError } from '../errors.ts';

/** The way to a client. */
export interface Wire {
  /** Resolves when the client may be sent more: at once, or when it has read most of what it was sent. */
  send(type: string, data?: object, payload?: Uint8Array): Promise<void>;
  /** Tells of a failure; the connection goes on. */
  fail(error: SpeechError): void;
}
