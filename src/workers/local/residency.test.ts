/** Which models may be in memory, with real processes. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { totalmem } from 'node:os';
import { type TestContext, test } from 'node:test';
import { fakeModel, isAlive, openFake } from '../../../test/support/fake-engine.ts';
import { childrenOf } from '../../../test/support/processes.ts';
import { until } from '../../../test/support/until.ts';
import type { SpeechError } from '../../errors.ts';
import { memoryBudget } from './residency.ts';

type Changes = Parameters<typeof openFake>[0];
const MB = 2 ** 20;

/** Three models of 100 MB each where nothing else is said, as far as their manifests tell. */
async function openThree(t: TestContext, changes: Changes, expectedMb = 100) {
  const models = ['a', 'b', 'c'].map((id) => fakeModel(id));
  const fake = await openFake({
    source: {
      list: () => models,
      open: async (id) => models.find((model) => model.id === id)!,
      memoryBytes: () => expectedMb * MB,
    },
    ...changes,
  });
  t.after(() => fake.router.close());
  const state = (id: string) => fake.worker.status(id)!.state;
  return { ...fake, state, states: () => ['a', 'b', 'c'].map(state) };
}

/** Resident memory of all our child processes, as the system tells it. */
function childBytes(): number {
  return childrenOf(process.pid).reduce((sum, { pid }) => {
    try {
      return sum + Number(readFileSync(`/proc/${pid}/statm`, 'latin1').split(' ')[1]) * 4096;
    } catch {
      return sum;
    }
  }, 0);
}

test('the least recently used model makes way, and the one that is kept still answers from its process', async (t) => {
  const { ask, states, log } = await openThree(t, { modelMemory: 200 });
  await ask({}, {}, 'a');
  await ask({}, {}, 'b');
  await ask({}, {}, 'a');
  assert.deepEqual(states(), ['loaded', 'loaded', 'available']);
  await ask({}, {}, 'c');
  assert.deepEqual(states(), ['loaded', 'available', 'loaded']);
  assert.deepEqual(log.pids().map(isAlive), [true, false, true]);
});

test('one MB more lets a third model stay, one less lets it go', async (t) => {
  for (const [modelMemory, kept] of [
    [300, 3],
    [299, 2],
  ] as const) {
    const { worker, states } = await openThree(t, { modelMemory });
    for (const id of ['a', 'b', 'c']) await worker.load(id);
    assert.equal(states().filter((state) => state === 'loaded').length, kept);
  }
});

test('a bound on models is kept from both sides', async (t) => {
  for (const maxLoadedModels of [2, 3]) {
    const { worker, states } = await openThree(t, { maxLoadedModels });
    for (const id of ['a', 'b', 'c']) await worker.load(id);
    assert.equal(states().filter((state) => state === 'loaded').length, maxLoadedModels);
  }
});

test('a model in use stays: another waits until it is done', async (t) => {
  const { ask, worker, state } = await openThree(t, { maxLoadedModels: 1 });
  const running = ask({ chunks: 10, chunkMs: 30 }, {}, 'a');
  await until(() => state('a') === 'loaded');
  const waiting = ask({}, {}, 'b');
  await until(() => state('b') === 'loading');
  assert.equal(worker.status('b')!.processes, 0);
  assert.equal((await running).length, 10);
  assert.equal((await waiting).length, 1);
  assert.equal(state('a'), 'available');
});

test('whoever waits too long for room is told so, with a time to come back, and so is who asked for a load', async (t) => {
  const { ask, worker, state } = await openThree(t, { maxLoadedModels: 1, modelRoomMs: 100 });
  const abort = new AbortController();
  const running = ask({ chunks: 1e6, chunkMs: 5 }, { signal: abort.signal }, 'a');
  await until(() => state('a') === 'loaded');
  const full = { code: 'overloaded', message: /no room in memory/, retryAfterMs: 5000 };
  await assert.rejects(ask({}, {}, 'b'), full);
  await assert.rejects(worker.load('b'), full);
  assert.equal(state('b'), 'available');
  abort.abort();
  await assert.rejects(running, { code: 'cancelled' });
  assert.equal((await ask({}, {}, 'b')).length, 1);
});

test('a caller with less time than that is told the same when its time is over', async (t) => {
  const { ask, worker, state } = await openThree(t, { maxLoadedModels: 1 });
  await worker.load('a');
  worker.pin('a', true);
  await assert.rejects(ask({}, { timeoutMs: 150 }, 'b'), { code: 'overloaded', message: /no room in memory/ });
  assert.equal(state('b'), 'available', 'nobody asks any longer');
  assert.equal(state('a'), 'loaded');
});

test('a model that is larger than all there may be is refused at once, with both sizes', async (t) => {
  const { ask } = await openThree(t, { modelMemory: 99 });
  await assert.rejects(ask({}, {}, 'a'), { code: 'model_unavailable', message: /100 MB .* 99 MB .*OS_MODEL_MEMORY/ });
});

