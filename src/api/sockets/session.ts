import type { RawData, WebSocket } from 'ws';
import type { Principal } from '../../accounts/scopes.ts';
import type { Settings } from '../../config/kinds.ts';
import { SpeechError } from '../../errors.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Metrics } from '../../telemetry/metrics.ts';
import { CLOSE } from './close-codes.ts';
import { throttle } from './throttle.ts';

/** What a protocol does with a socket. All are called one after another, and never after `closed`. */
export interface SocketHandlers {
  /** A text message. Without it text closes the socket. */
  text?(text: string): void;
  /** A binary message; the bytes are the handler's to keep. Without it binary closes the socket. */
  binary?(bytes: Buffer): void;
  /**
   * The server shuts down: time for last results and for the protocol's own goodbye. When it is done, or the time for
   * shutting down is over, the socket is closed with 1001 unless it already was.
   */
  goodbye?(): void | Promise<void>;
  /** The socket is about to be closed by a rule of the server (not by `close`): a last chance to say it in the protocol. */
  ending?(code: number, reason: string): void;
  /** The socket is gone, whatever the cause. */
  closed?(code: number): void;
}

export interface SessionOptions {
  requestId: string;
  /** The route's own spelling. */
  path: string;
  principal: Principal;
  limits: Settings['limits'];
  log: Log;
  metrics: Metrics;
}

/** A close frame holds at most 125 bytes, two of them for the code. */
const MAX_REASON_BYTES = 123;
/** `ready` resolves when no more than this share of the bound is unread. */
const LOW_WATER = 1 / 4;

/**
 * An open WebSocket within all its limits. What comes faster than permitted is not read until its time has come, so
 * that the client's own network holds it back; what the client does not read is bounded, and so is every time.
 */
export class SocketSession {
  readonly requestId: string;
  readonly path: string;
  readonly principal: Principal;
  /** Fires when the socket is gone. */
  readonly signal: AbortSignal;
  readonly #ws: WebSocket;
  readonly #limits: Settings['limits'];
  readonly #log: Log;
  readonly #metrics: Metrics;
  readonly #gone = new AbortController();
  readonly #openedAt = performance.now();
  readonly #countEvents: (amount: number) => number;
  readonly #countBytes: (amount: number) => number;
  #handlers: SocketHandlers = {};
  #closing = false;
  /** What this side closed it with. A client that is gone never repeats it. */
  #saidCode: number | undefined;
  #waiting: NodeJS.Timeout | undefined;
  #held = false;
  #lastMessageAt = this.#openedAt;
  #lastPingAt = this.#openedAt;
  #asked = false;
  #lastReadAt = this.#openedAt;
  #readers: (() => void)[] = [];
  #received = 0;
  #sent = 0;
  #sentBytes = 0;

