/**
 * How many people can speak at once while a Silero model decides about their turns: the processor time of a session
 * and the lag of its events, against the native detector alone with as many streams.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fromS16le } from '../src/audio/pcm.ts';
import { LiveClient, type Paced, PIECE_MS, sendBinary, speakAtPace } from './support/live.ts';
import { childrenOf, cpuSeconds } from './support/processes.ts';
import { median, ms, quantile, report } from './support/report.ts';
import { startBenchServer } from './support/server.ts';
import { minuteOfRealSpeech, requireSilero, SILERO, sileroFile } from './support/silero.ts';

const SECONDS = 8;
const BYTES_PER_SECOND = 32_000;
/** Sessions say the recording from one of these places on, in seconds, so that each event has its like in other runs. */
const PLACES = [0, 9, 21, 37];
const PARTS = [0.2, 0.4, 0.6, 0.8];
/** About as many as are measured: what each needs is then seldom in the processor's cache. */
const BARE_STREAMS = 64;

requireSilero();
const recording = minuteOfRealSpeech();
/** Measured again before each run: the processor of a shared machine does not always give the same. */
const limits = [await bareLimit()];

const server = await startBenchServer({
  silero: true,
  env: { OS_STREAM_MAX_CONNECTIONS: '2000', OS_WS_MAX_PER_KEY: '2000', OS_MODEL_TTL: '0', STT_MODEL: 'tone-ear' },
});
const detector = await detectorProcess();

interface Run {
  sessions: number;
  /** When each event came behind the audio that it is about, by place and position. */
  delays: Map<string, number[]>;
  loopLagMs: number;
  /** Share of a core. */
  server: number;
  detector: number;
  watched: number;
}

const alone = await run(PLACES.length);
const expected = limits[0]!;
const runs: (Run & { lags: number[] })[] = [];
for (const part of PARTS) {
  const each = await run(Math.round(expected * part));
  limits.push(await bareLimit());
  const lags = [...each.delays].flatMap(([event, delays]) => {
    const usual = alone.delays.get(event);
    return usual === undefined ? [] : delays.map((delay) => delay - median(usual));
  });
  runs.push({ ...each, lags });
  process.stderr.write(
    `${each.sessions} sessions: lag ${ms(median(lags))}, p95 ${ms(quantile(lags, 0.95))}; event loop p99 ${ms(each.loopLagMs)}; ` +
      `server ${each.server.toFixed(2)}, detector ${each.detector.toFixed(2)} of a core\n`,
  );
}
await server.stop();
const limit = median(limits);

const [first, last] = [runs[0]!, runs.at(-1)!];
const perSession = last.detector / last.sessions;
report({
  what: 'live sessions with Silero per core of its process',
  ours: `${(1 / perSession).toFixed(0)} (${last.watched} of ${last.sessions} watched at once)`,
  baseline: `${limit.toFixed(0)} streams of the native detector`,
  ratio: (1 / perSession / limit).toFixed(2),
  aim: '≥ 0.8',
  met: 1 / perSession / limit >= 0.8 && last.watched === last.sessions,
});
const whole = (last.detector + last.server) / last.sessions;
report({
  what: 'the same with the server itself, on one core for everything',
  ours: `${(1 / whole).toFixed(0)}`,
  baseline: `${limit.toFixed(0)} streams of the native detector`,
  ratio: (1 / whole / limit).toFixed(2),
  aim: 'reported',
  met: true,
});
report(growth('lag of turn events at p95', (each) => quantile(each.lags, 0.95)));
report(growth('event-loop lag at p99', (each) => each.loopLagMs));

