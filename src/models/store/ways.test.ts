import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer as createPlainServer, type IncomingMessage } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { type TestContext, test } from 'node:test';
import { HUB, sha256Of, testManifest } from '../../../test/support/hub.ts';
import { startBench } from '../../../test/support/model-store.ts';
import { selfSignedCertificate } from '../../security/certificate.ts';
import { openModelStore } from './index.ts';

const CONTENT = randomBytes(200_000);
const { signal } = new AbortController();
const log = { info: () => {}, warn: () => {} };
const day = 86_400_000;

/** A hub on HTTPS, and a proxy that knows the way to it whatever it is called. */
async function secureHub(t: TestContext, names: readonly string[]) {
  const now = Date.now();
  const { key, certificate } = selfSignedCertificate({ names, from: new Date(now - day), to: new Date(now + day) });
  const asked: IncomingMessage['headers'][] = [];
  const hub = createTlsServer({ key, cert: certificate }, (request, response) => {
    asked.push(request.headers);
    response.end(CONTENT);
  });
  const proxy = createPlainServer();
  const tunnels: { to: string; by: string | undefined }[] = [];
  proxy.on('connect', (request: IncomingMessage, client: Socket) => {
    tunnels.push({ to: request.url ?? '', by: request.headers['proxy-authorization'] });
    const server = connect((hub.address() as AddressInfo).port, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection Established\r\n\r\n');
      server.pipe(client).pipe(server);
    });
    for (const socket of [server, client]) socket.on('error', () => {});
  });
  for (const server of [hub, proxy]) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    t.after(() => {
      server.close();
      server.closeAllConnections();
    });
  }
  const proxyUrl = `http://user:pass@127.0.0.1:${(proxy.address() as AddressInfo).port}`;
  return { certificate, proxyUrl, tunnels, asked };
}

const manifest = testManifest({
  id: 'm',
  files: [{ path: 'a.bin', url: `https://${HUB}/a.bin`, bytes: CONTENT.length, sha256: sha256Of(CONTENT) }],
});

test('through a proxy, the proxy resolves and the certificate still has to be the one of the host', async (t) => {
  const { certificate, proxyUrl, tunnels } = await secureHub(t, [HUB]);
  const resolve = () => Promise.reject(new Error('nobody should ask for an address'));
  const world = { plainHosts: new Set<string>(), ca: certificate, resolve };
  const { install, content } = await startBench(t, { settings: { httpsProxy: proxyUrl, hfToken: 'hf_x' }, world });
  await install(manifest);
  assert.deepEqual(content('m')?.get('a.bin'), CONTENT);
  const by = `Basic ${Buffer.from('user:pass').toString('base64')}`;
  assert.deepEqual(tunnels, [{ to: `${HUB}:443`, by }]);
});

test('a certificate that is not trusted, or of another name, ends the download at once', async (t) => {
  const right = await secureHub(t, [HUB]);
  const wrong = await secureHub(t, ['other.test']);
  const plainHosts = new Set<string>();
  for (const [settings, world] of [
    [{ httpsProxy: right.proxyUrl }, { plainHosts }],
    [{ httpsProxy: wrong.proxyUrl }, { plainHosts, ca: wrong.certificate }],
  ] as const) {
    const { install } = await startBench(t, { settings, world });
    await assert.rejects(install(manifest), { code: 'download_failed', message: /certificate/ });
  }
  assert.deepEqual([right.asked, wrong.asked], [[], []]);
});

test('a proxy that is not there or leads nowhere is named as the one to blame', async (t) => {
  const proxy = createPlainServer().listen(0, '127.0.0.1');
  proxy.on('connect', (_request, client) => client.end('HTTP/1.1 407 Proxy Authentication Required\r\n\r\n'));
  await once(proxy, 'listening');
  t.after(() => proxy.close());
  const { port } = proxy.address() as AddressInfo;
  const { install } = await startBench(t, {
    settings: { httpsProxy: `http://user:secret@127.0.0.1:${port}` },
    world: { plainHosts: new Set<string>() },
    limits: { downloadAttempts: 1 },
  });
  const blamed = (says: RegExp) => ({ code: 'download_failed', message: says });
  await assert.rejects(install(manifest), blamed(/the proxy \(OS_HTTPS_PROXY\) answers 407\.$/));
  proxy.close().closeAllConnections();
  await once(proxy, 'close');
  await assert.rejects(install(manifest), blamed(/cannot be reached through the proxy \(ECONNREFUSED\)\.$/));
});

