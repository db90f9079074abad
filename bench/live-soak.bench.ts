/**
 * People who talk, listen and leave for a while, in every way at once: live recognition, conversations and requests.
 * Nothing may grow. A minute, or as many seconds as OS_SOAK_S says.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { fromS16le, toS16le } from '../src/audio/pcm.ts';
import { resample } from '../src/audio/resample.ts';
import { instantChat } from './support/chat.ts';
import { HeapProbe, type Probed } from './support/heap-probe.ts';
import { LiveClient, sendBinary, speakAtPace } from './support/live.ts';
import { childrenOf, openFiles, residentBytes } from './support/processes.ts';
import { median, report } from './support/report.ts';
import { startBenchServer } from './support/server.ts';

const SECONDS = Number(process.env.OS_SOAK_S ?? 60);
const STREAMS = 4;
const CONVERSATIONS = 4;
const REQUESTS = 2;
const SESSION_MS = 6000;
const STREAM_RATE = 16_000;
const REALTIME_RATE = 24_000;
/** The first rounds fill caches; the medians of as many behind them and at the end are compared. */
const WARM_UP_PART = 0.3;
const WINDOW_PART = 0.25;
/** Compiled code and the shapes of objects still grow a little in the first minutes. */
const AIM_HEAP_BYTES = 3 * 2 ** 20;
const AIM_RESIDENT = 1.1;
const MB = 2 ** 20;
const mb = (bytes: number): string => `${(bytes / MB).toFixed(1)} MB`;

const chat = await instantChat('good day to you. how are you.');
const probe = new HeapProbe();
const server = await startBenchServer({
  env: {
    ...{
      STT_MODEL: 'tone-ear',
      TTS_MODEL: 'tone-voice',
      OS_MODEL_TTL: '0',
      OS_ENGINE_PROCESSES: '2',
      OS_WS_MAX_HANDSHAKES: '100000',
    },
    ...{ OS_LLM_URL: chat.url, OS_LLM_MODEL: 'instant', TTS_CACHE_ENABLED: 'false' },
    ...probe.env,
  },
});
const spoken = await server.client.bytes('/v1/audio/speech', {
  ...{ model: 'tone-voice', voice: 'tone-0', input: 'good morning. it was a cold day.', response_format: 'pcm' },
});
const pause = Buffer.alloc(REALTIME_RATE * 2);
const at24 = Buffer.concat([spoken, pause, spoken, pause]);
const at16 = toS16le(resample(fromS16le(at24), REALTIME_RATE, STREAM_RATE));

interface Reading extends Probed {
  files: number;
  engineBytes: number;
}

const readings: Reading[] = [];
const done = { sessions: 0, finals: 0, answers: 0, requests: 0 };
const until = performance.now() + SECONDS * 1000;
while (performance.now() < until || readings.length < 4) {
  const over = AbortSignal.timeout(SESSION_MS);
  await Promise.all([
    ...Array.from({ length: STREAMS }, (_, i) => stream(i)),
    ...Array.from({ length: CONVERSATIONS }, (_, i) => conversation(i)),
    ...Array.from({ length: REQUESTS }, () => requests(over)),
  ]);
  // Between two rounds nobody is connected, so that all readings are of the same.
  await sleep(300);
  const engineBytes = childrenOf(server.pid).reduce((sum, pid) => sum + residentBytes(pid), 0);
  readings.push({ ...(await probe.read(server.pid)), files: openFiles(server.pid), engineBytes });
}
for (const { heapBytes, residentBytes, engineBytes, handles, files } of readings) {
  process.stderr.write(
    `heap ${mb(heapBytes)}, resident ${mb(residentBytes)}, engines ${mb(engineBytes)}, ${handles} handles, ${files} files\n`,
  );
}
chat.close();
await server.stop();
probe.close();

const size = Math.max(1, Math.floor(readings.length * WINDOW_PART));
const first = Math.floor(readings.length * WARM_UP_PART);
const window = (of: (reading: Reading) => number): [number, number] => [
  median(readings.slice(first, first + size).map(of)),
  median(readings.slice(-size).map(of)),
];
const what = `after ${SECONDS} s of ${done.sessions} sessions, ${done.finals} transcripts, ${done.answers} answers and ${done.requests} requests`;
const [heapBefore, heapAfter] = window(({ heapBytes }) => heapBytes);
report({
  what: `heap and buffers without garbage, ${what}`,
  ours: mb(heapAfter),
  baseline: `${mb(heapBefore)} near the start`,
  ratio: `${heapAfter >= heapBefore ? '+' : '-'}${mb(Math.abs(heapAfter - heapBefore))}`,
  aim: `≤ +${mb(AIM_HEAP_BYTES)}`,
  met: heapAfter - heapBefore <= AIM_HEAP_BYTES,
});
for (const [name, of] of [
  ['resident memory of the server', ({ residentBytes }: Reading) => residentBytes],
  ['resident memory of the engines', ({ engineBytes }: Reading) => engineBytes],
] as const) {
  const [before, after] = window(of);
  report({
    what: name,
    ours: mb(after),
    baseline: `${mb(before)} near the start`,
    ratio: (after / before).toFixed(3),
    aim: `≤ ${AIM_RESIDENT}`,
    met: after / before <= AIM_RESIDENT,
  });
}
for (const [name, of] of [
  ['handles of the event loop', ({ handles }: Reading) => handles],
  ['open files', ({ files }: Reading) => files],
] as const) {
  const [before, after] = window(of);
  report({
    what: name,
    ours: `${after}`,
    baseline: `${before} near the start`,
    ratio: `${after - before >= 0 ? '+' : ''}${after - before}`,
    aim: '≤ +2',
    met: after - before <= 2,
  });
}

/** Every other one leaves in the middle of a word. */
async function stream(i: number): Promise<void> {
  const client = await LiveClient.open(server, `/v1/audio/stream?sample_rate=${STREAM_RATE}&endpointing=300`);
  await speakAtPace([{ client, audio: at16, send: sendBinary }], SESSION_MS, STREAM_RATE * 2);
  if (i % 2 === 0) client.send({ type: 'stop' });
  else client.socket.terminate();
  await client.closed;
  done.sessions++;
  done.finals += client.events.filter(({ speech_final }) => speech_final).length;
}

async function conversation(i: number): Promise<void> {
  const client = await LiveClient.open(server, '/v1/realtime?model=gpt-realtime');
  const send = (to: LiveClient, piece: Uint8Array): void =>
    to.send({ type: 'input_audio_buffer.append', audio: Buffer.from(piece).toString('base64') });
  await speakAtPace([{ client, audio: at24, send }], SESSION_MS, REALTIME_RATE * 2);
  if (i % 2 === 0) client.close();
  else client.socket.terminate();
  await client.closed;
  done.sessions++;
  done.answers += client.events.filter(({ type }) => type === 'response.done').length;
}

async function requests(over: AbortSignal): Promise<void> {
  const body = { model: 'tone-voice', voice: 'tone-0', input: 'one two three.', response_format: 'wav' };
  while (!over.aborted) {
    const file = await server.client.bytes('/v1/audio/speech', body);
    await server.client.transcribe(file, 'tone-ear');
    done.requests += 2;
  }
}
