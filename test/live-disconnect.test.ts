/** Clients that leave, at every point of a whole exchange in every live protocol. */
import assert from 'node:assert/strict';
import { before, type TestContext, test } from 'node:test';
import { chatDuring } from './support/chat.ts';
import { type Exchange, exchanges, LiveSocket, metric, noteLeftovers, TONES } from './support/live.ts';
import { serveDuring, startServer, type TestServer } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';
import { until } from './support/until.ts';

/** Exchanges that go on at the same time. */
const AT_ONCE = 6;

let spoken: Uint8Array;
let all: Record<string, Exchange>;
before(async () => {
  const server: TestServer = await startServer({ tones: true, env: TONES });
  spoken = await spokenPcm(server, 'good morning');
  all = exchanges(spoken);
  await server.stop();
});

async function serve(t: TestContext) {
  const chat = await chatDuring(t, () => ['good day to', ' you. how are', ' you']);
  const env = { ...TONES, OS_LLM_URL: chat.url, OS_LLM_MODEL: 'thinker', OS_WS_MAX_HANDSHAKES: '100000' };
  const server = await serveDuring(t, { tones: true, env: { ...env, OS_LIVE_UTTERANCE_S: '20' } });
  return { chat, server };
}

const leave = {
  cleanly: (live: LiveSocket) => live.socket.close(),
  'without a word': (live: LiveSocket) => live.socket.terminate(),
};
type Leave = (live: LiveSocket) => void;

/** Says the first so many things and leaves. */
async function leaveAfterSaying(server: TestServer, { path, says }: Exchange, count: number, go: Leave) {
  const live = await LiveSocket.open(server, path);
  for (const message of says.slice(0, count)) live.send(message);
  go(live);
  await live.closed();
}

/** Says everything and leaves when it has been told so many things. */
async function leaveAfterHearing(server: TestServer, { path, says }: Exchange, count: number, go: Leave) {
  const live = await LiveSocket.open(server, path);
  live.onTold = () => {
    if (live.told.length === count) go(live);
  };
  for (const message of says) live.send(message);
  // With the tones, an exchange may be told in fewer pieces than the last time.
  await until(() => live.code !== undefined || live.told.length >= count);
  go(live);
  await live.closed();
}

/** The whole exchange. Returns how many things the server said. */
async function whole(server: TestServer, { path, says, last }: Exchange): Promise<number> {
  const live = await LiveSocket.open(server, path);
  for (const message of says) live.send(message);
  if (last !== undefined) {
    await live.until(last);
    live.socket.close();
  }
  assert.ok([1000, 1005].includes(await live.closed()));
  return live.told.length;
}

async function inTurns(work: readonly (() => Promise<void>)[]): Promise<void> {
  const waiting = [...work];
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await next();
    }),
  );
}

for (const name of ['stream', 'listen', 'speak', 'realtime']) {
  test(`whoever leaves ${name}, at whatever point, leaves nothing behind and disturbs nobody`, async (t) => {
    const { chat, server } = await serve(t);
    const exchange = all[name]!;
    const told = await whole(server, exchange);
    const beside = await LiveSocket.open(server, all.stream!.path);
    const nothingLeft = await noteLeftovers(server);
    const work: (() => Promise<void>)[] = [];
    for (const go of Object.values(leave)) {
      for (let count = 0; count <= exchange.says.length; count++) {
        work.push(() => leaveAfterSaying(server, exchange, count, go));
      }
      for (let count = 1; count <= told; count += told > 40 ? 3 : 1) {
        work.push(() => leaveAfterHearing(server, exchange, count, go));
      }
    }
    await inTurns(work);
    await nothingLeft();
    await until(() => chat.open() === 0);
    beside.send(spoken);
    beside.send({ type: 'stop' });
    assert.equal(await beside.closed(), 1000);
    assert.ok(beside.told.some(({ speech_final, text }) => speech_final && text === 'good morning'));
    assert.ok((await whole(server, exchange)) > 0);
    assert.equal(await metric(server, `sockets_closed_total{route="${exchange.path.split('?')[0]}",code="1011"}`), 0);
    assert.doesNotMatch(server.log.join(''), /"level":"error"/);
    t.diagnostic(`${work.length} clients left`);
  });
}