test('a model grows only as far as there is room, and nobody has to go for that', async (t) => {
  const { ask, worker, states } = await openThree(t, { modelMemory: 300, engineProcesses: 4 });
  await worker.load('b');
  const calls = Array.from({ length: 8 }, () => ask({ chunks: 10, chunkMs: 20 }, {}, 'a'));
  await until(() => worker.status('a')!.processes === 2);
  const answers = await Promise.all(calls);
  assert.ok(answers.every(({ length }) => length === 10));
  assert.equal(worker.status('a')!.processes, 2);
  assert.deepEqual(states(), ['loaded', 'loaded', 'available']);
});

test('a pinned model outlives its idle time and makes way for nobody; a warm one makes way', async (t) => {
  const { worker, state } = await openThree(t, { maxLoadedModels: 2, modelTtl: 1, modelRoomMs: 2000 });
  worker.pin('a', true);
  worker.warm('b');
  await worker.load('a');
  await worker.load('b');
  assert.equal(worker.residence('a')!.ttlRemainingMs, undefined);
  assert.deepEqual([worker.residence('a')!.pinned, worker.residence('b')!.pinned], [true, false]);
  await worker.load('c');
  assert.deepEqual([state('a'), state('b')], ['loaded', 'available']);
  assert.ok(worker.residence('c')!.ttlRemainingMs! <= 1000);
  await until(() => state('c') === 'available');
  assert.equal(state('a'), 'loaded');
  worker.pin('a', false);
  await until(() => state('a') === 'available');
  assert.equal(worker.residence('a')!.loadedAt, undefined);
});

test('what a process really takes counts once it is known', async (t) => {
  const { worker, states, ask } = await openThree(t, { modelMemory: 100 }, 1);
  await worker.load('a');
  // A Node process alone takes more than half of that, whatever its manifest says.
  await until(() => worker.status('a')!.memoryBytes > 50 * MB);
  await until(async () => {
    await ask({}, {}, 'a');
    await ask({}, {}, 'b');
    return states()[0] === 'available';
  });
});

test('whatever is asked, unloaded, pinned, cancelled and killed at once, everybody is answered and no room is lost', async (t) => {
  const { ask, worker, log } = await openThree(t, { maxLoadedModels: 2, engineProcesses: 2, modelRoomMs: 1000 });
  let random = 3;
  const next = (below: number): number => {
    random = (Math.imul(random, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (random >> 8) % below;
  };
  let most = 0;
  const stopWatching = worker.onChange(() => {
    most = Math.max(most, worker.models().filter(({ processes }) => processes > 0).length);
  });
  const failures: Promise<SpeechError | undefined>[] = [];
  const keep = (work: Promise<unknown>): void => {
    failures.push(
      work.then(
        () => undefined,
        (error) => error,
      ),
    );
  };
  for (let i = 0; i < 120; i++) {
    const id = 'abc'[next(3)]!;
    const what = next(10);
    if (what < 5) keep(ask({ chunks: 1 + next(3), chunkMs: 10 }, {}, id));
    else if (what === 5) keep(worker.load(id));
    else if (what === 6) keep(worker.unload(id));
    else if (what === 7) worker.pin(id, next(3) === 0);
    else if (what === 8) keep(ask({ chunks: 1000, chunkMs: 5 }, { signal: AbortSignal.timeout(20) }, id));
    else {
      const pid = log.pids().at(-1);
      if (pid !== undefined && isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
    await new Promise((resolve) => setTimeout(resolve, next(20)));
  }
  for (const error of await Promise.all(failures)) {
    if (error !== undefined) assert.match(error.code, /^(overloaded|cancelled|engine_failed|conflict)$/, String(error));
  }
  stopWatching();
  assert.ok(most <= 2, `${most} models in memory`);
  for (const id of ['a', 'b', 'c']) worker.pin(id, false);
  for (const id of ['a', 'b', 'c', 'a']) assert.equal((await ask({}, {}, id)).length, 1);
});

test('unloading gives the memory back: the process is gone and the sum of all falls', async (t) => {
  const { worker, ask, log } = await openThree(t, {});
  const before = childBytes();
  await ask({}, {}, 'a');
  const loaded = childBytes();
  assert.ok(loaded - before > 20 * MB, `${(loaded - before) / MB} MB`);
  await worker.unload('a');
  assert.deepEqual(log.pids().map(isAlive), [false]);
  assert.ok(childBytes() - before < 5 * MB);
  assert.deepEqual([worker.status('a')!.memoryBytes, worker.status('a')!.state], [0, 'available']);
});

test('where nothing is said, models may take most of the machine and never all of it', () => {
  const budget = memoryBudget({ modelMemory: 0 });
  assert.ok(budget > 0 && budget <= 0.7 * totalmem());
  assert.equal(memoryBudget({ modelMemory: 5 }), 5 * MB);
});
