import { WebSocket } from 'ws';
import type { TestServer } from './server.ts';

// biome-ignore lint/suspicious/noExplicitAny: what a server sends has whatever shape the test finds
export type RealtimeEvent = { type: string } & Record<string, any>;

/** A Realtime client that keeps everything it was sent. */
export class RealtimeClient {
  readonly events: RealtimeEvent[] = [];
  readonly socket: WebSocket;
  closed: { code: number; reason: string } | undefined;
  #read = 0;
  #wake: (() => void)[] = [];

  private constructor(socket: WebSocket) {
    this.socket = socket;
    socket.on('message', (data) => {
      this.events.push(JSON.parse(String(data)) as RealtimeEvent);
      this.#tell();
    });
    socket.on('close', (code, reason) => {
      this.closed = { code, reason: String(reason) };
      this.#tell();
    });
  }

  static async open(
    server: TestServer,
    query = 'model=gpt-realtime',
    options: { headers?: Record<string, string>; protocols?: string[]; key?: string } = {},
  ): Promise<RealtimeClient> {
    const url = `${server.url.replace('http', 'ws')}/v1/realtime?${query}`;
    const socket = new WebSocket(url, options.protocols ?? [], {
      headers: {
        ...(options.protocols ? {} : { authorization: `Bearer ${options.key ?? server.key}` }),
        ...options.headers,
      },
    });
    const client = new RealtimeClient(socket);
    await new Promise((resolve, reject) => {
      socket.on('open', resolve);
      socket.on('error', reject);
    });
    return client;
  }

  send(event: object): void {
    this.socket.send(JSON.stringify(event));
  }

  /** The next event of this type from here on; what comes before it is passed over. Rejects when the socket closes. */
  async next(type: string, timeoutMs = 20_000): Promise<RealtimeEvent> {
    const until = performance.now() + timeoutMs;
    for (;;) {
      while (this.#read < this.events.length) {
        const event = this.events[this.#read++]!;
        if (event.type === type) return event;
      }
      if (this.closed !== undefined) throw new Error(`closed with ${this.closed.code} before ${type}`);
      const left = until - performance.now();
      if (left <= 0)
        throw new Error(
          `no ${type}; there were ${this.events.slice(-12).map((event) => event.type + (event.type === 'error' ? JSON.stringify(event.error) : ''))}`,
        );
      await new Promise<void>((resolve) => {
        const timer = setTimeout(resolve, left);
        this.#wake.push(() => {
          clearTimeout(timer);
          resolve();
        });
      });
    }
  }

  /** PCM or G.711 in frames, as fast as the server takes them. */
  append(audio: Uint8Array, frameBytes = 4800): void {
    for (let at = 0; at < audio.length; at += frameBytes) {
      this.send({
        type: 'input_audio_buffer.append',
        audio: Buffer.from(audio.subarray(at, at + frameBytes)).toString('base64'),
      });
    }
  }

  types(from = 0): string[] {
    return this.events.slice(from).map(({ type }) => type);
  }

  close(): void {
    this.socket.close();
  }

  #tell(): void {
    for (const wake of this.#wake.splice(0)) wake();
  }
}
