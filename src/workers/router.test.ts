import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, keptLog, speakRequest } from '../../test/support/fake-engine.ts';
import { died, FakeWorker } from '../../test/support/fake-worker.ts';
import { type LiveAudio, liveAudio, sound } from '../../test/support/live-audio.ts';
import { until } from '../../test/support/until.ts';
import { SpeechError } from '../errors.ts';
import type { CallContext, Worker } from './contract.ts';
import { Router, type RouterOptions } from './router.ts';

type Refusals = { model: string; reason: string }[];

function routed(workers: Worker[], limits: Partial<RouterOptions['limits']> = {}) {
  const clock = { ms: 0 };
  const refusals: Refusals = [];
  const waits: { lane: string; durationMs: number }[] = [];
  const router = new Router({
    workers,
    limits: { queueLength: 64, queuePerCaller: 32, firstAudioMs: 30_000, ...limits },
    log: keptLog(),
    metrics: { callRefused: (refusal) => refusals.push(refusal), callWaited: (wait) => waits.push(wait) },
    now: () => clock.ms,
  });
  /** Reads a call to its end: how many messages came, or the code of the error. */
  const read = async (changes: Partial<CallContext> = {}, model = 'm'): Promise<number | string> => {
    let messages = 0;
    try {
      for await (const _ of router.call('speak', model, speakRequest(), context(changes))) messages++;
      return messages;
    } catch (error) {
      return (error as SpeechError).code;
    }
  };
  return { router, read, clock, refusals, waits };
}

/** Lets everything that is ready to run, run. */
const settle = () => new Promise((resolve) => setImmediate(resolve));

test('a call starts at once where a slot is free, else when one comes free', async () => {
  const worker = new FakeWorker();
  const { read, router, clock, waits } = routed([worker]);
  const first = read();
  const second = read();
  await settle();
  assert.equal(worker.calls.length, 1);
  assert.equal(router.status().models[0]!.waiting.interactive, 1);
  worker.calls[0]!.send();
  clock.ms = 50;
  worker.calls[0]!.finish();
  await settle();
  worker.calls[1]!.finish();
  assert.deepEqual([await first, await second], [1, 0]);
  assert.deepEqual(
    waits.map(({ durationMs }) => durationMs),
    [0, 50],
  );
});

test('a slot is free for the next call when the work is done, however slowly the answer is read', async () => {
  const worker = new FakeWorker();
  const { router, read } = routed([worker]);
  const slow = router.call('speak', 'm', speakRequest(), context());
  const first = slow.next();
  await settle();
  worker.calls[0]!.send();
  worker.calls[0]!.send();
  await first;
  worker.calls[0]!.finish();
  const other = read();
  await settle();
  assert.equal(worker.calls.length, 2);
  worker.calls[1]!.finish();
  assert.equal(await other, 0);
  assert.equal((await slow.next()).done, false);
  assert.equal((await slow.next()).done, true);
});

test('callers take turns and lanes have their order when slots come free', async () => {
  const worker = new FakeWorker();
  const { read } = routed([worker]);
  const order: string[] = [];
  const ask = (caller: string, lane: CallContext['lane']) =>
    read({ caller, lane, requestId: `${caller}-${lane}` }).then(() => order.push(`${caller} ${lane}`));
  const all = [ask('running', 'batch')];
  await settle();
  all.push(ask('a', 'batch'), ask('a', 'interactive'), ask('a', 'interactive'), ask('b', 'interactive'));
  await settle();
  for (let i = 0; i < 5; i++) {
    worker.calls[i]!.finish();
    await settle();
  }
  await Promise.all(all);
  assert.deepEqual(order, ['running batch', 'a interactive', 'b interactive', 'a interactive', 'a batch']);
});

test('the queue of a lane takes as many calls as its limit and no more', async () => {
  const worker = new FakeWorker();
  const { read, refusals, router } = routed([worker], { queueLength: 2 });
  const running = read();
  await settle();
  const waiting = [read({ caller: 'a' }), read({ caller: 'b' })];
  assert.equal(await read({ caller: 'c' }), 'queue_full');
  const batch = read({ caller: 'c', lane: 'batch' });
  assert.deepEqual(refusals, [{ model: 'm', reason: 'queue_full' }]);
  assert.deepEqual(router.status().models[0]!.waiting, { interactive: 2, batch: 1 });
  for (let i = 0; i < 4; i++) {
    worker.calls[i]!.finish();
    await settle();
  }
  assert.deepEqual(await Promise.all([running, ...waiting, batch]), [0, 0, 0, 0]);
});

