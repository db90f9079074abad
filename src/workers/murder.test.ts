import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  context,
  type FakeText,
  fakeModel,
  isAlive,
  listenRequest,
  openFake,
  speakRequest,
} from '../../test/support/fake-engine.ts';
import { inPieces, liveAudio, sound } from '../../test/support/live-audio.ts';
import { sumOf } from '../../test/support/sum-of.ts';
import { until } from '../../test/support/until.ts';
import type { SpeechError } from '../errors.ts';
import type { CallContext } from './contract.ts';

const CALLS = 200;
/** Bounded, so that a slow machine comes to serve too. */
const KILLS = 25;
/** How a call may end while its process can die at any moment; everything else is a defect. */
const ALLOWED = new Set(['engine_failed', 'cancelled', 'deadline_exceeded', 'queue_full', 'overloaded']);

test('two hundred mixed calls while processes are killed at random: each ends well or with a typed error', async () => {
  const { router, worker, log } = await openFake({
    models: [fakeModel('m'), fakeModel('wide', { concurrency: 3 })],
    engineProcesses: 3,
    engineRestarts: 100,
  });
  const ends: string[] = [];
  const leave = new AbortController();

  const one = async (index: number): Promise<void> => {
    await sleep(Math.random() * 3000);
    const text: FakeText = { chunks: 1 + Math.floor(Math.random() * 10), chunkMs: Math.random() * 20, samples: 1000 };
    if (index % 40 === 0) text.exitAfter = 0;
    const changes: Partial<CallContext> = {
      caller: `caller ${index % 5}`,
      lane: index % 3 === 0 ? 'batch' : 'interactive',
      timeoutMs: index % 17 === 0 ? 100 : 30_000,
      signal: index % 13 === 0 ? AbortSignal.any([leave.signal, AbortSignal.timeout(100)]) : leave.signal,
    };
    const model = index % 4 === 0 ? 'wide' : 'm';
    let read = 0;
    try {
      if (index % 5 === 1) {
        await listen(model, changes, index % 11 === 0);
        ends.push('answered');
        return;
      }
      for await (const chunk of router.call('speak', model, speakRequest(text), context(changes))) {
        assert.equal(chunk.pcm[0], read++, 'messages arrive in order, none missing');
        if (index % 11 === 0) break;
      }
      if (index % 11 !== 0) assert.equal(read, text.chunks);
      ends.push('answered');
    } catch (error) {
      ends.push((error as SpeechError).code);
      assert.ok(ALLOWED.has((error as SpeechError).code), String(error));
    }
  };

  /** Speaks at the pace of a person. */
  const listen = async (model: string, changes: Partial<CallContext>, leaves: boolean): Promise<void> => {
    const pcm = sound(100 + Math.floor(Math.random() * 400));
    const audio = liveAudio();
    const speaking = (async () => {
      for (const piece of inPieces(pcm, 20)) {
        audio.say(piece);
        await sleep(20);
      }
      audio.end();
    })();
    let last = '';
    try {
      for await (const { text } of router.call(
        'listen',
        model,
        listenRequest({ sum: true }),
        context(changes),
        audio,
      )) {
        last = text;
        if (leaves) return;
      }
      assert.equal(last, sumOf([pcm]), 'all that was said was heard, in order');
    } finally {
      assert.ok(audio.returned <= 1);
      await speaking;
    }
  };

  let killing = true;
  const killer = (async () => {
    for (let kills = 0; killing && kills < KILLS; kills++) {
      await sleep(50 + Math.random() * 200);
      const alive = log.pids().filter(isAlive);
      const victim = alive[Math.floor(Math.random() * alive.length)];
      if (victim !== undefined) process.kill(victim, 'SIGKILL');
    }
  })();
  await Promise.all(Array.from({ length: CALLS }, (_, index) => one(index)));
  killing = false;
  await killer;

  assert.equal(ends.length, CALLS);
  const answered = ends.filter((end) => end === 'answered').length;
  assert.ok(answered > CALLS / 2, `only ${answered} answered`);
  // The place of a call that somebody left is free once its engine has said so.
  await until(() =>
    router
      .status()
      .models.every(({ waiting, running }) => waiting.interactive === 0 && waiting.batch === 0 && running === 0),
  );
  // A process that was killed last may not be known to be gone yet; what is left must serve.
  for await (const _ of router.call('speak', 'm', speakRequest(), context()));
  await until(() => worker.models().every(({ busy }) => busy === 0));
  await router.close();
  assert.ok(log.pids().length > 5);
  assert.deepEqual(log.pids().filter(isAlive), []);
});
