import { Agent, request } from 'node:http';

export interface Timed {
  /** Until the first byte of audio, behind a WAV header, in ms. */
  firstMs: number;
  wholeMs: number;
  bytes: number;
}

const WAV_HEADER_BYTES = 44;

/** A plain keep-alive HTTP client: nothing between the socket and the clock. */
export class BenchClient {
  #agent = new Agent({ keepAlive: true, maxSockets: 256 });
  #url: string;
  #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
  }

  speak(body: { model: string; voice: string; input: string; response_format: string }): Promise<Timed> {
    return this.#send('POST', '/v1/audio/speech', { 'content-type': 'application/json' }, JSON.stringify(body));
  }

  transcribe(file: Uint8Array, model: string): Promise<Timed> {
    const boundary = 'open-speech-bench';
    const part = (name: string, rest = '') =>
      `--${boundary}\r\ncontent-disposition: form-data; name="${name}"${rest}\r\n\r\n`;
    const body = Buffer.concat([
      Buffer.from(`${part('model')}${model}\r\n${part('file', '; filename="a.wav"')}`),
      file,
      Buffer.from(`\r\n--${boundary}--\r\n`),
    ]);
    const headers = { 'content-type': `multipart/form-data; boundary=${boundary}` };
    return this.#send('POST', '/v1/audio/transcriptions', headers, body);
  }

  health(): Promise<Timed> {
    return this.#send('GET', '/health', {}, '');
  }

  async text(path: string): Promise<string> {
    const answer = await fetch(this.#url + path, { headers: { authorization: `Bearer ${this.#key}` } });
    return await answer.text();
  }

  async bytes(path: string, body: object): Promise<Uint8Array> {
    const headers = { authorization: `Bearer ${this.#key}`, 'content-type': 'application/json' };
    const answer = await fetch(this.#url + path, { method: 'POST', headers, body: JSON.stringify(body) });
    if (!answer.ok) throw new Error(await answer.text());
    return await answer.bytes();
  }

  close(): void {
    this.#agent.destroy();
  }

  #send(method: string, path: string, headers: Record<string, string>, body: string | Buffer): Promise<Timed> {
    return new Promise((resolve, reject) => {
      const began = performance.now();
      const sent = request(
        this.#url + path,
        {
          method,
          agent: this.#agent,
          headers: { ...headers, authorization: `Bearer ${this.#key}`, 'content-length': Buffer.byteLength(body) },
        },
        (response) => {
          let bytes = 0;
          let firstMs = 0;
          const text: Buffer[] = [];
          response.on('data', (chunk: Buffer) => {
            bytes += chunk.length;
            if (bytes > WAV_HEADER_BYTES) firstMs ||= performance.now() - began;
            if (response.statusCode !== 200) text.push(chunk);
          });
          response.on('end', () => {
            if (response.statusCode === 200) resolve({ firstMs, wholeMs: performance.now() - began, bytes });
            else reject(new Error(`${response.statusCode}: ${Buffer.concat(text)}`));
          });
          response.on('error', reject);
        },
      );
      sent.on('error', reject);
      sent.end(body);
    });
  }
}