test('a caller gets as many waiting calls as the limit and no more, and others still get theirs', async () => {
  const worker = new FakeWorker();
  const { read, router } = routed([worker], { queuePerCaller: 2 });
  const calls = [read({ caller: 'a' }), read({ caller: 'a' }), read({ caller: 'a' })];
  await settle();
  assert.equal(await read({ caller: 'a' }), 'queue_full');
  calls.push(read({ caller: 'b' }));
  await settle();
  assert.equal(router.status().models[0]!.waiting.interactive, 3);
  await router.close();
  assert.deepEqual(await Promise.all(calls), Array(4).fill('shutting_down'));
});

test('with no queue at all, a call starts at once or is refused', async () => {
  const worker = new FakeWorker();
  const { read } = routed([worker], { queueLength: 0 });
  const running = read();
  assert.equal(await read(), 'queue_full');
  worker.calls[0]!.finish();
  assert.equal(await running, 0);
});

test('a full queue says when to come back: after the expected wait', async () => {
  const worker = new FakeWorker();
  const { router, read } = routed([worker], { queueLength: 1 });
  const first = read({ cost: 100 });
  await settle();
  worker.calls[0]!.finish(10_000);
  await first;
  const calls = [read({ cost: 100 }), read({ cost: 100, caller: 'b' })];
  await settle();
  // Half of the running call and the whole of the waiting one, at 100 ms for each unit.
  await assert.rejects(router.call('speak', 'm', speakRequest(), context()).next(), {
    code: 'queue_full',
    retryAfterMs: 15_000,
  });
  await router.close();
  await Promise.all(calls);
});

test('an interactive call is refused at once where it would wait too long; a batch call may wait until its deadline', async () => {
  const worker = new FakeWorker();
  const { router, read, refusals } = routed([worker], { firstAudioMs: 14_000 });
  const first = read({ cost: 100 });
  await settle();
  worker.calls[0]!.finish(10_000);
  await first;
  const calls = [read({ cost: 100 }), read({ cost: 100 })];
  await settle();
  assert.equal(router.status().models[0]!.expectedWaitMs, 15_000);
  await assert.rejects(router.call('speak', 'm', speakRequest(), context({ caller: 'b' })).next(), {
    code: 'overloaded',
    retryAfterMs: 1000,
  });
  assert.equal(await read({ lane: 'batch', timeoutMs: 14_999 }), 'overloaded');
  calls.push(read({ lane: 'batch', timeoutMs: 60_000 }));
  await settle();
  assert.equal(router.status().models[0]!.waiting.batch, 1);
  assert.deepEqual(
    refusals.map(({ reason }) => reason),
    ['overloaded', 'overloaded'],
  );
  await router.close();
  await Promise.all(calls);
});

test('an interactive call with an acceptable wait is admitted', async () => {
  const worker = new FakeWorker();
  const { router, read } = routed([worker], { firstAudioMs: 15_000 });
  const first = read({ cost: 100 });
  await settle();
  worker.calls[0]!.finish(10_000);
  await first;
  const calls = [read({ cost: 100 }), read({ cost: 100 }), read({ caller: 'b' })];
  await settle();
  assert.equal(router.status().models[0]!.waiting.interactive, 2);
  await router.close();
  await Promise.all(calls);
});

test("one caller's backlog makes nobody else's expected wait longer than its turn", async () => {
  const worker = new FakeWorker();
  const { router, read } = routed([worker], { firstAudioMs: 16_000 });
  const first = read({ cost: 100 });
  await settle();
  worker.calls[0]!.finish(10_000);
  await first;
  const calls = [read({ cost: 100, caller: 'greedy', lane: 'batch' })];
  for (let i = 0; i < 10; i++) calls.push(read({ cost: 100, caller: 'greedy', lane: 'batch', timeoutMs: 600_000 }));
  calls.push(read({ cost: 100, caller: 'modest' }));
  await settle();
  assert.deepEqual(router.status().models[0]!.waiting, { interactive: 1, batch: 10 });
  await router.close();
  await Promise.all(calls);
});

test('a call that waits leaves at its deadline, and its place is free', async () => {
  const worker = new FakeWorker();
  const { read, router, refusals } = routed([worker]);
  const running = read();
  await settle();
  assert.equal(await read({ timeoutMs: 20 }), 'deadline_exceeded');
  assert.deepEqual(refusals, [{ model: 'm', reason: 'deadline_exceeded' }]);
  assert.equal(router.status().models[0]!.waiting.interactive, 0);
  worker.calls[0]!.finish();
  assert.equal(await running, 0);
});

