import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import type { Settings } from '../config/kinds.ts';
import { type ErrorCode, SpeechError } from '../errors.ts';
import { errorBody } from './errors.ts';
import { commonHeaders, newRequestId } from './headers.ts';

// Imported, node:http would load fetch, too (server.ts).
const { STATUS_CODES } = process.getBuiltinModule('node:http');

/** What Node could not read as HTTP, by its error code. */
const REASONS: Readonly<Record<string, [ErrorCode, number, string]>> = {
  ERR_HTTP_REQUEST_TIMEOUT: ['request_timeout', 408, 'The request took too long to arrive.'],
  HPE_HEADER_OVERFLOW: ['too_large', 431, 'The request headers are too large.'],
};

/** Makes the answer, on the bare socket, to what never became a request. */
export function answerUnreadable(settings: Settings): (error: NodeJS.ErrnoException, socket: Socket) => void {
  return (error, socket) => {
    // Node keeps the answer in progress here; bytes of ours in the middle of it would be taken for part of it.
    const current = (socket as Socket & { _httpMessage?: ServerResponse | null })._httpMessage;
    if (!socket.writable || error.code === 'ECONNRESET' || current?.headersSent) {
      socket.destroy();
      return;
    }
    const [code, status, message] = REASONS[error.code ?? ''] ?? ['invalid_request', 400, 'This is not valid HTTP.'];
    const body = JSON.stringify(errorBody(new SpeechError(code, message)));
    const headers = {
      ...commonHeaders(newRequestId(), settings),
      connection: 'close',
      'content-type': 'application/json; charset=utf-8',
      'content-length': Buffer.byteLength(body),
    };
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n${body}`);
    // The client gets time to read the answer, but may not hold the connection open.
    setTimeout(() => socket.destroy(), settings.limits.drainMs).unref();
  };
}
