import { once } from 'node:events';
import { connect, type NetConnectOpts, type Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { encodeEvent, FrameReader, type WyomingEvent } from '../../src/engines/wyoming/framing.ts';

const BOUNDS = { headerBytes: 65_536, dataBytes: 16 * 1024 * 1024, payloadBytes: 1024 * 1024 };

/** A client of the Wyoming protocol that can also misbehave. */
export class WyomingClient {
  readonly socket: Socket;
  readonly #events: WyomingEvent[] = [];
  readonly #reader = new FrameReader(BOUNDS);
  #changed = Promise.withResolvers<void>();
  #closed = false;

  constructor(socket: Socket) {
    this.socket = socket;
    socket.on('error', () => {});
    socket.on('data', (bytes) => {
      this.#events.push(...this.#reader.read(bytes));
      this.#tell();
    });
    socket.on('close', () => {
      this.#closed = true;
      this.#tell();
    });
  }

  /** Connects for the length of one test. */
  static async open(test: TestContext, where: string | NetConnectOpts): Promise<WyomingClient> {
    const socket = connect(typeof where === 'string' ? hostAndPort(where) : where);
    test.after(() => socket.destroy());
    await once(socket, 'connect');
    return new WyomingClient(socket);
  }

  send(type: string, data?: object, payload?: Uint8Array): this {
    this.socket.write(encodeEvent(type, data, payload));
    return this;
  }

  /** The next event, whatever it is; undefined once the server has hung up. */
  async next(): Promise<WyomingEvent | undefined> {
    while (this.#events.length === 0 && !this.#closed) await this.#changed.promise;
    return this.#events.shift();
  }

  /** Everything up to the first event of this type, or an error, or the end. */
  async until(type: string): Promise<WyomingEvent[]> {
    const seen: WyomingEvent[] = [];
    for (;;) {
      const event = await this.next();
      if (event === undefined) return seen;
      seen.push(event);
      if (event.type === type || event.type === 'error') return seen;
    }
  }

  /** The data of the first event of this type; throws where an error or the end comes first. */
  async answer(type: string): Promise<Record<string, unknown>> {
    const last = (await this.until(type)).at(-1);
    if (last?.type !== type) throw new Error(`no ${type} but ${last?.type}: ${JSON.stringify(last?.data)}`);
    return last.data;
  }

  /** Sends audio as Home Assistant does: 16-bit mono at 16 kHz in chunks of 1024 samples. */
  speak(audio: Uint8Array, rate = 16_000): this {
    const format = { rate, width: 2, channels: 1 };
    this.send('audio-start', format);
    for (let at = 0; at < audio.length; at += 2048) this.send('audio-chunk', format, audio.subarray(at, at + 2048));
    return this;
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }
}

function hostAndPort(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url.replace(/^(tcp|tls):/, 'http:'));
  return { host: hostname, port: Number(port) };
}

/** What a speech is made of: its format, which must not change, its samples and the types of its events in order. */
export function soundOf(events: readonly WyomingEvent[]) {
  const chunks = events.filter(({ type }) => type === 'audio-chunk');
  const formats = new Set(
    events
      .filter(({ type }) => type === 'audio-chunk' || type === 'audio-start')
      .map(({ data: { rate, width, channels } }) => `${rate}/${width}/${channels}`),
  );
  const types = events.map(({ type }) => type).filter((type, index, all) => type !== all[index - 1]);
  return { formats: [...formats], types, bytes: Buffer.concat(chunks.map(({ payload }) => payload)) };
}
