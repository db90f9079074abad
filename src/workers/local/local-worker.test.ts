import assert from 'node:assert/strict';
import { test } from 'node:test';
import { context, fakeModel, isAlive, openFake, speakRequest } from '../../../test/support/fake-engine.ts';
import { until } from '../../../test/support/until.ts';
import { SpeechError } from '../../errors.ts';
import { openLocalWorker } from './local-worker.ts';
import { WINDOW_BYTES } from './messages.ts';

test('a call is answered in order, and closing leaves no process', async () => {
  const { ask, router, log } = await openFake();
  const chunks = await ask({ chunks: 30 });
  assert.deepEqual(
    chunks.map(({ pcm }) => pcm[0]),
    Array.from({ length: 30 }, (_, n) => n),
  );
  assert.deepEqual(chunks[0]!.pcm, new Float32Array([0, 0, 0, 0]));
  await router.close();
  assert.deepEqual(log.pids().map(isAlive), [false]);
});

test('no process starts before the first call, and many first calls start one', async () => {
  const { ask, router, worker, log } = await openFake();
  assert.equal(worker.status('m')!.state, 'available');
  await Promise.all([ask(), ask(), ask()]);
  assert.equal(log.pids().length, 1);
  assert.equal(worker.status('m')!.state, 'loaded');
  assert.ok(worker.status('m')!.loadMs! > 0);
  await router.close();
});

test('it grows while calls wait, up to its most processes, which work side by side', async () => {
  const { ask, router, worker } = await openFake({ engineProcesses: 2 });
  const calls = Array.from({ length: 6 }, () => ask({ chunks: 20, chunkMs: 20 }));
  await until(() => worker.status('m')!.processes === 2);
  await Promise.all(calls);
  const { slots, processes, busy } = worker.status('m')!;
  assert.deepEqual({ slots, processes, busy }, { slots: 2, processes: 2, busy: 0 });
  await router.close();
});

test('one process works on as many calls at once as its model takes', async () => {
  const { worker, ask, router } = await openFake({ models: [fakeModel('m', { concurrency: 4 })], engineProcesses: 4 });
  await ask();
  assert.equal(worker.status('m')!.slots, 4);
  const calls = Array.from({ length: 4 }, () => ask({ chunks: 5, chunkMs: 20 }));
  await until(() => worker.status('m')!.busy === 4);
  await Promise.all(calls);
  assert.equal(worker.status('m')!.processes, 1);
  await router.close();
});

test('an idle model gives its process back after its time', async () => {
  const { ask, router, worker, log } = await openFake({ modelTtl: 1 });
  await ask();
  await until(() => worker.status('m')!.state === 'available' && worker.status('m')!.processes === 0);
  assert.deepEqual(log.pids().map(isAlive), [false]);
  assert.equal((await ask()).length, 1);
  await router.close();
});

test('load brings a model up, unload ends its process after the running call', async () => {
  const { ask, router, worker, log } = await openFake();
  await worker.load('m');
  assert.equal(worker.status('m')!.state, 'loaded');
  const running = ask({ chunks: 5, chunkMs: 20 });
  await until(() => worker.status('m')!.busy === 1);
  await worker.unload('m');
  assert.equal((await running).length, 5);
  assert.deepEqual(log.pids().map(isAlive), [false]);
  await router.close();
});

test('errors of the engine arrive as they are, others without their text', async () => {
  const { ask, router } = await openFake();
  await assert.rejects(ask({ fail: 'typed' }), { code: 'voice_not_found', param: 'voice' });
  await assert.rejects(ask({ fail: 'untyped' }), (error: SpeechError) => {
    assert.equal(error.code, 'engine_failed');
    assert.doesNotMatch(error.message, /secret/);
    assert.match(error.detail!, /a secret inside/);
    return true;
  });
  const transcription = router.call('transcribe', 'm', { pcm: new Float32Array(1) }, context());
  await assert.rejects(transcription.next(), { code: 'unsupported_by_model' });
  await router.close();
});

test('cancelling a call stops the engine, and its slot takes the next one', async () => {
  const { ask, report, router } = await openFake();
  const abort = new AbortController();
  const call = router.call('speak', 'm', speakRequest({ chunks: 1e6, chunkMs: 1 }), context({ signal: abort.signal }));
  await call.next();
  abort.abort();
  await assert.rejects(call.next(), { code: 'cancelled' });
  const { aborted, ended, made } = await report();
  assert.deepEqual([aborted, ended], [1, 1]);
  assert.equal((await report()).made, made);
  assert.equal((await ask()).length, 1);
  await router.close();
});

