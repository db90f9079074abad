import { Connections } from './connections.ts';

export interface Timed {
  /** Until the first byte of audio, behind a WAV header, in ms. */
  firstMs: number;
  wholeMs: number;
  bytes: number;
}

const WAV_HEADER_BYTES = 44;

/** Keeps its connections and looks at bytes only to count them: on a full machine the client's work is taken from ours. */
export class BenchClient {
  #connections: Connections;
  #url: string;
  #key: string;

  constructor(url: string, key: string) {
    this.#url = url;
    this.#key = key;
    this.#connections = new Connections(url);
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

  get(path: string): Promise<Timed> {
    return this.#send('GET', path, {}, '');
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
    this.#connections.close();
  }

  async #send(method: string, path: string, headers: Record<string, string>, body: string | Buffer): Promise<Timed> {
    const began = performance.now();
    let firstMs = 0;
    const { status, bytes, text } = await this.#connections.send(
      { method, path, headers: { ...headers, authorization: `Bearer ${this.#key}` }, body },
      (soFar) => {
        if (soFar > WAV_HEADER_BYTES) firstMs ||= performance.now() - began;
      },
    );
    if (status !== 200) throw new Error(`${status}: ${text}`);
    return { firstMs, wholeMs: performance.now() - began, bytes };
  }
}
