import type { IncomingHttpHeaders } from 'node:http';
import { SpeechError } from '../../errors.ts';

/** 16 bytes in base64 (RFC 6455 section 4.1). */
const KEY = /^[A-Za-z0-9+/]{22}==$/;
/** A token of RFC 9110 section 5.6.2. */
const PROTOCOL = /^[\w!#$%&'*+.^`|~-]+$/;
const MAX_PROTOCOLS = 16;

/** How OpenAI's clients in browsers send their key: as the name of a protocol that nobody speaks. */
const OPENAI_KEY = 'openai-insecure-api-key.';
/** How Deepgram's do: the word, and then the key as the second protocol. */
const DEEPGRAM_WORD = /^(token|bearer)$/i;

/** True for a GET that asks to become a WebSocket. Everything else is an ordinary request. */
export function asksForSocket(method: string | undefined, headers: IncomingHttpHeaders): boolean {
  return (
    method === 'GET' &&
    headers.upgrade?.toLowerCase() === 'websocket' &&
    headers['transfer-encoding'] === undefined &&
    (headers['content-length'] ?? '0') === '0'
  );
}

/** Checks what RFC 6455 section 4.2.1 asks of the headers. Throws `invalid_request`, or `upgrade_required`. */
export function checkHandshake(headers: IncomingHttpHeaders): void {
  if (headers['sec-websocket-version'] !== '13') {
    throw new SpeechError('upgrade_required', 'Only version 13 of the WebSocket protocol is spoken here.');
  }
  if (!KEY.test(headers['sec-websocket-key'] ?? '')) {
    throw new SpeechError('invalid_request', 'Sec-WebSocket-Key is missing or not 16 bytes in base64.');
  }
}

/** The protocols that a client offers, in its order. Throws `invalid_request` for what is no list of names. */
export function offeredProtocols(header: string | undefined): readonly string[] {
  if (header === undefined) return [];
  const offered = header.split(',').map((name) => name.trim());
  if (offered.length > MAX_PROTOCOLS || offered.some((name) => !PROTOCOL.test(name))) {
    throw new SpeechError('invalid_request', 'Sec-WebSocket-Protocol is not a list of protocol names.');
  }
  // A name twice is an error by RFC 6455 section 4.1; `ws` refuses it without our words.
  if (new Set(offered).size < offered.length) {
    throw new SpeechError('invalid_request', 'Sec-WebSocket-Protocol names a protocol twice.');
  }
  return offered;
}

/** The key that a browser's client hides among its protocols. */
export function protocolToken(offered: readonly string[]): string | undefined {
  const openai = offered.find((name) => name.startsWith(OPENAI_KEY));
  if (openai !== undefined) return openai.slice(OPENAI_KEY.length);
  return offered.length === 2 && DEEPGRAM_WORD.test(offered[0]!) ? offered[1] : undefined;
}

/**
 * The protocol to select: one that the route speaks, or the word before a key. Never one that carries a key. Undefined
 * where the client offers none. Throws `invalid_request` where it offers only others: clients give up on an answer
 * that selects none of theirs, and should be told why.
 */
export function selectProtocol(offered: readonly string[], spoken: readonly string[]): string | undefined {
  if (offered.length === 0) return undefined;
  const known = offered.find((name) => spoken.includes(name));
  if (known !== undefined) return known;
  if (offered.length === 2 && DEEPGRAM_WORD.test(offered[0]!)) return offered[0];
  throw new SpeechError(
    'invalid_request',
    spoken.length === 0
      ? 'No WebSocket protocol is spoken here: offer none, or `token` and your key.'
      : `None of the offered WebSocket protocols is spoken here: offer '${spoken.join("' or '")}'.`,
  );
}