/** No knee: at four times the sessions no more than four times the lag, with room for what a busy machine adds. */
function growth(what: string, lagOf: (run: (typeof runs)[number]) => number) {
  const [few, many] = [Math.max(0, lagOf(first)), lagOf(last)];
  const straight = few * (last.sessions / first.sessions) + PIECE_MS;
  return {
    what: `${what}, ${last.sessions} sessions`,
    ours: runs.map((each) => `${each.sessions}: ${ms(lagOf(each))}`).join(', '),
    baseline: `${ms(straight)} on a straight line from ${first.sessions} sessions`,
    ratio: (many / straight).toFixed(2),
    aim: '≤ 1',
    met: many <= straight,
  };
}

async function run(sessions: number): Promise<Run> {
  const speakers = await Promise.all(
    Array.from({ length: sessions }, async (_, i): Promise<Paced & { place: number }> => {
      const client = await LiveClient.open(server, '/v1/audio/stream?sample_rate=16000&interim_results=false');
      const place = PLACES[i % PLACES.length]!;
      return { client, place, audio: recording.subarray(place * BYTES_PER_SECOND), send: sendBinary };
    }),
  );
  // Detectors are made one by one when audio first comes; what is measured is what follows.
  for (const { client } of speakers) {
    client.socket.send(new Uint8Array(BYTES_PER_SECOND / 2));
    await settled(detector);
  }
  await lag();
  const before = { server: cpuSeconds(server.pid), detector: cpuSeconds(detector) };
  const began = performance.now();
  await speakAtPace(speakers, SECONDS * 1000, BYTES_PER_SECOND);
  const took = (performance.now() - began) / 1000;
  const used = { server: cpuSeconds(server.pid) - before.server, detector: cpuSeconds(detector) - before.detector };
  const { loopLagMs, watched } = await lag();
  await sleep(500);
  const delays = new Map<string, number[]>();
  for (const { client, place, beganAt } of speakers) {
    for (const { type, state, at, cameAt } of client.events) {
      if (type !== 'vad' || state !== 'speech_start') continue;
      const saidAt = beganAt! + (at - 0.5) * 1000;
      const event = `${place} ${at}`;
      delays.set(event, [...(delays.get(event) ?? []), cameAt - saidAt]);
    }
    client.close();
  }
  await Promise.all(speakers.map(({ client }) => client.closed));
  return { sessions, delays, loopLagMs, watched, server: used.server / took, detector: used.detector / took };
}

/** Resolves when a process has nothing to do. */
async function settled(pid: number): Promise<void> {
  for (let used = cpuSeconds(pid); ; ) {
    await sleep(50);
    const now = cpuSeconds(pid);
    if (now - used < 0.02) return;
    used = now;
  }
}

/** Since the last reading. */
async function lag(): Promise<{ loopLagMs: number; watched: number }> {
  const text = await server.client.text('/metrics');
  const value = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? 0);
  return {
    loopLagMs: value(/event_loop_lag_seconds\{quantile="0.99"\} (\S+)/) * 1000,
    watched: value(new RegExp(`calls_running\\{model="${SILERO}"\\} (\\S+)`)),
  };
}

/** The process that is there once audio came and nobody has said anything yet. */
async function detectorProcess(): Promise<number> {
  const before = new Set(childrenOf(server.pid));
  const client = await LiveClient.open(server, '/v1/audio/stream?sample_rate=16000');
  client.socket.send(new Uint8Array(BYTES_PER_SECOND));
  for (;;) {
    await sleep(100);
    const [child] = childrenOf(server.pid).filter((pid) => !before.has(pid));
    if (child === undefined || (await lag()).watched === 0) continue;
    client.close();
    return child;
  }
}

/** Streams that one core can hear as fast as they are spoken. */
async function bareLimit(): Promise<number> {
  const child = fork(new URL('./support/bare-vad.child.ts', import.meta.url), { serialization: 'advanced' });
  child.send({ model: sileroFile, streams: BARE_STREAMS, pcm: fromS16le(recording), forMs: (SECONDS * 1000) / 2 });
  const [result] = (await once(child, 'message')) as [{ audioMs: number; cpuMs: number }];
  return result.audioMs / result.cpuMs;
}