test('an engine that never waits still hears of a cancellation between two messages', async () => {
  const { report, router } = await openFake();
  for await (const _ of router.call('speak', 'm', speakRequest({ chunks: 1e9, samples: 1 }), context())) break;
  assert.equal((await report()).aborted, 1);
  await router.close();
});

test('a slow reader makes the engine pause, and the rest comes when it reads on', async () => {
  const { worker, router, report } = await openFake({ models: [fakeModel('m', { concurrency: 2 })] });
  const samples = WINDOW_BYTES / 8 / 4;
  const call = router.call('speak', 'm', speakRequest({ chunks: 40, samples }), context());
  await call.next();
  let made = 0;
  await until(async () => {
    const before = made;
    made = (await report()).made;
    return made === before;
  });
  assert.ok(made >= 8 && made <= 10, `${made} messages of an eighth of the window each`);
  assert.equal(worker.status('m')!.busy, 1);
  let read = 1;
  while ((await call.next()).done !== true) read++;
  assert.equal(read, 40);
  await router.close();
});

test('a reader that stops reading an ordinary sentence does not keep the engine', async () => {
  const { ask, worker, router } = await openFake();
  const call = router.call('speak', 'm', speakRequest({ chunks: 100, samples: 2400 }), context());
  await call.next();
  assert.equal((await ask()).length, 1);
  assert.equal(worker.status('m')!.busy, 0);
  let read = 1;
  while ((await call.next()).done !== true) read++;
  assert.equal(read, 100);
  await router.close();
});

test('a call whose process dies before it answered is tried again and succeeds', async () => {
  const { ask, router, log, worker } = await openFake({ engineProcesses: 1 });
  await ask();
  const call = ask({ chunks: 3, chunkMs: 100 });
  await until(() => worker.status('m')!.busy === 1);
  process.kill(log.pids()[0]!, 'SIGKILL');
  assert.equal((await call).length, 3);
  assert.equal(log.pids().length, 2);
  await router.close();
});

test('a call whose process dies after it had begun to answer ends with engine_failed', async () => {
  const { ask, router, restarts } = await openFake();
  const chunks: unknown[] = [];
  const call = (async () => {
    for await (const chunk of router.call('speak', 'm', speakRequest({ chunks: 5, exitAfter: 2 }), context())) {
      chunks.push(chunk);
    }
  })();
  await assert.rejects(call, { code: 'engine_failed' });
  assert.equal(chunks.length, 2);
  assert.equal((await ask()).length, 1);
  assert.deepEqual(restarts, ['crash']);
  await router.close();
});

test('a request that kills its process twice ends with an error; calls beside it are answered', async () => {
  const { ask, router, restarts } = await openFake({
    models: [fakeModel('m', { concurrency: 4 })],
    engineProcesses: 4,
  });
  await ask();
  const sound = Promise.all(Array.from({ length: 3 }, () => ask({ chunks: 2, chunkMs: 250 })));
  await assert.rejects(ask({ exitAfter: 0 }), { code: 'engine_failed' });
  assert.deepEqual(
    (await sound).map(({ length }) => length),
    [2, 2, 2],
  );
  assert.deepEqual(restarts, ['crash', 'crash']);
  await router.close();
});

test('a call that hangs ends at its timeout, and the process that does not stop is replaced', async () => {
  const { ask, router, restarts, worker } = await openFake();
  await ask();
  await assert.rejects(ask({ blockAfter: 0 }, { timeoutMs: 100 }), { code: 'deadline_exceeded' });
  assert.equal(worker.status('m')!.busy, 1);
  assert.equal((await ask()).length, 1);
  assert.deepEqual(restarts, ['hang']);
  await router.close();
});

test('a process that does not stop one call finishes the others before it is replaced', async () => {
  const { ask, router, restarts, worker } = await openFake({
    models: [fakeModel('m', { concurrency: 2 })],
    engineProcesses: 2,
  });
  await ask();
  const slow = ask({ chunks: 25, chunkMs: 100 });
  await assert.rejects(ask({ hangAfter: 0 }, { timeoutMs: 50 }), { code: 'deadline_exceeded' });
  assert.equal((await slow).length, 25);
  await until(() => worker.status('m')!.busy === 0);
  assert.deepEqual(restarts, ['hang']);
  assert.equal((await ask()).length, 1);
  await router.close();
});

test('a process that outgrows its memory is replaced', async () => {
  const { ask, router, restarts } = await openFake({ engineMemoryBytes: 300 * 2 ** 20 });
  await assert.rejects(ask({ eat: true }), { code: 'engine_failed' });
  assert.deepEqual(restarts, ['memory', 'memory']);
  assert.equal((await ask()).length, 1);
  await router.close();
});