  constructor(ws: WebSocket, { requestId, path, principal, limits, log, metrics }: SessionOptions) {
    this.#ws = ws;
    this.requestId = requestId;
    this.path = path;
    this.principal = principal;
    this.signal = this.#gone.signal;
    this.#limits = limits;
    this.#log = log;
    this.#metrics = metrics;
    metrics.socketOpened(path);
    this.#countEvents = throttle({ perSecond: limits.socketEventsPerSecond });
    this.#countBytes = throttle({ perSecond: limits.socketBytesPerSecond });
    ws.on('message', (data, isBinary) => this.#onMessage(data, isBinary));
    ws.on('ping', (data: Buffer) => this.#count(data.length));
    ws.on('pong', (data: Buffer) => this.#count(data.length));
    // What broke the protocol; `ws` has already closed the socket with the code for it.
    ws.on('error', (error) => {
      this.#closing = true;
      this.#log.debug('A socket broke the protocol', { requestId, code: (error as NodeJS.ErrnoException).code });
    });
    ws.on('close', (code) => this.#onClose(code));
  }

  /** Gives the protocol the socket. Called once, in the turn in which the socket was opened, so that nothing is lost. */
  attach(open: (session: SocketSession) => SocketHandlers): void {
    this.#run(() => {
      this.#handlers = open(this);
    });
  }

  /** The subprotocol that was selected; empty for none. */
  get protocol(): string {
    return this.#ws.protocol;
  }

  /** False once it is closing or closed: nothing that is sent now arrives. */
  get open(): boolean {
    return !this.#closing && this.#ws.readyState === this.#ws.OPEN;
  }

  /** Bytes that the client has not read yet, as far as this machine knows. */
  get unreadBytes(): number {
    return this.#ws.bufferedAmount;
  }

  /** Sends one JSON text message. On a socket that is closing nothing happens. */
  send(message: object): void {
    this.#write(JSON.stringify(message));
  }

  /** Sends what the protocol has for something that is wrong, which is counted by our `code` for it. */
  sendError(message: object, code: string): void {
    this.#metrics.protocolError({ route: this.path, code });
    this.send(message);
  }

  /** Sends one binary message. The bytes may not change until `ready`. */
  sendBinary(bytes: Uint8Array): void {
    this.#write(bytes);
  }

  /** Resolves when the client has read most of what it was sent, or is gone. Whoever sends much waits for it. */
  async ready(): Promise<void> {
    while (this.open && this.unreadBytes > this.#limits.socketBufferBytes * LOW_WATER) {
      await new Promise<void>((resolve) => this.#readers.push(resolve));
    }
  }

  /** Counts so many bytes as if the client had sent them, where what it causes costs more than what it sends. */
  charge(bytes: number): void {
    this.#readOnIn(this.#countBytes(bytes));
  }

  /** Reads nothing more until `release`, so that the client's own network holds it back. Some messages may still come. */
  hold(): void {
    if (this.#held || !this.open) return;
    this.#held = true;
    this.#ws.pause();
  }

  release(): void {
    if (!this.#held) return;
    this.#held = false;
    this.#lastMessageAt = performance.now();
    if (this.#waiting === undefined) this.#ws.resume();
  }

  /** Says goodbye, once: what was sent before still arrives. Later calls change nothing. */
  close(code: number = CLOSE.done, reason = ''): void {
    if (this.#closing) return;
    this.#closing = true;
    // Whatever was held back: the client's answer stands behind it.
    this.#stopWaiting();
    this.release();
    this.#saidCode = code;
    this.#ws.close(code, shortened(reason));
  }

  /** Closes by a rule of the server, after the protocol had its chance to say so. */
  end(code: number, reason: string): void {
    if (!this.open) return;
    this.#log.info('A socket was ended', { requestId: this.requestId, route: this.path, code, reason });
    this.#run(() => this.#handlers.ending?.(code, reason));
    this.close(code, reason);
  }

  /** For shutting down. Resolves when the protocol has said what it wants to say. */
  async goodbye(): Promise<void> {
    try {
      if (this.open) await this.#handlers.goodbye?.();
    } catch (error) {
      this.#log.error('A socket could not say goodbye', { requestId: this.requestId, error });
    }
  }

  /** Cuts the connection without a word. */
  terminate(): void {
    this.#closing = true;
    this.#ws.terminate();
  }

  /** Looks at the clock. Called a few times a second. */
  check(now: number = performance.now()): void {
    if (!this.open) return;
    const { socketIdleMs, socketLifetimeMs, socketPingMs, responseIdleMs } = this.#limits;
    if (now - this.#openedAt >= socketLifetimeMs) this.end(CLOSE.lifetime, 'The session has lasted as long as it may.');
    else if (!this.#held && now - this.#lastMessageAt >= socketIdleMs)
      this.end(CLOSE.idle, 'Nothing was said for too long.');
    else if (this.unreadBytes > 0 && now - this.#lastReadAt >= responseIdleMs) this.#endSlowReader();
    else if (now - this.#lastPingAt >= socketPingMs) this.#ask(now);
  }

  #ask(now: number): void {
    if (this.#asked && this.#waiting === undefined && !this.#held) {
      this.#log.info('A socket gave no sign of life', { requestId: this.requestId, route: this.path });
      this.terminate();
      return;
    }
    this.#asked = true;
    this.#lastPingAt = now;
    this.#ws.ping();
  }

  #onMessage(data: RawData, isBinary: boolean): void {
    // `binaryType` is nodebuffer, so it is always one Buffer.
    const bytes = data as Buffer;
    this.#count(bytes.length);
    if (this.#closing) return;
    this.#received++;
    this.#lastMessageAt = performance.now();
    const before = this.#sentBytes;
    this.#handle(bytes, isBinary);
    // A short question that has a long answer costs what the answer does.
    this.charge(this.#sentBytes - before);
  }

  #handle(bytes: Buffer, isBinary: boolean): void {
    const { text, binary } = this.#handlers;
    if (isBinary) {
      if (binary === undefined) this.end(CLOSE.wrongKind, 'Only text messages are understood here.');
      else this.#run(() => binary.call(this.#handlers, bytes));
    } else if (text === undefined) this.end(CLOSE.wrongKind, 'Only binary messages are understood here.');
    else this.#run(() => text.call(this.#handlers, bytes.toString()));
  }

  /** Counts a frame. */
  #count(bytes: number): void {
    this.#asked = false;
    this.#readOnIn(Math.max(this.#countEvents(1), this.#countBytes(bytes)));
  }

  /** Reads nothing more for so long. */
  #readOnIn(waitMs: number): void {
    if (waitMs === 0 || this.#closing) return;
    clearTimeout(this.#waiting);
    this.#ws.pause();
    this.#waiting = setTimeout(() => this.#stopWaiting(), waitMs);
  }

  #stopWaiting(): void {
    if (this.#waiting === undefined) return;
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    if (!this.#held) this.#ws.resume();
  }

  #write(data: string | Uint8Array): void {
    if (!this.open) return;
    const bytes = typeof data === 'string' ? Buffer.byteLength(data) : data.byteLength;
    const now = performance.now();
    if (this.unreadBytes === 0) this.#lastReadAt = now;
    else if (this.unreadBytes + bytes > this.#limits.socketBufferBytes) {
      this.#endSlowReader();
      return;
    }
    this.#sent++;
    this.#sentBytes += bytes;
    this.#lastMessageAt = now;
    this.#ws.send(data, () => {
      this.#lastReadAt = performance.now();
      for (const resolve of this.#readers.splice(0)) resolve();
    });
  }

  /** Without the protocol's own words: they would only wait behind what is not read. */
  #endSlowReader(): void {
    this.#log.info('A socket was not read', { requestId: this.requestId, route: this.path });
    this.close(CLOSE.slowReader, 'What was sent is not being read.');
  }

  #run(handle: () => void): void {
    try {
      handle();
    } catch (thrown) {
      const error = SpeechError.from(thrown);
      this.#log.error('A socket failed', { requestId: this.requestId, code: error.code, error });
      this.close(CLOSE.failed, 'The server failed.');
    }
  }

  #onClose(code: number): void {
    this.#closing = true;
    this.#metrics.socketClosed({ route: this.path, code: this.#saidCode ?? code });
    clearTimeout(this.#waiting);
    this.#waiting = undefined;
    this.#gone.abort(new SpeechError('cancelled', 'The client left.'));
    for (const resolve of this.#readers.splice(0)) resolve();
    this.#run(() => this.#handlers.closed?.(code));
    this.#handlers = {};
    this.#log.info('A socket was closed', {
      requestId: this.requestId,
      route: this.path,
      keyId: this.principal.keyId,
      code,
      durationMs: Math.round(performance.now() - this.#openedAt),
      received: this.#received,
      sent: this.#sent,
    });
  }
}

/** The reason as far as it fits, without half a character at its end. */
function shortened(reason: string): string {
  const bytes = Buffer.from(reason);
  if (bytes.length <= MAX_REASON_BYTES) return reason;
  return bytes.toString('utf8', 0, MAX_REASON_BYTES).replace(/\uFFFD$/, '');
}
