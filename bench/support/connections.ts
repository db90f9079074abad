import { connect, type Socket } from 'node:net';

export interface Sent {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: string | Buffer;
}

export interface Answer {
  status: number;
  /** Of the body. */
  bytes: number;
  /** The body where the status is not 200. */
  text: string;
}

const READ_BYTES = 2 ** 18;
const LF = 10;

/** HTTP/1.1 over kept connections; bodies are counted, not copied. For a server that we trust. */
export class Connections {
  #host: string;
  #port: number;
  #idle: Connection[] = [];
  #all = new Set<Connection>();

  constructor(url: string) {
    const { hostname, port } = new URL(url);
    this.#host = hostname;
    this.#port = Number(port);
  }

  /** Rejects where the connection ends before the answer does. */
  async send(sent: Sent, onBytes: (soFar: number) => void): Promise<Answer> {
    const connection = this.#idle.pop() ?? this.#open();
    const answer = await connection.send(sent, onBytes);
    this.#idle.push(connection);
    return answer;
  }

  close(): void {
    for (const connection of this.#all) connection.close();
  }

  #open(): Connection {
    const connection: Connection = new Connection(this.#host, this.#port, () => {
      this.#all.delete(connection);
      this.#idle = this.#idle.filter((each) => each !== connection);
    });
    this.#all.add(connection);
    return connection;
  }
}

class Connection {
  #socket: Socket;
  #host: string;
  #answer: PromiseWithResolvers<Answer> | undefined;
  #onBytes: (soFar: number) => void = () => {};
  #status = 0;
  #bytes = 0;
  #text = '';
  /** Lines come before a body and between the chunks of one. */
  #line = '';
  #inHeaders = true;
  #chunked = false;
  #length = 0;
  /** Bytes of the body, or of its current chunk, still to come. */
  #left = 0;
  #lastChunk = false;

  constructor(host: string, port: number, onClose: () => void) {
    this.#host = `${host}:${port}`;
    this.#socket = connect({
      host,
      port,
      noDelay: true,
      onread: {
        buffer: Buffer.allocUnsafe(READ_BYTES),
        callback: (count: number, buffer: Uint8Array) => {
          this.#read(buffer as Buffer, count);
          return true;
        },
      },
    });
    this.#socket.on('error', (error) => this.#answer?.reject(error));
    this.#socket.on('close', () => {
      onClose();
      this.#answer?.reject(new Error('the connection ended'));
    });
  }

  send({ method, path, headers, body }: Sent, onBytes: (soFar: number) => void): Promise<Answer> {
    const lines = Object.entries({ host: this.#host, ...headers, 'content-length': Buffer.byteLength(body) });
    const head = `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`;
    this.#answer = Promise.withResolvers();
    this.#onBytes = onBytes;
    this.#status = this.#bytes = this.#length = this.#left = 0;
    this.#text = '';
    this.#inHeaders = true;
    this.#chunked = this.#lastChunk = false;
    this.#socket.write(Buffer.concat([Buffer.from(head), Buffer.from(body as string)]));
    return this.#answer.promise;
  }

  close(): void {
    this.#answer = undefined;
    this.#socket.destroy();
  }

  #read(buffer: Buffer, count: number): void {
    for (let at = 0; at < count; ) {
      if (this.#left > 0) {
        const taken = Math.min(this.#left, count - at);
        if (this.#status !== 200) this.#text += buffer.toString('utf8', at, at + taken);
        this.#bytes += taken;
        this.#left -= taken;
        at += taken;
        this.#onBytes(this.#bytes);
        if (this.#left === 0 && !this.#chunked) this.#finish();
        continue;
      }
      const end = buffer.indexOf(LF, at);
      const until = end === -1 || end >= count ? count : end + 1;
      this.#line += buffer.toString('latin1', at, until);
      at = until;
      if (!this.#line.endsWith('\n')) continue;
      const line = this.#line.trimEnd();
      this.#line = '';
      if (this.#inHeaders) this.#header(line);
      else this.#chunkLine(line);
    }
  }

  #header(line: string): void {
    if (this.#status === 0) {
      this.#status = Number(line.split(' ')[1]);
      return;
    }
    if (line === '') {
      this.#inHeaders = false;
      this.#left = this.#length;
      if (!this.#chunked && this.#left === 0) this.#finish();
      return;
    }
    const [name, value] = line.toLowerCase().split(': ');
    if (name === 'content-length') this.#length = Number(value);
    if (name === 'transfer-encoding') this.#chunked = value === 'chunked';
  }

  /** The size of the next chunk, or the empty line behind one. The chunk of size 0 ends the body. */
  #chunkLine(line: string): void {
    if (line === '') {
      if (this.#lastChunk) this.#finish();
      return;
    }
    this.#left = Number.parseInt(line, 16);
    this.#lastChunk = this.#left === 0;
  }

  #finish(): void {
    const answer = this.#answer;
    this.#answer = undefined;
    answer?.resolve({ status: this.#status, bytes: this.#bytes, text: this.#text });
  }
}
