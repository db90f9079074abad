import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  context,
  fakeEngine,
  fakeHost,
  fakeModel,
  isAlive,
  keptLog,
  speakRequest,
} from '../../../test/support/fake-engine.ts';
import { Router } from '../router.ts';
import { openLocalWorker } from './local-worker.ts';

test('a call is answered and closing leaves no process', async () => {
  const log = keptLog();
  const worker = await openLocalWorker({
    source: { list: () => [fakeModel('m')], open: async (id) => fakeModel(id) },
    loadEngine: async () => fakeEngine(),
    settings: {
      engineProcesses: 2,
      engineThreads: 1,
      modelTtl: 300,
      limits: { modelLoadMs: 20_000, engineHeartbeatMs: 1000, engineMemoryBytes: 2 ** 30, engineRestarts: 3 },
    },
    log,
    host: fakeHost,
  });
  const router = new Router({
    workers: [worker],
    limits: { queueLength: 10, queuePerCaller: 10, firstAudioMs: 1000 },
    log,
  });
  const chunks = [];
  for await (const chunk of router.call('speak', 'm', speakRequest({ chunks: 30 }), context())) chunks.push(chunk);
  assert.equal(chunks.length, 30);
  assert.deepEqual(chunks[29]!.pcm, new Float32Array([29, 29, 29, 29]));
  await router.close();
  assert.deepEqual(log.pids().map(isAlive), [false]);
});