test('what does not speak TLS is not called a matter of certificates, and bytes damaged on their way come again', async (t) => {
  const { certificate, proxyUrl } = await secureHub(t, [HUB]);
  const plain = createPlainServer((_request, response) => response.end(CONTENT)).listen(0, '127.0.0.1');
  await once(plain, 'listening');
  t.after(() => plain.close().closeAllConnections());
  let damaged = 0;
  const meddler = createPlainServer().listen(0, '127.0.0.1');
  await once(meddler, 'listening');
  t.after(() => meddler.close().closeAllConnections());
  meddler.on('connect', (_request: IncomingMessage, client: Socket) => {
    const onward = connect(Number(new URL(proxyUrl).port), '127.0.0.1');
    onward.write(`CONNECT ${HUB}:443 HTTP/1.1\r\nHost: ${HUB}\r\n\r\n`);
    let passed = 0;
    onward.on('data', (chunk: Buffer) => {
      passed += chunk.length;
      if (damaged === 0 && passed > 50_000) {
        damaged++;
        chunk[chunk.length >> 1]! ^= 1;
      }
      client.write(chunk);
    });
    client.pipe(onward);
    for (const socket of [client, onward]) socket.on('error', () => {});
    for (const socket of [client, onward]) socket.on('close', () => (socket === client ? onward : client).destroy());
  });
  const world = { plainHosts: new Set<string>(), ca: certificate };
  const through = (server: typeof plain): string => `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  const mended = await startBench(t, { settings: { httpsProxy: through(meddler) }, world });
  await mended.install(manifest);
  assert.equal(damaged, 1);
  assert.deepEqual(mended.content('m')?.get('a.bin'), CONTENT);

  const settings = { modelMirror: through(plain).replace('http:', 'https:') };
  const { install } = await startBench(t, { settings, world, limits: { downloadAttempts: 2 } });
  await assert.rejects(install(manifest), { code: 'download_failed', message: /cannot be reached \((ERR_SSL|EPROTO)/ });
});

test('with the settings of an operator alone, a mirror on this machine serves, and nothing else of it does', async (t) => {
  const { hub, settings, content, store } = await startBench(t);
  await store.close();
  hub.misbehave = (request, response) => {
    if (request.url !== '/m/huggingface.co/a/b/resolve/c/a.bin?download=true') return false;
    response.end(CONTENT);
    return true;
  };
  const url = 'https://huggingface.co/a/b/resolve/c/a.bin?download=true';
  const mirrored = { ...manifest, files: [{ ...manifest.files[0]!, url }] };
  const operators = { ...settings, modelHosts: ['huggingface.co'], hfToken: 'hf_secret' };
  const plain = await openModelStore({ settings: { ...operators, modelHosts: ['localhost', '127.0.0.1', HUB] }, log });
  t.after(() => plain.close());
  for (const host of ['localhost', '127.0.0.1', HUB]) {
    const local = { ...manifest, files: [{ ...manifest.files[0]!, url: `http://${host}:${hub.port}/a.bin` }] };
    await assert.rejects(plain.install(local, { signal }), { code: 'source_not_allowed' });
  }
  assert.equal(hub.requests.length, 0);
  const mirror = await openModelStore({
    settings: { ...operators, modelMirror: `http://127.0.0.1:${hub.port}/m` },
    log,
  });
  t.after(() => mirror.close());
  await mirror.install(mirrored, { signal });
  assert.deepEqual(content('m')?.get('a.bin'), CONTENT);
  assert.equal(hub.requests[0]?.headers.authorization, undefined);
});

test('no more files than allowed come from one host at once', async (t) => {
  const { hub, install } = await startBench(t, { limits: { downloadsPerHost: 3 } });
  hub.lfsFrom = Number.POSITIVE_INFINITY;
  hub.pauseMs = 3;
  let [now, most] = [0, 0];
  hub.misbehave = (_request, response) => {
    most = Math.max(most, ++now);
    response.on('close', () => now--);
    return false;
  };
  const files = Array.from({ length: 12 }, (_, i) => hub.file(`f${i}`, randomBytes(100_000)));
  await install(testManifest({ id: 'many', files }));
  assert.equal(most, 3);
});