test('a cancelled call leaves the queue at once and never reaches a worker', async () => {
  const worker = new FakeWorker();
  const { read, router } = routed([worker]);
  const running = read();
  const abort = new AbortController();
  const waiting = read({ signal: abort.signal });
  await settle();
  abort.abort();
  assert.equal(await waiting, 'cancelled');
  assert.equal(router.status().models[0]!.waiting.interactive, 0);
  worker.calls[0]!.finish();
  await running;
  assert.equal(worker.calls.length, 1);
});

test('a signal that carries an error of ours ends the call with it, also before it began', async () => {
  const { read } = routed([new FakeWorker()]);
  const signal = AbortSignal.abort(new SpeechError('request_timeout', 'Too slow.'));
  assert.equal(await read({ signal }), 'request_timeout');
});

test('cancelling a running call stops it and frees its slot', async () => {
  const worker = new FakeWorker();
  const { read, router } = routed([worker]);
  const abort = new AbortController();
  const running = read({ signal: abort.signal });
  const next = read();
  await settle();
  abort.abort();
  assert.equal(await running, 'cancelled');
  assert.equal(worker.calls[0]!.call.signal.aborted, true);
  assert.equal(worker.calls.length, 2);
  worker.calls[1]!.finish();
  assert.equal(await next, 0);
  assert.equal(router.status().models[0]!.running, 0);
});

test('leaving the iteration early stops the call, also while it waits for a message or for its turn', async () => {
  const worker = new FakeWorker();
  const { router } = routed([worker]);
  const running = router.call('speak', 'm', speakRequest(), context());
  const queued = router.call('speak', 'm', speakRequest(), context());
  const pending = [running.next(), queued.next()];
  await settle();
  await queued.return?.();
  await running.return?.();
  for (const each of pending) await assert.rejects(each, { code: 'cancelled' });
  assert.equal(worker.calls[0]!.call.signal.aborted, true);
  const { waiting, running: busy } = router.status().models[0]!;
  assert.deepEqual([waiting.interactive, busy], [0, 0]);
});

test('a call that nobody reads is never begun', async () => {
  const worker = new FakeWorker();
  const { router } = routed([worker]);
  const unread = router.call('speak', 'm', speakRequest(), context());
  await settle();
  await unread.return?.();
  assert.equal(worker.calls.length, 0);
});

test('a call that had sent nothing when its process died is tried once more, alone and before all others', async () => {
  const worker = new FakeWorker();
  const { read, router } = routed([worker]);
  const unlucky = read({ requestId: 'unlucky' });
  const other = read();
  await settle();
  worker.calls[0]!.fail(died());
  await settle();
  const third = read();
  // The other call had its turn meanwhile; the unlucky one goes before the third.
  await until(() => router.status().models[0]!.waiting.interactive === 2);
  worker.calls[1]!.finish();
  await settle();
  assert.match(worker.calls[2]!.call.id, /^unlucky.*-2$/);
  assert.equal(worker.calls[2]!.call.retry, true);
  worker.calls[2]!.send();
  worker.calls[2]!.finish();
  await settle();
  worker.calls[3]!.finish();
  assert.deepEqual(await Promise.all([unlucky, other, third]), [1, 0, 0]);
});

test('a call that killed its process twice is not tried a third time', async () => {
  const worker = new FakeWorker();
  const { read } = routed([worker]);
  const poison = read();
  await settle();
  worker.calls[0]!.fail(died());
  await until(() => worker.calls.length === 2);
  worker.calls[1]!.fail(died());
  assert.equal(await poison, 'engine_failed');
  assert.equal(worker.calls.length, 2);
});

test('a call that had sent something ends with the error', async () => {
  const worker = new FakeWorker();
  const { read } = routed([worker]);
  const call = read();
  await settle();
  worker.calls[0]!.send();
  worker.calls[0]!.fail(died());
  assert.equal(await call, 'engine_failed');
  assert.equal(worker.calls.length, 1);
});

test("an engine's refusal of a request is not tried again", async () => {
  const worker = new FakeWorker();
  const { read } = routed([worker]);
  const call = read();
  await settle();
  worker.calls[0]!.fail(new SpeechError('voice_not_found', 'No such voice.'));
  assert.equal(await call, 'voice_not_found');
  assert.equal(worker.calls.length, 1);
});

test('a call is cancelled while it waits for its second attempt', async () => {
  const worker = new FakeWorker();
  const { read } = routed([worker]);
  const abort = new AbortController();
  const call = read({ signal: abort.signal });
  await settle();
  worker.calls[0]!.fail(died());
  await settle();
  abort.abort();
  assert.equal(await call, 'cancelled');
  assert.equal(worker.calls.length, 1);
});

