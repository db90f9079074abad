/** Live sessions with a real Silero model, in its engine process. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { test } from 'node:test';
import { WebSocket } from 'ws';
import { addFile } from './support/helper-models.ts';
import { needsData, sharedData } from './support/needs.ts';
import { serveDuring, TEST_KEY, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const skip = needsData('silero-vad');
const WAV_HEADER_BYTES = 44;
const SECOND = 32_000;
const ENV = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_STREAM_ENDPOINTING_MS: '400' };

const recording = () => readFileSync(resolve(sharedData, 'silero-vad/test.wav')).subarray(WAV_HEADER_BYTES);

async function serve(test: Parameters<typeof serveDuring>[0], env: Record<string, string> = {}): Promise<TestServer> {
  const server = await serveDuring(test, { tones: true, env: { ...ENV, ...env } });
  const file = resolve(sharedData, 'silero-vad/silero_vad.onnx');
  await addFile(server, file, { id: 'silero', kind: 'vad', family: 'silero-vad' });
  return server;
}

interface VadEvent {
  type: string;
  state: string;
  at: number;
}

async function connect(server: TestServer) {
  const url = `${server.url.replace('http', 'ws')}/v1/audio/stream?sample_rate=16000`;
  const socket = new WebSocket(url, { headers: { authorization: `Bearer ${TEST_KEY}` } });
  const events: VadEvent[] = [];
  socket.on('message', (data: Buffer) => {
    const event = JSON.parse(data.toString()) as VadEvent;
    if (event.type === 'vad') events.push(event);
  });
  const closed = once(socket, 'close');
  await once(socket, 'open');
  const push = (audio: Uint8Array, pieceMs = 20) => {
    const bytes = (SECOND * pieceMs) / 1000;
    for (let at = 0; at < audio.length; at += bytes) socket.send(audio.subarray(at, at + bytes));
  };
  const stop = async () => {
    socket.send('{"type":"stop"}');
    await closed;
    return events.map(({ state, at }) => `${state} ${at}`).sort();
  };
  return { socket, events, push, stop };
}

const watches = (server: TestServer): number =>
  server.server.service.router.status().models.find(({ id }) => id === 'silero')!.running;

test('turns are the same in every session at once and in pieces of any length', { skip }, async (test) => {
  const server = await serve(test);
  const audio = recording().subarray(0, 12 * SECOND);
  const sessions = await Promise.all(
    [20, 20, 7, 100, 333].map(async (pieceMs) => {
      const session = await connect(server);
      session.push(audio, pieceMs);
      return session;
    }),
  );
  await until(() => watches(server) === 5);
  const [first, ...others] = await Promise.all(sessions.map(({ stop }) => stop()));
  for (const other of others) assert.deepEqual(other, first);
  // The pause that the ear hears from 7 s to 9.2 s.
  assert.ok(
    first!.some((event) => /^speech_end 7\.[4-9]/.test(event)),
    first!.join(),
  );
  await until(() => watches(server) === 0);
});

test('a buzz that the packaged detector takes for a voice is none', { skip }, async (test) => {
  const server = await serve(test);
  const samples = Int16Array.from({ length: 3 * 16_000 }, (_, i) =>
    i < 16_000
      ? 0
      : 3000 * [1, 2, 3, 4, 6, 9].reduce((sum, n) => sum + Math.sin((2 * Math.PI * 140 * n * i) / 16_000) / n, 0),
  );
  const turns = async () => {
    const { push, stop } = await connect(server);
    push(new Uint8Array(samples.buffer));
    return await stop();
  };
  assert.deepEqual(await turns(), []);
  const { settings } = server.server.service;
  Object.assign(settings, { sttVad: 'webrtc' });
  assert.notDeepEqual(await turns(), []);
});

test('a session goes on when the process of the model is killed', { skip }, async (test) => {
  const server = await serve(test);
  const { push, events, stop } = await connect(server);
  push(recording().subarray(0, 3 * SECOND));
  await until(() => events.length > 0);
  const before = events.length;
  const line = server.log.find((each) => each.includes('Engine process started') && each.includes('silero'));
  process.kill(JSON.parse(line!).pid as number, 'SIGKILL');
  push(recording().subarray(3 * SECOND, 12 * SECOND));
  await until(() => events.length > before + 1);
  await stop();
  assert.ok(server.log.some((each) => each.includes('does without the model that finds voices')));
});

test('a session that the model watches holds no shutdown up, and is told whole', { skip }, async (test) => {
  const server = await serve(test, { OS_SHUTDOWN_TIMEOUT_S: '600' });
  const { push, events, socket } = await connect(server);
  const closed = once(socket, 'close');
  push(recording().subarray(0, 2 * SECOND));
  await until(() => watches(server) === 1 && events.length > 0);
  await server.server.close();
  const [code] = await closed;
  assert.equal(code, 1001);
  assert.equal(events.at(-1)!.state, 'speech_end');
});
