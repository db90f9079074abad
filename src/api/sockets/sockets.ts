import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Duplex } from 'node:stream';
import type { KeyStore } from '../../accounts/keys.ts';
import type { Principal } from '../../accounts/scopes.ts';
import type { Settings } from '../../config/kinds.ts';
import { SpeechError, shuttingDown } from '../../errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import type { Policy } from '../policy.ts';
import { CLOSE } from './close-codes.ts';
import { asksForSocket } from './handshake.ts';
import type { SocketSession } from './session.ts';

// Imported, node:http would load fetch, too (server.ts).
const { ServerResponse: Response } = process.getBuiltinModule('node:http');

export interface SocketsDeps {
  settings: Settings;
  keys: KeyStore;
  log: Log;
  metrics: Metrics;
}

/** A handshake that waits for its answer: the connection, and what came on it behind the request. */
export interface Handshake {
  socket: Duplex;
  head: Buffer;
}

/** How often the sessions' clocks are looked at, and whether their keys still live, in ms. */
const CHECK_MS = 250;
/** Time for the last frames of sockets that are closed at shutdown, in ms. */
const LAST_FRAMES_MS = 1000;

/** Every WebSocket of the server: those being asked for and those that are open. */
export class Sockets {
  /** Who may open a socket, by path. */
  readonly paths = new Map<string, Policy>();
  readonly settings: Settings;
  readonly log: Log;
  readonly metrics: Metrics;
  readonly #keys: KeyStore;
  readonly #handshakes = new WeakMap<IncomingMessage, Handshake>();
  /** The answer to the last request of each connection. */
  readonly #lastAnswers = new WeakMap<Duplex, ServerResponse>();
  readonly #open = new Set<SocketSession>();
  readonly #perKey = new Map<string, number>();
  #deciding = 0;
  #draining = false;
  #clock: NodeJS.Timeout | undefined;
  #asking = false;
  #emptied: (() => void) | undefined;

  constructor({ settings, keys, log, metrics }: SocketsDeps) {
    this.settings = settings;
    this.log = log;
    this.metrics = metrics;
    this.#keys = keys;
  }

  /** Open sockets. */
  get size(): number {
    return this.#open.size;
  }

  /** Takes note of an ordinary request. */
  note(request: IncomingMessage, response: ServerResponse): void {
    this.#lastAnswers.set(request.socket, response);
  }

  /**
   * True where a request asks to become a socket and there is one at its path; for everything else headers mean nothing.
   * So it is behind requests that are still being answered: their answers need the connection as it is.
   */
  wants(request: IncomingMessage): boolean {
    const { method, url = '', headers, httpVersion, socket } = request;
    if (!this.paths.has(pathOf(url)) || httpVersion !== '1.1' || !asksForSocket(method, headers)) return false;
    return this.#lastAnswers.get(socket)?.writableFinished ?? true;
  }

  /**
   * Sends a handshake through the same doors as every request: what refuses it answers as it always does, and the
   * connection ends behind the answer.
   */
  decide(
    request: IncomingMessage,
    socket: Duplex,
    head: Buffer,
    handle: (request: IncomingMessage, response: ServerResponse) => void,
  ): void {
    socket.on('error', () => socket.destroy());
    const response = new Response(request);
    response.shouldKeepAlive = false;
    response.assignSocket(socket as Parameters<typeof response.assignSocket>[0]);
    let decided = false;
    const onDecided = (): void => {
      if (!decided) this.#deciding--;
      decided = true;
    };
    this.#deciding++;
    response.once('close', onDecided);
    response.once('finish', () => {
      onDecided();
      socket.end();
      socket.resume();
      // The client gets time to read the answer, but may not hold the connection open.
      setTimeout(() => socket.destroy(), this.settings.limits.drainMs).unref();
    });
    this.#handshakes.set(request, { socket, head });
    handle(request, response);
  }