test('where one worker cannot load the model, another one gets the call', async () => {
  const [broken, sound] = [new FakeWorker({ id: 'broken' }), new FakeWorker({ id: 'sound' })];
  sound.change('m', { state: 'available', loadMs: 5000 });
  const { read } = routed([broken, sound]);
  const call = read();
  await settle();
  broken.calls[0]!.fail(new SpeechError('model_unavailable', 'Broken file.'));
  await until(() => sound.calls.length === 1);
  sound.calls[0]!.finish();
  assert.equal(await call, 0);
});

test('the worker that would finish first gets the call', async () => {
  const [slow, fast] = [new FakeWorker({ id: 'slow' }), new FakeWorker({ id: 'fast' })];
  const { read } = routed([slow, fast]);
  for (const [worker, other, workMs] of [
    [slow, fast, 10_000],
    [fast, slow, 100],
  ] as const) {
    other.change('m', { state: 'unavailable' });
    const measured = read({ cost: 100 });
    await settle();
    worker.calls[0]!.finish(workMs);
    await measured;
    other.change('m', { state: 'loaded' });
  }
  const calls = [read({ cost: 100 })];
  await settle();
  assert.deepEqual([slow.calls.length, fast.calls.length], [1, 2]);
  // Waiting for the fast one is better than starting on the slow one at once.
  calls.push(read({ cost: 100 }));
  await settle();
  assert.equal(slow.calls.length, 1);
  fast.calls[1]!.finish(100);
  await settle();
  fast.calls[2]!.finish(100);
  assert.deepEqual(await Promise.all(calls), [0, 0]);
});

test('a worker that holds the model is preferred to one that would have to load it', async () => {
  const [cold, warm] = [new FakeWorker({ id: 'cold' }), new FakeWorker({ id: 'warm' })];
  cold.change('m', { state: 'available' });
  const { read } = routed([cold, warm]);
  const call = read();
  await settle();
  assert.deepEqual([cold.calls.length, warm.calls.length], [0, 1]);
  warm.calls[0]!.finish();
  await call;
});

test('a model that no worker can use is refused with the reason, also to those who wait', async () => {
  const worker = new FakeWorker();
  const { read, router } = routed([worker]);
  const running = read();
  const waiting = router.call('speak', 'm', speakRequest(), context()).next();
  await settle();
  worker.change('m', { state: 'quarantined', reason: 'the file is broken' });
  await assert.rejects(waiting, { code: 'model_unavailable', message: /the file is broken/ });
  assert.equal(await read(), 'model_unavailable');
  worker.calls[0]!.finish();
  assert.equal(await running, 0);
  assert.equal(await read({}, 'unheard of'), 'model_not_found');
  assert.deepEqual(
    router.status().models.map(({ state, reason }) => [state, reason]),
    [['quarantined', 'the file is broken']],
  );
});

test('draining refuses new requests and lets those that have begun finish, with all their calls', async () => {
  const worker = new FakeWorker();
  const { read, router } = routed([worker]);
  const [running, waiting, next] = [read(), read(), read({ continues: true })];
  await settle();
  let drained = false;
  const draining = router.drain(10_000).then(() => {
    drained = true;
  });
  assert.equal(await waiting, 'shutting_down');
  assert.equal(await read(), 'shutting_down');
  assert.equal(router.status().admitting, false);
  worker.calls[0]!.send();
  worker.calls[0]!.finish();
  assert.equal(await running, 1);
  const last = read({ continues: true });
  for (const call of [1, 2]) {
    await settle();
    assert.equal(drained, false);
    worker.calls[call]!.finish();
  }
  assert.deepEqual(await Promise.all([next, last]), [0, 0]);
  await draining;
  assert.equal(await read({ continues: true }), 'shutting_down');
});

test('draining ends what does not finish in time, and waits for no reader that has stopped reading', async () => {
  const worker = new FakeWorker({ slots: 2 });
  const { read, router } = routed([worker]);
  const endless = read();
  const unread = router.call('speak', 'm', speakRequest(), context());
  const first = unread.next();
  await settle();
  worker.calls[1]!.send();
  await first;
  await router.drain(20);
  assert.equal(await endless, 'shutting_down');
  await router.close();
  assert.equal(worker.closed, true);
});

test('a call that continues a request is not refused for a full queue or a long wait', async () => {
  const worker = new FakeWorker();
  const { read, router } = routed([worker], { queueLength: 1, queuePerCaller: 1, firstAudioMs: 1000 });
  const first = read({ cost: 100 });
  await settle();
  worker.calls[0]!.finish(10_000);
  await first;
  const calls = [read({ cost: 100 })];
  await settle();
  assert.equal(await read({ cost: 100 }), 'overloaded');
  calls.push(read({ continues: true }), read({ continues: true }));
  await settle();
  assert.equal(router.status().models[0]!.waiting.interactive, 2);
  assert.equal(await read(), 'queue_full');
  await router.close();
  await Promise.all(calls);
});

