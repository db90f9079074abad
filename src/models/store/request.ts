import type { Agent, IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https';
import type { LookupFunction } from 'node:net';
import { abortError, SpeechError } from '../../errors.ts';
import type { Sources } from './sources.ts';

// Imported, node:http would load fetch, too, which no server needs (api/server.ts).
const { Agent: HttpAgent, request: httpRequest } = process.getBuiltinModule('node:http');

const USER_AGENT = 'open-speech';
const MAX_HEADER_BYTES = 32 * 1024;
const IDLE_CONNECTION_MS = 15_000;
const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);

export interface Answer {
  status: number;
  headers: IncomingMessage['headers'];
  /** Destroy it when it is not read to its end. */
  body: IncomingMessage;
  /** Size and SHA-256 of the file as the hub tells them with its redirect: `X-Linked-Size`, `X-Linked-Etag`. */
  linked: { bytes?: number; sha256?: string };
}

export interface GetOptions {
  /** Ask for the bytes from here on, if the file still has this entity tag. */
  range: { from: number; etag: string | undefined };
  maxRedirects: number;
  /** Time until the headers of each answer. */
  headersMs: number;
  signal: AbortSignal;
}

/** Asks the sources of a store for files, and keeps connections to them. */
export class Requester {
  readonly sources: Sources;
  #agents = new Map<string, Agent>();

  constructor(sources: Sources) {
    this.sources = sources;
  }

  /**
   * Asks for a file and follows its redirects, each checked like the first address. Throws SpeechError
   * `source_not_allowed`, `cancelled` or `download_failed`, or the system's error of a connection that failed.
   */
  async get(located: URL, options: GetOptions): Promise<Answer> {
    const linked: Answer['linked'] = {};
    let url = located;
    // The token is for its own host: once a redirect has led away from there, no later address gets it.
    let atHome = true;
    for (let hop = 0; ; hop++) {
      this.sources.check(url);
      const authorization = atHome ? this.sources.authorization(url) : undefined;
      const body = await this.#send(url, authorization, options);
      const { statusCode: status = 0, headers } = body;
      noteLinked(headers, linked);
      if (!REDIRECTS.has(status)) return { status, headers, body, linked };
      body.destroy();
      const next = headers.location === undefined ? null : URL.parse(headers.location, url.href);
      if (next === null) throw new SpeechError('download_failed', `${url.hostname} redirects to nowhere.`);
      if (hop >= options.maxRedirects) {
        throw new SpeechError(
          'download_failed',
          `${located.hostname} redirects more than ${options.maxRedirects} times.`,
        );
      }
      atHome &&= next.origin === located.origin;
      url = next;
    }
  }

  close(): void {
    for (const agent of this.#agents.values()) agent.destroy();
    this.#agents.clear();
  }

  async #send(url: URL, authorization: string | undefined, options: GetOptions): Promise<IncomingMessage> {
    const { range, signal, headersMs } = options;
    const proxy = this.sources.proxy(url);
    // An address in place of a name never reaches the function that resolves names. Through a proxy it is the proxy
    // that resolves, and the list of hosts alone decides.
    if (proxy === undefined) this.sources.checkLiteral(url);
    const request: RequestOptions = {
      agent: this.#agent(url, proxy),
      ...(proxy === undefined ? { lookup: this.#lookup(url) } : {}),
      signal,
      maxHeaderSize: MAX_HEADER_BYTES,
      headers: {
        'user-agent': USER_AGENT,
        accept: '*/*',
        'accept-encoding': 'identity',
        ...(authorization === undefined ? {} : { authorization }),
        ...(range.from === 0 ? {} : { range: `bytes=${range.from}-` }),
        ...(range.from === 0 || range.etag === undefined ? {} : { 'if-range': range.etag }),
      },
    };
    const body = await new Promise<IncomingMessage>((resolve, reject) => {
      const sent = (url.protocol === 'https:' ? httpsRequest : httpRequest)(url, request, resolve);
      const timer = setTimeout(() => sent.destroy(new Error('no answer in time')), headersMs);
      sent.once('response', () => clearTimeout(timer));
      sent.once('error', (error) => {
        clearTimeout(timer);
        reject(signal.aborted ? abortError(signal) : error);
      });
      sent.end();
    });
    // What breaks later is seen by whoever reads the body.
    body.on('error', () => {});
    const peer = body.socket.remoteAddress;
    if (proxy === undefined && peer !== undefined) {
      try {
        this.sources.checkAddress(url, peer);
      } catch (error) {
        body.destroy();
        throw error;
      }
    }
    return body;
  }

  /** Resolves a name once, checks what came out, and hands exactly that to the connection. */
  #lookup(url: URL): LookupFunction {
    return (_host, options, callback) => {
      this.sources.resolve(url).then(
        (addresses) => {
          if (options.all) callback(null, addresses);
          else callback(null, addresses[0]!.address, addresses[0]!.family);
        },
        (error: NodeJS.ErrnoException) => callback(error, options.all ? [] : ''),
      );
    };
  }

  #agent(url: URL, proxy: URL | undefined): Agent {
    const key = `${url.protocol} ${proxy?.href ?? ''}`;
    const known = this.#agents.get(key);
    if (known !== undefined) return known;
    const options = {
      keepAlive: true,
      timeout: IDLE_CONNECTION_MS,
      ...(proxy === undefined ? {} : { proxyEnv: { HTTP_PROXY: proxy.href, HTTPS_PROXY: proxy.href } }),
    };
    const { ca } = this.sources;
    const agent =
      url.protocol === 'https:'
        ? new HttpsAgent({ ...options, ...(ca === undefined ? {} : { ca }) })
        : new HttpAgent(options);
    this.#agents.set(key, agent);
    return agent;
  }
}

function noteLinked(headers: IncomingMessage['headers'], linked: Answer['linked']): void {
  const etag = /^(?:W\/)?"?([0-9a-f]{64})"?$/.exec(String(headers['x-linked-etag'] ?? ''));
  const bytes = /^\d{1,15}$/.exec(String(headers['x-linked-size'] ?? ''));
  if (etag !== null) linked.sha256 = etag[1]!;
  if (bytes !== null) linked.bytes = Number(bytes[0]);
}
