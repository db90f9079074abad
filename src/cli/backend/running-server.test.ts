import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { noteRunningServer, runningServer } from './running-server.ts';

const folder = mkdtempSync(join(tmpdir(), 'open-speech-running-'));
after(() => rmSync(folder, { recursive: true }));

test('a server is found while it runs, and not afterwards', () => {
  const forget = noteRunningServer(folder, 'http://127.0.0.1:8100');
  assert.deepEqual(runningServer(folder), { url: 'http://127.0.0.1:8100', pid: process.pid });
  assert.equal(statSync(join(folder, 'server.json')).mode & 0o777, 0o600);
  forget();
  assert.equal(runningServer(folder), undefined);
});

test('a server that listens everywhere is called on this machine', () => {
  for (const [listening, called] of [
    ['http://0.0.0.0:9000', 'http://127.0.0.1:9000'],
    ['https://[::]:9000', 'https://[::1]:9000'],
    ['https://[::1]:9000', 'https://[::1]:9000'],
    ['http://192.0.2.1:80', 'http://192.0.2.1'],
  ] as const) {
    noteRunningServer(folder, listening);
    assert.equal(runningServer(folder)?.url, called);
  }
});

test('what a killed server left behind leads nowhere', () => {
  const { pid } = spawnSync('true');
  for (const note of [
    JSON.stringify({ url: 'http://127.0.0.1:8100', pid }),
    '{}',
    'null',
    '[',
    '{"url":"x","pid":1}',
  ]) {
    writeFileSync(join(folder, 'server.json'), note);
    assert.equal(runningServer(folder), undefined, note);
  }
});