test('the status counts what waits and runs over all workers', async () => {
  const workers = [new FakeWorker({ id: 'one' }), new FakeWorker({ id: 'two', models: ['m', 'other'] })];
  const { read, router } = routed(workers);
  const calls = [read(), read(), read(), read({ lane: 'batch' })];
  await settle();
  assert.deepEqual(
    router
      .status()
      .models.map(({ id, waiting, running, slots, processes }) => [id, waiting, running, slots, processes]),
    [
      ['m', { interactive: 1, batch: 1 }, 2, 2, 2],
      ['other', { interactive: 0, batch: 0 }, 0, 1, 1],
    ],
  );
  await router.close();
  await Promise.all(calls);
});

test('a call that listens is tried again only while nobody has read its audio', async () => {
  for (const begun of [false, true]) {
    const [first, second] = [new FakeWorker({ id: 'first' }), new FakeWorker({ id: 'second' })];
    const { router } = routed([first, second]);
    const audio = liveAudio(sound(20));
    const call = router.call('listen', 'm', {}, context(), audio);
    const next = call.next().catch((error: SpeechError) => error.code);
    await settle();
    const [held] = [...first.calls, ...second.calls];
    const reader = begun ? held!.call.input![Symbol.asyncIterator]() : undefined;
    assert.equal((await reader?.next())?.value?.length, begun ? 320 : undefined);
    held!.fail(died());
    if (begun) {
      assert.equal(await next, 'engine_failed');
      assert.equal(audio.returned, 1);
      continue;
    }
    await until(() => first.calls.length + second.calls.length === 2);
    const again = [...first.calls, ...second.calls].find((call) => call !== held)!;
    assert.equal((await again.call.input![Symbol.asyncIterator]().next()).value?.length, 320);
    again.finish();
    await next;
    assert.equal(audio.returned, 1);
  }
});

test('audio is stopped once, however its call ends', async () => {
  const worker = new FakeWorker();
  const { router } = routed([worker], { queuePerCaller: 1 });
  const ended = async (audio: LiveAudio, changes: Partial<CallContext> = {}, model = 'm'): Promise<string> => {
    const call = router.call('listen', model, {}, context({ caller: 'a', ...changes }), audio);
    return await Array.fromAsync(call).then(
      () => 'done',
      (error: SpeechError) => error.code,
    );
  };
  const abort = new AbortController();
  const audios = Array.from({ length: 6 }, () => liveAudio());
  assert.equal(await ended(audios[0]!, { signal: AbortSignal.abort() }), 'cancelled');
  assert.equal(await ended(audios[1]!, {}, 'unknown'), 'model_not_found');
  const running = ended(audios[2]!);
  await settle();
  const waiting = ended(audios[3]!, { signal: abort.signal });
  await settle();
  assert.equal(await ended(audios[4]!), 'queue_full');
  abort.abort();
  assert.equal(await waiting, 'cancelled');
  worker.calls[0]!.finish();
  assert.equal(await running, 'done');
  await router.drain(0);
  assert.equal(await ended(audios[5]!), 'shutting_down');
  assert.deepEqual(
    audios.map(({ read, returned }) => [read, returned]),
    audios.map(() => [0, 1]),
  );
});

test('how long somebody speaks does not count as slowness of the model', async () => {
  const worker = new FakeWorker();
  const { router, read } = routed([worker]);
  const measured = read({ cost: 1000 });
  await settle();
  worker.calls[0]!.finish(100);
  await measured;
  for (let n = 1; n <= 3; n++) {
    const listening = Array.fromAsync(router.call('listen', 'm', {}, context({ cost: 1000 }), liveAudio()));
    await settle();
    worker.calls[n]!.finish(60_000);
    await listening;
  }
  const listening = Array.fromAsync(router.call('listen', 'm', {}, context({ cost: 1000 }), liveAudio()));
  const waiting = [
    Array.fromAsync(router.call('listen', 'm', {}, context({ caller: 'another', cost: 1000 }), liveAudio())),
    read({ cost: 1000 }),
  ];
  await settle();
  // The one that is measured, and not those who speak.
  assert.equal(router.status().models[0]!.expectedWaitMs, 100);
  for (let n = 4; n <= 6; n++) {
    worker.calls[n]!.finish(100);
    await settle();
  }
  await Promise.all([listening, ...waiting]);
});
