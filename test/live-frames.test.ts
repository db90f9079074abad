/** Broken frames on the real live sockets: the connection may end, the server may not. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { assertUnharmed } from './support/answers.ts';
import { closing, frame, framesIn, knock, OPCODE } from './support/frames.ts';
import { exchanges, LiveSocket, metricSum, TONES } from './support/live.ts';
import { mutateBytes, mutateText, randomOf } from './support/mutate.ts';
import { startServer, TEST_KEY, type TestServer } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';
import { until } from './support/until.ts';

const ROUNDS = 120;

let server: TestServer;
let spoken: Uint8Array;
before(async () => {
  server = await startServer({ tones: true, env: { ...TONES, OS_WS_MAX_HANDSHAKES: '100000' } });
  spoken = await spokenPcm(server, 'good morning');
});
after(async () => {
  await assertUnharmed(server);
  await server.stop();
});

test('whatever bytes come behind the handshake, each connection ends by itself at most', async () => {
  const random = randomOf(37);
  const beside = await LiveSocket.open(server, '/v1/audio/stream?sample_rate=24000');
  const { stream, listen, speak, realtime } = exchanges(spoken.subarray(0, 70_000));
  const all = [stream!, listen!, speak!, realtime!];
  const seen = new Set<number>();
  for (let round = 0; round < ROUNDS; round++) {
    const { path, says } = all[round % all.length]!;
    const frames = says.map((message) => {
      const payload = typeof message === 'string' && random(3) === 0 ? mutateText(message, random) : message;
      return frame({
        opcode: typeof message === 'string' && random(20) > 0 ? OPCODE.text : OPCODE.binary,
        payload: Buffer.from(payload).subarray(0, 2000),
        fin: random(10) > 0,
        reserved: random(40) === 0 ? random(8) : 0,
        masked: random(40) > 0,
      });
    });
    frames.splice(random(frames.length), 0, frame({ opcode: OPCODE.ping, payload: 'p' }));
    frames.push(frame({ opcode: OPCODE.close, payload: closing(1000) }));
    const whole = Buffer.concat(frames);
    const { connection, answer } = await knock(server.url, path, `Authorization: Bearer ${TEST_KEY}`);
    assert.equal(answer.status, 101);
    await connection.write(random(2) === 0 ? whole : mutateBytes(whole, random));
    // Some leave at once, some look at what they are told.
    if (round % 3 === 0) connection.socket.resetAndDestroy();
    else {
      connection.socket.end();
      await connection.end();
      const closes = framesIn(connection.received).filter(({ opcode }) => opcode === OPCODE.close);
      assert.ok(closes.length <= 1);
      for (const { payload } of closes) if (payload.length >= 2) seen.add(payload.readUInt16BE());
    }
    connection.close();
  }
  assert.ok(seen.has(1000) && seen.has(1002), [...seen].join());
  assert.ok(!seen.has(1011), 'the server never failed');
  beside.send(spoken);
  beside.send({ type: 'stop' });
  assert.equal(await beside.closed(), 1000);
  assert.ok(beside.told.some(({ speech_final, text }) => speech_final && text === 'good morning'));
  await until(async () => (await metricSum(server, 'open_sockets')) === 0);
  assert.equal(await metricSum(server, 'live_sessions'), 0);
  assert.doesNotMatch(server.log.join(''), /"level":"error"/);
});