  /** The handshake behind a request, if it is one. */
  handshakeOf(request: IncomingMessage): Handshake | undefined {
    return this.#handshakes.get(request);
  }

  /** Throws `overloaded` for a handshake that comes while too many others wait for their answer. */
  refuseCrowd(request: IncomingMessage): void {
    if (this.#handshakes.has(request) && this.#deciding > this.settings.limits.socketHandshakesAtOnce) {
      throw new SpeechError('overloaded', 'Too many sockets are being opened at once. Try again in a moment.');
    }
  }

  /** Throws where this caller may not open one more socket now: `rate_limit_exceeded`, `overloaded`, `shutting_down`. */
  admit({ keyId }: Principal): void {
    const { sockets, socketsPerKey } = this.settings.limits;
    if (this.#draining) throw shuttingDown();
    if (this.#open.size >= sockets) {
      throw new SpeechError('overloaded', `There may be ${sockets} open sockets at once.`);
    }
    if ((this.#perKey.get(keyId) ?? 0) >= socketsPerKey) {
      throw new SpeechError('rate_limit_exceeded', `This key may have ${socketsPerKey} sockets open at once.`);
    }
  }

  add(session: SocketSession): void {
    const { keyId } = session.principal;
    this.#open.add(session);
    this.#perKey.set(keyId, (this.#perKey.get(keyId) ?? 0) + 1);
    session.signal.addEventListener('abort', () => this.#remove(session), { once: true });
    this.#clock ??= setInterval(() => this.#check(), CHECK_MS).unref();
  }

  /** Opens no more, lets each say its goodbye within `graceMs`, and leaves none open. */
  async drain(graceMs: number): Promise<void> {
    this.#draining = true;
    const goodbyes = [...this.#open].map(async (session) => {
      await session.goodbye();
      session.close(CLOSE.goingAway, 'The server is shutting down.');
    });
    await within(graceMs, Promise.all(goodbyes));
    for (const session of this.#open) session.close(CLOSE.goingAway, 'The server is shutting down.');
    if (this.#open.size > 0) {
      const emptied = new Promise<void>((resolve) => {
        this.#emptied = resolve;
      });
      await within(LAST_FRAMES_MS, emptied);
    }
    for (const session of this.#open) session.terminate();
  }

  #remove(session: SocketSession): void {
    const { keyId } = session.principal;
    this.#open.delete(session);
    const left = this.#perKey.get(keyId)! - 1;
    if (left > 0) this.#perKey.set(keyId, left);
    else this.#perKey.delete(keyId);
    if (this.#open.size > 0) return;
    clearInterval(this.#clock);
    this.#clock = undefined;
    this.#emptied?.();
  }

  #check(): void {
    const now = performance.now();
    for (const session of this.#open) session.check(now);
    void this.#endWithoutKey();
  }

  /** Ends the sockets of keys that were revoked or have expired. A database that does not answer ends none. */
  async #endWithoutKey(): Promise<void> {
    if (this.#asking || this.settings.authDisabled || this.#perKey.size === 0) return;
    this.#asking = true;
    try {
      const asked = new Set(this.#perKey.keys());
      const living = await this.#keys.living(asked);
      for (const session of this.#open) {
        const { keyId } = session.principal;
        if (asked.has(keyId) && !living.has(keyId)) session.end(CLOSE.keyEnded, 'The key was revoked or has expired.');
      }
    } catch (error) {
      this.log.error('Keys of open sockets could not be checked', { error });
    } finally {
      this.#asking = false;
    }
  }
}

/** The path of a URL as the router spells it: without query, fragment and a last slash. */
function pathOf(url: string): string {
  const path = url.split(/[?#;]/, 1)[0]!;
  return path.length > 1 ? path.replace(/\/$/, '') : path;
}

async function within(ms: number, work: Promise<unknown>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  await Promise.race([work, promise]);
  clearTimeout(timer);
}
