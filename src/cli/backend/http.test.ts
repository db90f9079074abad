import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { selfSignedCertificate } from '../../security/certificate.ts';
import { call, textOf } from './http.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-http-'));
const servers: Server[] = [];
after(() => {
  for (const server of servers) server.close().closeAllConnections();
  rmSync(folder, { recursive: true });
});

async function listen(server: Server): Promise<number> {
  servers.push(server.listen(0, '127.0.0.1'));
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

async function serve(listener: RequestListener): Promise<{ url: string; apiKey: string }> {
  return { url: `http://127.0.0.1:${await listen(createServer(listener))}`, apiKey: 'secret' };
}

const GET = { method: 'GET', path: '/x', idleMs: 5000 } as const;

test('the answer comes as it is sent, and the key went along', async () => {
  const server = await serve((request, response) => {
    response.end(`${request.method} ${request.url} ${request.headers.authorization}`);
  });
  assert.equal(await textOf(await call(server, GET)), 'GET /x Bearer secret');
});

test('a refusal is told in the server’s own words', async () => {
  const server = await serve((_request, response) => {
    response.statusCode = 401;
    response.end('{"error":{"message":"No such key."}}');
  });
  await assert.rejects(call(server, GET), { message: `${server.url}: No such key. Use --api-key-file or OS_API_KEY.` });
});

test('something else that answers is named as such', async () => {
  const server = await serve((_request, response) => {
    response.statusCode = 502;
    response.end('<html>');
  });
  await assert.rejects(call(server, GET), /answers 502 Bad Gateway; is it an Open Speech server\?/);
});

test('a refusal in the middle of an upload is read, and the upload ends', async () => {
  const server = await serve((request, response) => {
    request.once('data', () => {
      response.statusCode = 413;
      response.end('{"error":{"message":"Too large."}}', () => request.destroy());
    });
  });
  const ended = Promise.withResolvers<void>();
  const endless = async function* (): AsyncGenerator<Uint8Array> {
    try {
      for (;;) yield Buffer.alloc(65_536);
    } finally {
      ended.resolve();
    }
  };
  await assert.rejects(call(server, { ...GET, method: 'POST', body: endless() }), /Too large/);
  await ended.promise;
});

test('a body that cannot be read ends the request with its error', async () => {
  const server = await serve((request) => request.resume());
  const broken = async function* (): AsyncGenerator<Uint8Array> {
    yield Buffer.alloc(10);
    throw new Error('the disk is gone');
  };
  await assert.rejects(call(server, { ...GET, method: 'POST', body: broken() }), /the disk is gone/);
});

test('nobody there, and somebody who never answers, are both said plainly', async () => {
  const server = await serve(() => {});
  await assert.rejects(call(server, { ...GET, idleMs: 50 }), /does not answer/);
  servers.at(-1)!.close().closeAllConnections();
  await assert.rejects(call(server, GET), /cannot be reached \(ECONNREFUSED\)/);
});

test('a certificate of its own is trusted for this server, and no other is', async () => {
  const make = (names: string[]) =>
    selfSignedCertificate({ names, from: new Date(Date.now() - 1000), to: new Date(Date.now() + 3_600_000) });
  const [own, other] = [make(['speech.example']), make(['127.0.0.1'])];
  const certificate = join(folder, 'certificate.pem');
  writeFileSync(certificate, own.certificate);
  for (const [shown, good] of [
    [own, true],
    [other, false],
  ] as const) {
    const server = createSecureServer({ key: shown.key, cert: shown.certificate }, (_request, response) => {
      response.end('hello');
    });
    const address = { url: `https://127.0.0.1:${await listen(server)}`, apiKey: undefined, certificate };
    if (good) assert.equal(await textOf(await call(address, GET)), 'hello');
    else await assert.rejects(call(address, GET), /is not trusted \(/);
  }
});
