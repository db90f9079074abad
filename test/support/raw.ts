import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** One answer as it came over the wire. Header names are in lower case; those that came twice are joined by a comma. */
export interface RawAnswer {
  status: number;
  headers: Record<string, string>;
  body: Buffer;
}

/** A connection on which a test writes every byte itself, for requests that no HTTP client would send. */
export class RawConnection {
  readonly socket: Socket;
  #received = Buffer.alloc(0);
  #ended = false;
  #arrived: (() => void) | undefined;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on('data', (bytes: Buffer) => {
      this.#received = Buffer.concat([this.#received, bytes]);
      this.#arrived?.();
    });
    for (const event of ['end', 'close', 'error']) {
      socket.on(event, () => {
        this.#ended = true;
        this.#arrived?.();
      });
    }
  }

  static async open(url: string): Promise<RawConnection> {
    const { hostname, port } = new URL(url);
    const socket = connect({ host: hostname, port: Number(port), noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** True once the server has ended the connection. */
  get ended(): boolean {
    return this.#ended;
  }

  /** Everything that came and was not taken as an answer yet. */
  get received(): Buffer {
    return this.#received;
  }

  /** Writes and waits until the bytes have left, or the connection is gone. */
  async write(bytes: string | Uint8Array): Promise<void> {
    await new Promise<void>((resolve) => this.socket.write(bytes, () => resolve()));
  }

  /** Resolves when the server has ended the connection. */
  async end(): Promise<void> {
    while (!this.#ended) await this.#more();
  }

  /** The next answer, interim ones (1xx) left out. `method` of the request, because HEAD is answered without a body. */
  async answer(method = 'GET'): Promise<RawAnswer> {
    for (;;) {
      const answer = await this.#oneAnswer(method);
      if (answer.status >= 200) return answer;
    }
  }

  /** The next answer, where switching protocols (101) is one: what follows it stays in `received`. */
  answerOrSwitch(): Promise<RawAnswer> {
    return this.#oneAnswer('GET');
  }

  close(): void {
    this.socket.destroy();
  }

  async #oneAnswer(method: string): Promise<RawAnswer> {
    const head = (await this.#takeUntil('\r\n\r\n')).toString('latin1');
    const [first = '', ...lines] = head.trimEnd().split('\r\n');
    const status = Number(/^HTTP\/1\.1 (\d{3})/.exec(first)?.[1]);
    if (!(status >= 100)) throw new Error(`no HTTP answer: ${first}`);
    const headers: Record<string, string> = {};
    for (const line of lines) {
      const [, name = '', value = ''] = /^([^:]+): *(.*)$/.exec(line) ?? [];
      const known = headers[name.toLowerCase()];
      headers[name.toLowerCase()] = known === undefined ? value : `${known}, ${value}`;
    }
    return { status, headers, body: await this.#body(method, status, headers) };
  }

  async #body(method: string, status: number, headers: Record<string, string>): Promise<Buffer> {
    if (method === 'HEAD' || status < 200 || status === 204 || status === 304) return Buffer.alloc(0);
    if (headers['transfer-encoding'] === 'chunked') {
      const chunks: Buffer[] = [];
      for (;;) {
        const size = Number.parseInt((await this.#takeUntil('\r\n')).toString('latin1'), 16);
        const chunk = await this.#take(size + 2);
        if (size === 0) return Buffer.concat(chunks);
        chunks.push(chunk.subarray(0, size));
      }
    }
    if (headers['content-length'] !== undefined) return this.#take(Number(headers['content-length']));
    await this.end();
    return this.#take(this.#received.length);
  }

  async #takeUntil(mark: string): Promise<Buffer> {
    let at = this.#received.indexOf(mark);
    for (; at < 0; at = this.#received.indexOf(mark)) await this.#moreOrFail();
    return this.#take(at + mark.length);
  }

  async #take(length: number): Promise<Buffer> {
    while (this.#received.length < length) await this.#moreOrFail();
    const taken = this.#received.subarray(0, length);
    this.#received = this.#received.subarray(length);
    return taken;
  }

  async #moreOrFail(): Promise<void> {
    if (this.#ended) throw new Error(`the connection ended after ${JSON.stringify(this.#received.toString('latin1'))}`);
    await this.#more();
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      this.#arrived = resolve;
    });
  }
}

/** Sends one request on a connection of its own and reads its answer. */
export async function exchange(url: string, request: string | Uint8Array): Promise<RawAnswer> {
  const connection = await RawConnection.open(url);
  try {
    await connection.write(request);
    const method = Buffer.from(request).toString('latin1', 0, 10).split(' ', 1)[0];
    return await connection.answer(method);
  } finally {
    connection.close();
  }
}

/** The head of a request, from its lines; `Host` is added unless it is among them. */
export function requestHead(first: string, ...headers: string[]): string {
  const host = headers.some((header) => /^host:/i.test(header)) ? [] : ['Host: 127.0.0.1'];
  return `${[`${first} HTTP/1.1`, ...host, ...headers].join('\r\n')}\r\n\r\n`;
}
