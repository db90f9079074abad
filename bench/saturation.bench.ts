/** Every core busy with synthesis: throughput against as many bare engine processes, and whether the server stays awake. */
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Catalog } from '../src/models/catalog.ts';
import { BareEngine } from './support/bare.ts';
import { ms, quantile, report } from './support/report.ts';
import { startBenchServer } from './support/server.ts';

const ENGINES = availableParallelism();
const SECONDS = 5;
const ROUNDS = 3;
const TEXT = 'It was a bright cold day in April, and the clocks were striking thirteen. '.repeat(3).trim();
const WAV_HEADER_BYTES = 44;

const server = await startBenchServer({ gigaflopPerSecond: 10 });
const catalog = await Catalog.read(join(server.dataDir, 'models'));

for (const [name, model, voice, rate] of [
  ['neural-sized tone voice', await catalog.open('tone-voice'), 'tone-0', 24_000],
  ['espeak', await catalog.open('espeak'), 'en-us', 22_050],
] as const) {
  const body = { model: model.id, voice, input: TEXT, response_format: 'wav' };
  const ask = async (until: number): Promise<number> => {
    let audioMs = 0;
    while (performance.now() < until) {
      const { bytes } = await server.client.speak(body);
      audioMs += ((bytes - WAV_HEADER_BYTES) / 2 / rate) * 1000;
    }
    return audioMs;
  };
  const clients = (seconds: number) =>
    Promise.all(Array.from({ length: 2 * ENGINES }, () => ask(performance.now() + seconds * 1000)));
  const health: number[] = [];
  const watch = async (until: number): Promise<void> => {
    while (performance.now() < until) {
      health.push((await server.client.health()).wholeMs);
      await sleep(20);
    }
  };
  await clients(3);

  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    const bare = await Promise.all(Array.from({ length: ENGINES }, () => BareEngine.start(model)));
    await Promise.all(bare.map((engine) => engine.run({ speak: { text: TEXT, voice }, times: 1 })));
    const began = performance.now();
    const results = await Promise.all(
      bare.map((engine) => engine.run({ speak: { text: TEXT, voice }, forMs: SECONDS * 1000 })),
    );
    theirs.push(results.reduce((sum, { audioMs }) => sum + audioMs, 0) / (performance.now() - began));
    for (const engine of bare) engine.stop();

    const start = performance.now();
    const [spoken] = await Promise.all([clients(SECONDS), watch(start + SECONDS * 1000)]);
    ours.push(spoken.reduce((sum, audioMs) => sum + audioMs, 0) / (performance.now() - start));
  }
  const [mine, bare] = [ours, theirs].map((rates) => quantile(rates, 0.5)) as [number, number];
  report({
    what: `${name}: audio made per second by ${ENGINES} engines, median of ${ROUNDS}`,
    ours: `${mine.toFixed(1)} s/s`,
    baseline: `${bare.toFixed(1)} s/s by bare processes`,
    ratio: (mine / bare).toFixed(3),
    aim: '≥ 0.95',
    met: mine / bare >= 0.95,
  });
  const p99 = quantile(health, 0.99);
  report({
    what: `${name}: /health p99 of ${health.length} meanwhile`,
    ours: ms(p99),
    baseline: `${ms(quantile(health, 0.5))} median`,
    ratio: (p99 / quantile(health, 0.5)).toFixed(1),
    aim: '< 20 ms',
    met: p99 < 20,
  });
  const lag = await eventLoopLag();
  report({
    what: `${name}: event-loop lag p99 meanwhile`,
    ours: ms(lag),
    baseline: '20 ms',
    ratio: (lag / 20).toFixed(2),
    aim: '< 20 ms',
    met: lag < 20,
  });
}
await server.stop();

/** The server's own measure since it was last asked. */
async function eventLoopLag(): Promise<number> {
  const text = await server.client.text('/metrics');
  return Number(/event_loop_lag_seconds\{quantile="0.99"\} (\S+)/.exec(text)![1]) * 1000;
}
