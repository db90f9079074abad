import { once } from 'node:events';
import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { PeerCertificate } from 'node:tls';

// Imported, node:http would load fetch, too, which takes longer than the request.
const { request: httpRequest } = process.getBuiltinModule('node:http');

/** A server and what proves us to each other. */
export interface ServerAddress {
  url: string;
  apiKey: string | undefined;
  /** PEM file of the server's own certificate, for one that no authority has signed. */
  certificate?: string;
}

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  path: string;
  headers?: Readonly<Record<string, string>>;
  body?: string | AsyncIterable<Uint8Array>;
  signal?: AbortSignal;
  /** Silence after which the call is given up, in ms. */
  idleMs: number;
}

/** What a server answers is not endless. */
const MAX_TEXT_BYTES = 64 * 1024 * 1024;

/**
 * Sends a request and gives back its answer, to be read as it comes. Throws an Error with the server's own words where
 * it refuses. Uses Node's own client: `fetch` cannot be told to trust one certificate, and answers that come while a
 * body is still being sent reach us here.
 */
export async function call(server: ServerAddress, { method, path, headers, body, signal, idleMs }: Call) {
  const url = new URL(server.url + path);
  const options: RequestOptions = {
    method,
    // One connection for each request: nothing keeps the process alive at its end.
    agent: false,
    headers: { ...headers, ...(server.apiKey === undefined ? {} : { authorization: `Bearer ${server.apiKey}` }) },
    ...(signal === undefined ? {} : { signal }),
  };
  const request = url.protocol === 'https:' ? await secureRequest(url, options, server) : httpRequest(url, options);
  request.setTimeout(idleMs, () => request.destroy(new Error(`the server ${server.url} does not answer`)));
  const answered = once(request, 'response') as Promise<[IncomingMessage]>;
  const sent = send(request, body);
  try {
    // A refusal may come before all has been sent, and then the rest no longer matters.
    const [response] = await Promise.race([answered, sent.then(() => answered)]);
    if (response.statusCode! >= 400) throw await refusal(response, server);
    return response;
  } catch (error) {
    request.destroy();
    throw understandable(error as NodeJS.ErrnoException, server);
  }
}

/** Reads an answer to its end as text. */
export async function textOf(response: AsyncIterable<Buffer>): Promise<string> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of response) {
    bytes += chunk.length;
    if (bytes > MAX_TEXT_BYTES) throw new Error('the server answers with more text than it should');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

async function secureRequest(url: URL, options: RequestOptions, server: ServerAddress): Promise<ClientRequest> {
  const { request } = await import('node:https');
  if (server.certificate === undefined) return request(url, options);
  const { X509Certificate } = await import('node:crypto');
  const { readFileSync } = await import('node:fs');
  const { checkServerIdentity, rootCertificates } = await import('node:tls');
  const pem = readFileSync(server.certificate, 'utf8');
  const { fingerprint256 } = new X509Certificate(pem);
  return request(url, {
    ...options,
    ca: [pem, ...rootCertificates],
    allowPartialTrustChain: true,
    // This very certificate is trusted for whatever name it bears; it was read from the server's own folder.
    checkServerIdentity: (host: string, peer: PeerCertificate) =>
      peer.fingerprint256 === fingerprint256 ? undefined : checkServerIdentity(host, peer),
  });
}

async function send(request: ClientRequest, body: Call['body']): Promise<void> {
  if (body === undefined || typeof body === 'string') {
    request.end(body);
    return;
  }
  await pipeline(Readable.from(body, { objectMode: false }), request);
}

async function refusal(response: IncomingMessage, server: ServerAddress): Promise<Error> {
  const text = await textOf(response);
  let message: string;
  try {
    message = (JSON.parse(text) as { error: { message: string } }).error.message;
  } catch {
    message = `it answers ${response.statusCode} ${response.statusMessage}; is it an Open Speech server?`;
  }
  const hint = response.statusCode === 401 ? ' Use --api-key-file or OS_API_KEY.' : '';
  return new Error(`${server.url}: ${message}${hint}`);
}

function understandable(error: NodeJS.ErrnoException, server: ServerAddress): Error {
  if (error.code === undefined || error.name === 'AbortError') return error;
  if (/CERT|SIGNATURE/.test(error.code)) {
    const how = 'NODE_EXTRA_CA_CERTS can name the authority that signed it';
    return new Error(`the certificate of ${server.url} is not trusted (${error.code}); ${how}`, { cause: error });
  }
  return new Error(`the server ${server.url} cannot be reached (${error.code})`, { cause: error });
}