test('an idle process that no longer answers is replaced before anybody needs it', async () => {
  const { ask, router, restarts, log, worker } = await openFake({ engineHeartbeatMs: 50 });
  await ask();
  process.kill(log.pids()[0]!, 'SIGSTOP');
  await until(() => worker.status('m')!.processes === 0);
  assert.deepEqual(restarts, ['hang']);
  assert.equal((await ask()).length, 1);
  await router.close();
});

test('a model that fails to load again and again is quarantined with the reason, until an explicit load', async () => {
  const models = [fakeModel('m', { load: 'refuse' }), fakeModel('other')];
  const { ask, router, worker, restarts, log } = await openFake({ models, engineRestarts: 2 });
  await assert.rejects(ask(), { code: 'model_unavailable', message: /The model file is broken/ });
  assert.equal(worker.status('m')!.state, 'quarantined');
  assert.match(worker.status('m')!.reason!, /The model file is broken/);
  assert.deepEqual(restarts, ['load', 'load']);
  await assert.rejects(ask(), { code: 'model_unavailable', message: /The model file is broken/ });
  assert.deepEqual(restarts, ['load', 'load']);
  assert.equal((await ask({}, {}, 'other')).length, 1);
  await assert.rejects(worker.load('m'), { code: 'model_unavailable' });
  models[0] = fakeModel('m');
  await worker.load('m');
  assert.equal((await ask()).length, 1);
  assert.equal(log.lines.filter(({ message }) => message === 'Model quarantined').length, 2);
  await router.close();
});

test('a model whose file makes native code exit is quarantined with what happened', async () => {
  const { ask, router, worker } = await openFake({ models: [fakeModel('m', { load: 'exit' })], engineRestarts: 1 });
  await assert.rejects(ask(), { code: 'model_unavailable', message: /exited with code 255/ });
  assert.equal(worker.status('m')!.state, 'quarantined');
  await router.close();
});

test('a model whose files are not what they should be never reaches an engine', async () => {
  const source = {
    list: () => [fakeModel('m')],
    open: () => Promise.reject(new SpeechError('model_unavailable', 'The file model.onnx has changed.')),
  };
  const { ask, router, log } = await openFake({ source, engineRestarts: 1 });
  await assert.rejects(ask(), { code: 'model_unavailable', message: /model\.onnx has changed/ });
  assert.deepEqual(log.pids(), []);
  await router.close();
});

test('a model whose engine is not there is unavailable, with the line that mends it', async () => {
  const worker = await openLocalWorker({
    source: { list: () => [fakeModel('m')], open: async () => fakeModel('m') },
    loadEngine: async () => ({
      ...{ name: 'fake', families: [], readablePaths: () => [], describe: () => ({}) },
      availability: async () => ({ available: false, reason: 'libfake is missing.', remedy: 'Run: npm run setup' }),
      open: () => Promise.reject(new Error('never')),
    }),
    settings: {
      ...{ engineProcesses: 1, engineThreads: 1, modelTtl: 0, modelMemory: 0, maxLoadedModels: 0 },
      limits: {
        modelLoadMs: 1000,
        modelRoomMs: 1000,
        engineHeartbeatMs: 1000,
        engineMemoryBytes: 2 ** 30,
        engineRestarts: 1,
      },
    },
    log: (await openFake()).log,
  });
  const { state, reason, slots } = worker.status('m')!;
  assert.deepEqual([state, reason, slots], ['unavailable', 'libfake is missing. Run: npm run setup', 0]);
  await assert.rejects(worker.load('m'), { code: 'model_unavailable' });
  await worker.close();
});

test('models that come and go are seen after a refresh', async () => {
  const models = [fakeModel('m')];
  const { ask, router, worker, log } = await openFake({ models });
  await ask();
  models.push(fakeModel('new'));
  await worker.refresh();
  assert.equal((await ask({}, {}, 'new')).length, 1);
  models.shift();
  await worker.refresh();
  assert.equal(worker.status('m'), undefined);
  assert.equal(isAlive(log.pids()[0]!), false);
  await assert.rejects(ask(), { code: 'model_unavailable' });
  await router.close();
});

test('closing ends calls with shutting_down, in whatever state they are, and every process', async () => {
  const { ask, router, worker, log } = await openFake({ engineProcesses: 2 });
  await ask();
  const calls = Promise.allSettled([{ chunks: 1e6, chunkMs: 5 }, { blockAfter: 0 }, {}, {}].map((text) => ask(text)));
  await until(() => log.pids().length === 2 && worker.status('m')!.busy === 2);
  await router.close();
  for (const result of await calls) assert.equal(result.status === 'rejected' && result.reason.code, 'shutting_down');
  assert.deepEqual(log.pids().map(isAlive), [false, false]);
  await assert.rejects(ask(), { code: 'shutting_down' });
});
