/** Engine processes are murdered at random during mixed load. What may be lost is the request they were working on. */
import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { childrenOf } from './support/processes.ts';
import { startServer, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

const TEXT = 'the clocks were striking thirteen. it was a bright cold day in april. ';
const KILLS = 15;
const skip = existsSync('/proc/self/stat') ? false : 'only Linux lets us look at processes';

let server: TestServer;
let existing: number[];
before(async () => {
  existing = childrenOf(process.pid).map(({ pid }) => pid);
  server = await startServer({ tones: true, gigaflopPerSecond: 2, env: { OS_ENGINE_PROCESSES: '2' } });
});
after(async () => {
  await server.stop();
});

const speak = (model: string, response_format: string, input = TEXT) =>
  server.fetch('/v1/audio/speech', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, voice: 'alloy', input, response_format }),
  });

const engines = () => childrenOf(process.pid).filter(({ command }) => command.includes('engine-host'));

type Outcome = 'right' | 'refused' | 'cut short';

test('killed engines cost at most the requests they were working on', { skip, timeout: 150_000 }, async (t) => {
  const reference = Buffer.from(await (await speak('tone-voice', 'wav')).arrayBuffer());
  const espeakBytes = (await (await speak('espeak', 'wav')).arrayBuffer()).byteLength;

  const jobs: (() => Promise<boolean>)[] = [
    async () => Buffer.from(await ok(await speak('tone-voice', 'wav'))).equals(reference),
    // eSpeak's own noise moves the trimmed end by a few samples.
    async () => Math.abs((await ok(await speak('espeak', 'wav'))).byteLength / espeakBytes - 1) < 0.01,
    async () => (await ok(await speak('tone-voice', 'mp3'))).byteLength > 1000,
    async () => {
      const form = new FormData();
      form.set('model', 'tone-ear');
      form.set('file', new Blob([reference]), 'a.wav');
      const answer = await server.fetch('/v1/audio/transcriptions', { method: 'POST', body: form });
      const { text } = JSON.parse(Buffer.from(await ok(answer)).toString()) as { text: string };
      return text === TEXT.trim();
    },
  ];

  const outcomes: Record<Outcome, number> = { right: 0, refused: 0, 'cut short': 0 };
  let killing = true;
  const load = Array.from({ length: 8 }, async (_, worker) => {
    for (let i = worker; killing; i++) {
      try {
        assert.ok(await jobs[i % jobs.length]!(), 'a finished answer is the right one');
        outcomes.right++;
      } catch (error) {
        if (error instanceof assert.AssertionError) throw error;
        outcomes[error instanceof Refused ? 'refused' : 'cut short']++;
      }
    }
  });
  const loadEnded = Promise.all(load);
  loadEnded.catch(() => {
    killing = false;
  });
  let kills = 0;
  while (killing && kills < KILLS) {
    await sleep(400 + Math.random() * 1200);
    const victims = engines();
    const victim = victims[Math.floor(Math.random() * victims.length)];
    if (victim === undefined) continue;
    process.kill(victim.pid, 'SIGKILL');
    kills++;
    assert.equal((await fetch(`${server.url}/health`)).status, 200, 'the server stays up');
  }
  killing = false;
  await loadEnded;
  t.diagnostic(`${kills} kills: ${JSON.stringify(outcomes)}`);

  assert.ok(outcomes.right > kills, 'most requests do not notice');
  // A process works on several requests of a model at once, so one death can cost more than one of them.
  assert.ok(outcomes.refused + outcomes['cut short'] <= kills * 4, JSON.stringify(outcomes));

  // Everything still works, and nothing is left over.
  for (const job of jobs) assert.ok(await job());
  const { router } = server.server.service;
  const busy = () =>
    router.status().models.filter(({ running, waiting }) => running + waiting.batch + waiting.interactive > 0);
  await until(() => busy().length === 0);
  await until(() => readdirSync(join(server.dataDir, 'tmp')).length === 0);
  assert.ok(engines().length <= 2 * router.status().models.length, 'no more processes than the models may have');
});

test('the server leaves no process behind', { skip }, async () => {
  await server.server.close();
  const left = childrenOf(process.pid).filter(({ pid }) => !existing.includes(pid));
  assert.deepEqual(left, []);
});

/** An answer that says, in our error object, why there is none. */
class Refused extends Error {}

async function ok(answer: Response): Promise<ArrayBuffer> {
  if (answer.ok) return await answer.arrayBuffer();
  const { error } = (await answer.json()) as { error: { code: string; message: string } };
  assert.match(error.code, /^(engine_failed|model_unavailable|overloaded)$/, error.message);
  throw new Refused(error.message);
}
