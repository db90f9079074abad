/** Two thousand people who are connected and say nothing, and a thousand of them who come back at the same moment. */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { WebSocket } from 'ws';
import { openFiles, residentBytes } from './support/processes.ts';
import { ms, report } from './support/report.ts';
import { type BenchServer, startBenchServer } from './support/server.ts';

type Address = Pick<BenchServer, 'url' | 'key'>;

const SOCKETS = 2000;
const STORM = 1000;
const WARM_UP = 200;
/** Handshakes that the client begins at once while it fills up: the storm is another measurement. */
const AT_ONCE = 50;
/** Time that the server has to let go of what opening a socket took, in ms. */
const REST_MS = 5000;
const AIM_BYTES = 60 * 1024;
const AIM_STORM_MS = 5000;

const server = await startBenchServer({
  env: {
    ...{ STT_MODEL: 'tone-ear', TTS_MODEL: 'tone-voice' },
    ...{ OS_STREAM_MAX_CONNECTIONS: '5000', OS_WS_MAX_PER_KEY: '5000', OS_WS_MAX_HANDSHAKES: '100000' },
    ...{ OS_WS_IDLE_TIMEOUT_S: '600', OS_MAX_CONNECTIONS: '6000' },
  },
});
const loopback = await bareSocketBytes();
for (const [name, path] of [
  ['/v1/audio/stream', '/v1/audio/stream?sample_rate=16000'],
  ['/v1/realtime', '/v1/realtime?model=gpt-realtime'],
] as const) {
  await closeAll(await openMany(path, WARM_UP));
  await sleep(REST_MS);
  const files = openFiles(server.pid);
  const before = residentBytes(server.pid);
  const sockets = await openMany(path, SOCKETS);
  await sleep(REST_MS);
  const each = (residentBytes(server.pid) - before) / SOCKETS;
  report({
    what: `memory of an idle authenticated socket of ${name}, ${SOCKETS} of them`,
    ours: `${(each / 1024).toFixed(1)} KB`,
    baseline: `${(loopback / 1024).toFixed(1)} KB for a bare one`,
    ratio: `+${((each - loopback) / 1024).toFixed(1)} KB`,
    aim: '< 60 KB',
    met: each < AIM_BYTES,
  });
  const filesEach = (openFiles(server.pid) - files) / SOCKETS;

  const leaving = sockets.splice(0, STORM);
  for (const socket of leaving) socket.terminate();
  const began = performance.now();
  sockets.push(...(await openMany(path, STORM, STORM)));
  const stormMs = performance.now() - began;
  const health = await server.client.health();
  report({
    what: `${STORM} sockets of ${name} come back at once, until the last is served`,
    ours: ms(stormMs),
    baseline: `${ms(health.wholeMs)} for a request right after`,
    ratio: `${(stormMs / STORM).toFixed(2)} ms each`,
    aim: '≤ 5000 ms',
    met: stormMs <= AIM_STORM_MS,
  });
  await closeAll(sockets);
  await sleep(REST_MS);
  const left = openFiles(server.pid) - files;
  report({
    what: `open files for each socket of ${name}, and left when all are gone`,
    ours: `${filesEach.toFixed(2)}, ${left}`,
    baseline: '1 for the connection',
    ratio: filesEach.toFixed(2),
    aim: '≤ 1.01, ≤ 5 left',
    met: filesEach <= 1.01 && left <= 5,
  });
}
await server.stop();

/** Opens sockets, so many at a time. Resolves when each was told that its session begins. */
async function openMany(path: string, count: number, atOnce = AT_ONCE, of: Address = server): Promise<WebSocket[]> {
  const sockets: WebSocket[] = [];
  for (let at = 0; at < count; at += atOnce) {
    sockets.push(...(await Promise.all(Array.from({ length: Math.min(atOnce, count - at) }, () => open(of, path)))));
  }
  return sockets;
}

function open({ url, key }: Address, path: string): Promise<WebSocket> {
  return new Promise((resolve, reject) => {
    const socket = new WebSocket(url.replace('http', 'ws') + path, {
      headers: { authorization: `Bearer ${key}` },
      perMessageDeflate: false,
    });
    socket.once('message', () => resolve(socket));
    socket.once('error', reject);
  });
}

async function closeAll(sockets: WebSocket[]): Promise<void> {
  await Promise.all(
    sockets.map((socket) => {
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.terminate();
      return closed;
    }),
  );
}

/** The memory of a socket of the same library in a process that does nothing else. */
async function bareSocketBytes(): Promise<number> {
  const child = fork(new URL('./support/bare-sockets.child.ts', import.meta.url));
  const [port] = (await once(child, 'message')) as [number];
  const bare = { url: `http://127.0.0.1:${port}`, key: '' };
  await closeAll(await openMany('/', WARM_UP, AT_ONCE, bare));
  await sleep(1000);
  const before = residentBytes(child.pid!);
  const sockets = await openMany('/', SOCKETS, AT_ONCE, bare);
  await sleep(1000);
  const each = (residentBytes(child.pid!) - before) / SOCKETS;
  await closeAll(sockets);
  child.kill();
  return each;
}
