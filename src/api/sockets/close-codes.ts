/**
 * Why a socket ends, as the client is told. Below 4000: RFC 6455 section 7.4.1; from there on: ours. docs/sockets.md
 * explains each, and a test holds the two together. A protocol that has codes of its own uses these for what it does
 * not name.
 */
export const CLOSE = {
  /** Everything was said. */
  done: 1000,
  /** The server shuts down. */
  goingAway: 1001,
  /** Frames that break RFC 6455. */
  protocolError: 1002,
  /** Binary where text belongs, or the reverse. */
  wrongKind: 1003,
  /** Text that is not UTF-8. */
  invalidText: 1007,
  /** More fragments than permitted. */
  policy: 1008,
  /** A message over the limit. */
  tooBig: 1009,
  /** The server failed; the log says why. */
  failed: 1011,
  /** Too much to do: come back later. */
  overloaded: 1013,
  /** The key was revoked or has expired. */
  keyEnded: 4001,
  /** Nothing was said for too long. */
  idle: 4008,
  /** The session was as long as one may be. */
  lifetime: 4009,
  /** The client does not read what it is sent. */
  slowReader: 4013,
} as const;

export type CloseCode = (typeof CLOSE)[keyof typeof CLOSE];
