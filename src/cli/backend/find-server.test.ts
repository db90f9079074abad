import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { loadSettings } from '../../config/load.ts';
import { UsageError } from '../command.ts';
import { findServer } from './find-server.ts';
import { noteRunningServer } from './running-server.ts';

const dataDir = mkdtempSync(join(tmpdir(), 'open-speech-find-'));
const seen: IncomingHttpHeaders[] = [];
const server = createServer((request, response) => {
  seen.push(request.headers);
  response.end('{}');
});
let url: string;
before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  writeFileSync(join(dataDir, 'api-key'), 'os_first\n', { mode: 0o600 });
});
after(() => {
  server.close();
  rmSync(dataDir, { recursive: true });
});

const settings = (env: Record<string, string> = {}) => loadSettings({ env: { OS_DATA_DIR: dataDir, ...env } }).settings;

test('without a server there is none', async () => {
  assert.equal(await findServer({}, settings()), undefined);
});

test('the server of the data folder is found, with the key that lies there, and asked without it first', async () => {
  const forget = noteRunningServer(dataDir, url);
  assert.deepEqual(await findServer({}, settings()), { url, apiKey: 'os_first' });
  assert.equal(seen.at(-1)?.authorization, undefined);
  assert.equal(await findServer({ local: true }, settings()), undefined);
  forget();
});

test('a server that does not answer is passed over when nobody named it, and an error when somebody did', async () => {
  const forget = noteRunningServer(dataDir, 'http://127.0.0.1:1');
  assert.equal(await findServer({}, settings()), undefined);
  await assert.rejects(findServer({ url: 'http://127.0.0.1:1' }, settings()), /cannot be reached/);
  forget();
});

test('a named server is used, also with the /v1 of other clients’ addresses', async () => {
  for (const written of [url, `${url}/`, `${url}/v1`, `${url}/v1/`]) {
    assert.equal((await findServer({ url: written }, settings()))?.url, url);
  }
  process.env.OPEN_SPEECH_URL = url;
  assert.equal((await findServer({}, settings({ OS_API_KEY: 'Xq72mV9kd-find-4fTz' })))?.apiKey, 'Xq72mV9kd-find-4fTz');
  delete process.env.OPEN_SPEECH_URL;
});

test('a key never crosses the network in the clear, and addresses that are none are refused', async () => {
  for (const [written, message] of [
    ['http://speech.example', /in the clear/],
    ['http://192.0.2.7:8100', /in the clear/],
    ['127.0.0.1:8100', /not a server's address/],
    ['ftp://127.0.0.1', /not a server's address/],
    ['http://me:secret@127.0.0.1', /not a server's address/],
  ] as const) {
    await assert.rejects(
      findServer({ url: written }, settings()),
      (error: Error) => error instanceof UsageError && message.test(error.message),
    );
  }
  await assert.rejects(findServer({ url, local: true }, settings()), UsageError);
});
