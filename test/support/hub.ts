import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { pipeline, Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ModelManifest } from '../../src/models/manifest.ts';
import { modelManifestSchema } from '../../src/models/manifest.ts';
import type { World } from '../../src/models/store/sources.ts';

/** The names that the test world knows. All of them are this machine. */
export const HUB = 'hub.test';
export const CDN = 'cdn.test';
export const RELEASES = 'releases.test';
export const ASSETS = 'assets.test';
/** Resolves, but is on nobody's list of hosts. */
export const STRANGER = 'stranger.test';
export const HOSTS: readonly string[] = [HUB, CDN, RELEASES, ASSETS];

const COMMIT = '0123456789abcdef0123456789abcdef01234567';

export const sha256Of = (content: Uint8Array): string => createHash('sha256').update(content).digest('hex');

export interface SeenRequest {
  host: string;
  path: string;
  headers: IncomingMessage['headers'];
}

/** Answers in place of the hub. Returns false to let the hub answer. */
export type Misbehaviour = (request: IncomingMessage, response: ServerResponse, count: number) => boolean | undefined;

/**
 * A server that behaves like Hugging Face (`hub.test`, large files on `cdn.test`) and like GitHub's releases
 * (`releases.test`, redirecting to `assets.test`), or misbehaves as told.
 */
export class Hub {
  readonly files = new Map<string, Buffer>();
  readonly requests: SeenRequest[] = [];
  /** Bytes of files that were handed to the network. */
  bytesSent = 0;
  misbehave: Misbehaviour = () => false;
  /** Files below this size come from the hub itself, as files outside LFS do. */
  lfsFrom = 1024;
  /** Token that gated repositories ask for. */
  token: string | undefined;
  port = 0;
  /** Pause before each 64 kB of a file. */
  pauseMs = 0;
  /** Bytes of each file after which nothing more comes until this is raised. */
  holdAt = Number.POSITIVE_INFINITY;
  #server = createServer((request, response) => this.#answer(request, response));

  static async start(): Promise<Hub> {
    const hub = new Hub();
    hub.#server.listen(0, '127.0.0.1');
    await once(hub.#server, 'listening');
    hub.port = (hub.#server.address() as AddressInfo).port;
    return hub;
  }

  async close(): Promise<void> {
    this.holdAt = Number.POSITIVE_INFINITY;
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, 'close');
  }

  url(host: string, path: string): string {
    return `http://${host}:${this.port}${path}`;
  }

  /** Puts a file into a repository of the hub and returns what a manifest says of it. */
  file(path: string, content: Buffer): { path: string; url: string; bytes: number; sha256: string } {
    this.files.set(path, content);
    const url = this.url(HUB, `/org/model/resolve/${COMMIT}/${path}`);
    return { path, url, bytes: content.length, sha256: sha256Of(content) };
  }

  /** Puts an asset into a release and returns what a manifest says of it. */
  asset(name: string, content: Buffer): { url: string; bytes: number; sha256: string } {
    this.files.set(name, content);
    const url = this.url(RELEASES, `/org/model/releases/download/v1/${name}`);
    return { url, bytes: content.length, sha256: sha256Of(content) };
  }

  #answer(request: IncomingMessage, response: ServerResponse): void {
    const host = (request.headers.host ?? '').replace(/:\d+$/, '');
    const path = request.url ?? '';
    this.requests.push({ host, path, headers: request.headers });
    if (this.misbehave(request, response, this.requests.length)) return;
    const name = path.split(/[?#]/)[0]!.replace(/^.*\/(resolve\/[0-9a-f]+|releases\/download\/v1|blob)\//, '');
    const content = this.files.get(name);
    if (host === HUB && this.token !== undefined && request.headers.authorization !== `Bearer ${this.token}`) {
      response.writeHead(401, { 'x-error-code': 'GatedRepo' }).end('Access to this model is restricted.');
    } else if (content === undefined) {
      response.writeHead(404, { 'x-error-code': 'EntryNotFound' }).end('Entry not found');
    } else if (host === HUB && content.length >= this.lfsFrom) {
      response.writeHead(302, {
        location: this.url(CDN, `/blob/${name}?Signature=abc`),
        'x-repo-commit': COMMIT,
        'x-linked-size': String(content.length),
        'x-linked-etag': `"${sha256Of(content)}"`,
        'accept-ranges': 'bytes',
      });
      response.end();
    } else if (host === RELEASES) {
      response.writeHead(302, { location: this.url(ASSETS, `/blob/${name}?jwt=abc`) }).end();
    } else {
      this.send(request, response, content);
    }
  }

  /** Serves a file with ranges, as object stores do. */
  send(request: IncomingMessage, response: ServerResponse, content: Buffer): void {
    const etag = `"${sha256Of(content).slice(0, 32)}"`;
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? '');
    const condition = request.headers['if-range'];
    const from = range !== null && (condition === undefined || condition === etag) ? Number(range[1]) : 0;
    if (from >= content.length && from > 0) {
      response.writeHead(416, { 'content-range': `bytes */${content.length}` }).end();
      return;
    }
    const body = content.subarray(from);
    const headers = { etag, 'accept-ranges': 'bytes', 'content-length': String(body.length) };
    if (from === 0) response.writeHead(200, headers);
    else {
      const place = `bytes ${from}-${content.length - 1}/${content.length}`;
      response.writeHead(206, { ...headers, 'content-range': place });
    }
    pipeline(Readable.from(this.#pieces(body), { objectMode: false }), response, () => {});
  }

  async *#pieces(body: Buffer): AsyncGenerator<Buffer> {
    const step = 64 * 1024;
    for (let at = 0; at < body.length; at += step) {
      if (this.pauseMs > 0) await sleep(this.pauseMs);
      while (at >= this.holdAt) await sleep(5);
      const piece = body.subarray(at, at + step);
      this.bytesSent += piece.length;
      yield piece;
    }
  }
}

/** A world in which the test hosts are this machine, `127.0.0.1` is public and every other address is private. */
export function testWorld(changes: Partial<World> = {}): World {
  return {
    resolve: async (host) => {
      if (host.endsWith('.test')) return [{ address: '127.0.0.1', family: 4 }];
      throw Object.assign(new Error(`getaddrinfo ENOTFOUND ${host}`), { code: 'ENOTFOUND' });
    },
    isPublic: (address) => address === '127.0.0.1',
    plainHosts: new Set([...HOSTS, STRANGER]),
    tokenHost: HUB,
    ...changes,
  };
}

/** A manifest with everything that does not matter here. */
export function testManifest(parts: Partial<ModelManifest> & Pick<ModelManifest, 'id' | 'files'>): ModelManifest {
  return modelManifestSchema.parse({
    kind: 'stt',
    engine: 'sherpa',
    family: 'test',
    revision: COMMIT,
    licence: 'MIT',
    languages: ['en'],
    confidence: 'two-sources',
    commercialUse: true,
    ...parts,
  });
}
