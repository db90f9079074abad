import type { Agent, IncomingMessage } from 'node:http';

// Imported, node:http would load fetch, too, which takes twice as long for this and 14 MB.
const { Agent: HttpAgent, request: httpRequest } = process.getBuiltinModule('node:http');
const { Agent: HttpsAgent, request: httpsRequest } = process.getBuiltinModule('node:https');

/** Time for the end of an answer whose last words are here, in ms: then its connection serves the next question. */
const LAST_BYTES_MS = 1000;

const STALE = /^(ECONNRESET|EPIPE)$/;

/** Posts JSON over kept connections. */
export class ChatRequests {
  #url: URL;
  #headers: Record<string, string>;
  #agent: Agent;

  constructor(url: string, headers: Record<string, string>) {
    this.#url = new URL(url);
    this.#headers = headers;
    this.#agent = new (this.#url.protocol === 'https:' ? HttpsAgent : HttpAgent)({ keepAlive: true });
  }

  /** The answer as soon as its head is here. Redirects are not followed. Rejects with the system's errors. */
  async post(body: object, signal: AbortSignal): Promise<IncomingMessage> {
    const text = JSON.stringify(body);
    // A kept connection that the other side closes while this comes was not asked. Each try uses one up.
    for (;;) {
      const answer = await this.#send(text, signal);
      if (answer !== 'stale') return answer;
    }
  }

  #send(text: string, signal: AbortSignal): Promise<IncomingMessage | 'stale'> {
    return new Promise((resolve, reject) => {
      const request = (this.#url.protocol === 'https:' ? httpsRequest : httpRequest)(
        this.#url,
        {
          method: 'POST',
          agent: this.#agent,
          headers: {
            'content-type': 'application/json',
            'content-length': Buffer.byteLength(text),
            ...this.#headers,
          },
        },
        (answer) => {
          // Whoever reads meets the error; whoever has left need not.
          answer.on('error', () => {});
          resolve(answer);
        },
      );
      request.on('error', (error: NodeJS.ErrnoException) => {
        if (request.reusedSocket && !signal.aborted && STALE.test(error.code ?? '')) resolve('stale');
        else reject(error);
      });
      const stop = (): void => void request.destroy();
      signal.addEventListener('abort', stop, { once: true });
      request.once('close', () => signal.removeEventListener('abort', stop));
      if (signal.aborted) stop();
      request.end(text);
    });
  }
}

/** Everything that matters of this answer was read. */
export function letEnd(answer: IncomingMessage): void {
  const timer = setTimeout(() => answer.destroy(), LAST_BYTES_MS);
  answer.once('close', () => clearTimeout(timer));
  answer.resume();
}
