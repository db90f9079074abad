import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import type { BenchServer } from './server.ts';

export interface LiveEvent {
  type: string;
  /** When it came, on this process's clock, in ms. */
  cameAt: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a server sends has whatever shape the benchmark reads
  [field: string]: any;
}

/** A client of any of the server's sockets that speak JSON. */
export class LiveClient {
  readonly events: LiveEvent[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<number>;
  #wake: (() => void) | undefined;
  #read = 0;

  private constructor(socket: WebSocket) {
    this.socket = socket;
    this.closed = new Promise((resolve) => socket.once('close', resolve));
    socket.on('message', (data: Buffer) => {
      this.events.push({ ...JSON.parse(data.toString()), cameAt: performance.now() });
      this.#wake?.();
    });
    // Whoever waits for an event meets it as the end of the socket.
    socket.on('error', () => {});
  }

  static async open(server: BenchServer, path: string): Promise<LiveClient> {
    const socket = new WebSocket(server.url.replace('http', 'ws') + path, {
      headers: { authorization: `Bearer ${server.key}` },
      perMessageDeflate: false,
    });
    const client = new LiveClient(socket);
    await once(socket, 'open');
    return client;
  }

  /** The next event of which this is true. */
  async next(is: (event: LiveEvent) => boolean): Promise<LiveEvent> {
    for (;;) {
      while (this.#read < this.events.length) {
        const event = this.events[this.#read++]!;
        if (is(event)) return event;
      }
      const grown = new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
      const gone = this.closed.then((code) => {
        throw new Error(`the socket was closed with ${code}`);
      });
      await Promise.race([grown, gone]);
    }
  }

  send(message: object): void {
    this.socket.send(JSON.stringify(message));
  }

  close(): void {
    this.socket.close();
  }
}

export interface Paced {
  client: LiveClient;
  /** One second is `bytesPerSecond`; it is said over and over. */
  audio: Uint8Array;
  send: (client: LiveClient, piece: Uint8Array) => void;
  /** Set by `speakAtPace`: when the first piece was sent. */
  beganAt?: number;
}

/** How much is sent at once, in ms, as microphones do. */
export const PIECE_MS = 20;

/** Speaks into all sessions at the pace of speech; they take turns, as clients that know nothing of each other do. */
export async function speakAtPace(sessions: Paced[], forMs: number, bytesPerSecond: number): Promise<void> {
  const pieceBytes = (bytesPerSecond * PIECE_MS) / 1000;
  const began = performance.now();
  const pieces = Math.round(forMs / PIECE_MS);
  for (let sent = 0; sent < pieces * sessions.length; ) {
    const due = Math.floor(((performance.now() - began) / PIECE_MS) * sessions.length) + 1;
    for (; sent < Math.min(due, pieces * sessions.length); sent++) {
      const session = sessions[sent % sessions.length]!;
      session.beganAt ??= performance.now();
      const at = (Math.floor(sent / sessions.length) * pieceBytes) % (session.audio.length - pieceBytes);
      session.send(session.client, session.audio.subarray(at, at + pieceBytes));
    }
    await sleep(1);
  }
}

export const sendBinary = (client: LiveClient, piece: Uint8Array): void => client.socket.send(piece);
