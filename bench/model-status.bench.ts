/**
 * Whether the server stays awake while a model comes in, over a line of a gigabit and at the full speed of loopback: a
 * thousand statuses and a number of lists, against the same from an idle server. The hub here serves files of the right
 * size with the wrong bytes, so every download runs to its end, fails its verification, is cleaned up and begins again.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { shippedManifests } from '../src/models/shipped.ts';
import { ms, quantile, report } from './support/report.ts';
import { type BenchServer, startBenchServer } from './support/server.ts';

const STATUSES = 1000;
const LISTS = 100;
const WARM_UP = 200;
const MODEL = 'whisper-turbo';
const MOST_MS = 20;
const LINES = [
  ['a gigabit line', 125e6],
  ['full speed', Number.POSITIVE_INFINITY],
] as const;

/** A mirror of hubs in a process of its own, with the path of each file and its size as JSON, and bytes a second. */
const HUB = `
import { createServer } from 'node:http';
import { Readable } from 'node:stream';
const sizes = JSON.parse(process.argv[1]);
const rate = Number(process.argv[2]);
const block = Buffer.alloc(1 << 18, 1);
const server = createServer((request, response) => {
  const size = sizes[request.url];
  const began = performance.now();
  let sent = 0;
  response.writeHead(200, { 'content-length': size });
  const body = new Readable({
    highWaterMark: 1 << 20,
    read() {
      const early = (sent / rate) * 1000 - (performance.now() - began);
      if (early > 1) return setTimeout(() => this._read(), early);
      const piece = block.subarray(0, Math.min(size - sent, block.length));
      sent += piece.length;
      this.push(piece.length === 0 ? null : piece);
    },
  });
  body.pipe(response);
  response.on('close', () => body.destroy());
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
`;

const manifests = await shippedManifests();
const wanted = manifests.find(({ id }) => id === MODEL)!;
const sizes = [...wanted.files, ...(wanted.archive === undefined ? [] : [wanted.archive])].flatMap(({ url, bytes }) => {
  const { host, pathname } = new URL(url ?? 'none:');
  return url === undefined ? [] : [[`/${host}${pathname}`, bytes!]];
});
/** How long each answer took, in ms. */
async function ask(server: BenchServer, count: number, path: (turn: number) => string): Promise<number[]> {
  const times: number[] = [];
  for (let turn = 0; turn < count; turn++) times.push((await server.client.get(path(turn))).wholeMs);
  return times;
}
const statuses = (server: BenchServer, count = STATUSES): Promise<number[]> =>
  ask(server, count, (turn) => `/api/models/${manifests[turn % manifests.length]!.id}/status`);
const lists = (server: BenchServer, count = LISTS): Promise<number[]> => ask(server, count, () => '/api/models');

const state = async ({ client }: BenchServer): Promise<{ state: string; progress: { bytes: number } | null }> =>
  JSON.parse(await client.text(`/api/models/${MODEL}/status`));

/** Fetches the model again and again until told to stop. Resolves with the bytes that came. */
function keepFetching(server: BenchServer): () => Promise<number> {
  let [stopped, bytes, before] = [false, 0, 0];
  const done = (async () => {
    while (!stopped) {
      const now = await state(server);
      if (now.state !== 'downloading' && now.state !== 'queued' && now.state !== 'verifying') {
        await server.client.bytes(`/api/models/${MODEL}/download`, { allow_single_source: true, accept_licence: true });
      }
      const came = now.progress?.bytes ?? 0;
      bytes += came >= before ? came - before : came;
      before = came;
      await sleep(50);
    }
    return bytes;
  })();
  return () => {
    stopped = true;
    return done;
  };
}

for (const [line, bytesPerSecond] of LINES) {
  const words = ['--input-type=module', '-e', HUB, JSON.stringify(Object.fromEntries(sizes)), String(bytesPerSecond)];
  const hub = spawn(process.execPath, words, { stdio: ['ignore', 'pipe', 'inherit'] });
  const port = Number(String((await once(hub.stdout, 'data'))[0]));
  const dataDir = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'os-bench-status-'));
  const server = await startBenchServer({
    dataDir,
    env: { OS_MODEL_MIRROR: `http://127.0.0.1:${port}`, OS_LOG_LEVEL: 'silent' },
  });
  try {
    await compare(server, line);
  } finally {
    await server.stop();
    hub.kill();
    rmSync(dataDir, { recursive: true, force: true });
  }
}

async function compare(server: BenchServer, line: string): Promise<void> {
  await statuses(server, WARM_UP);
  await lists(server, WARM_UP / 10);
  const idle = { statuses: await statuses(server), lists: await lists(server) };
  const stop = keepFetching(server);
  while ((await state(server)).state !== 'downloading') await sleep(10);
  const began = performance.now();
  const busy = { statuses: await statuses(server), lists: await lists(server) };
  const seconds = (performance.now() - began) / 1000;
  const rate = `${line}, ${((await stop()) / 2 ** 20 / seconds).toFixed(0)} MB/s`;
  for (const [name, what] of [
    ['statuses', `${STATUSES} statuses`],
    ['lists', `${LISTS} lists of all models`],
  ] as const) {
    for (const [which, q] of [
      ['longest', 1],
      ['p99', 0.99],
      ['median', 0.5],
    ] as const) {
      const [ours, theirs] = [quantile(busy[name], q), quantile(idle[name], q)];
      report({
        what: `${what} while a model comes in (${rate}): ${which}`,
        ours: ms(ours),
        baseline: `${ms(theirs)} from an idle server`,
        ratio: (ours / theirs).toFixed(2),
        aim: `< ${MOST_MS} ms`,
        met: ours < MOST_MS,
      });
    }
  }
}
