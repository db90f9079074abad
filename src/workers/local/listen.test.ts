import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  context,
  fakeModel,
  isAlive,
  listenRequest,
  openFake,
  speakRequest,
} from '../../../test/support/fake-engine.ts';
import { inPieces, liveAudio, sound } from '../../../test/support/live-audio.ts';
import { sumOf } from '../../../test/support/sum-of.ts';
import { until } from '../../../test/support/until.ts';
import { SpeechError } from '../../errors.ts';

test('what is heard comes while it is said, and the last of it when the audio ends', async () => {
  const { router } = await openFake();
  const audio = liveAudio(sound(100));
  const call = router.call('listen', 'm', listenRequest({ words: ['one', 'two'] }, { words: true }), context(), audio);
  assert.deepEqual((await call.next()).value, {
    ...{ text: 'one', final: false, startMs: 0, endMs: 100 },
    words: [{ word: 'one', startMs: 0, endMs: 100, confidence: 0.9 }],
  });
  audio.say(sound(100));
  assert.equal((await call.next()).value!.text, 'one two');
  audio.end();
  const { text, final } = (await call.next()).value!;
  assert.deepEqual([text, final], ['one two', true]);
  assert.equal((await call.next()).done, true);
  assert.equal(audio.returned, 0);
  await router.close();
});

test('audio arrives whole and in order, whatever the length of its pieces', async () => {
  const { hear, router } = await openFake();
  const pcm = sound(3000);
  for (const ms of [1, 7, 20, 1000, 3000]) {
    const audio = liveAudio(new Float32Array(), ...inPieces(pcm, ms));
    audio.end();
    const hearings = await hear(audio, { sum: true });
    assert.equal(hearings.at(-1)!.text, sumOf([pcm]), `pieces of ${ms} ms`);
  }
  await router.close();
});

test('no audio at all is heard as nothing', async () => {
  const { hear, router } = await openFake();
  const audio = liveAudio();
  audio.end();
  assert.deepEqual(
    (await hear(audio)).map(({ text, final }) => [text, final]),
    [['', true]],
  );
  await router.close();
});

test('two minutes that were said while the model loaded are heard', async () => {
  const { hear, router } = await openFake({ models: [fakeModel('m', { loadMs: 100 })] });
  const pcm = sound(120_000);
  const audio = liveAudio(...inPieces(pcm, 20));
  audio.end();
  assert.equal((await hear(audio, { sum: true, wordMs: 1e6 })).at(-1)!.text, sumOf([pcm]));
  await router.close();
});

test('audio is not read before its call has a slot', async () => {
  const { hear, router, ask } = await openFake();
  await ask();
  const first = liveAudio();
  const running = hear(first);
  const second = liveAudio(sound(20));
  const waiting = hear(second);
  first.say(sound(20));
  await until(() => first.read === 1);
  assert.equal(second.read, 0);
  first.end();
  await running;
  await until(() => second.read === 1);
  second.end();
  await waiting;
  await router.close();
});

test('several are heard in one process at once', async () => {
  const { hear, router, log } = await openFake({ models: [fakeModel('m', { concurrency: 3 })], engineProcesses: 3 });
  await router.call('speak', 'm', speakRequest(), context()).next();
  const audios = Array.from({ length: 3 }, () => liveAudio(sound(100)));
  const heard = audios.map((audio, n) => hear(audio, { words: [`word${n}`] }));
  await until(() => audios.every(({ read }) => read === 1));
  for (const audio of audios) audio.end();
  const finals = (await Promise.all(heard)).map((hearings) => hearings.at(-1)!.text);
  assert.deepEqual(finals, ['word0', 'word1', 'word2']);
  assert.equal(log.pids().length, 1);
  await router.close();
});

test('an engine that does not keep up ends the call with overloaded, and its process lives on', async () => {
  const { hear, router, report, ask, log } = await openFake();
  await ask();
  const audio = liveAudio(...inPieces(new Float32Array(300 * 16_000), 100));
  await assert.rejects(hear(audio, { deaf: true }), { code: 'overloaded' });
  assert.equal(audio.returned, 1);
  assert.ok(audio.read < 3000, 'the rest is left alone');
  assert.equal((await report()).aborted, 1);
  assert.equal(log.pids().length, 1);
  await router.close();
});

test('an engine that leaves its audio early is not behind', async () => {
  const { hear, router } = await openFake();
  const audio = liveAudio(...inPieces(sound(20_000), 100));
  const hearings = await hear(audio, { doneAfterMs: 500 });
  assert.equal(hearings.at(-1)!.final, true);
  assert.equal(audio.returned, 1);
  await router.close();
});

test('audio that fails ends its call with that error, and the process lives on', async () => {
  const { hear, router, report, log } = await openFake();
  const audio = liveAudio(sound(100));
  const heard = hear(audio);
  await until(() => audio.read === 1);
  audio.fail(new SpeechError('invalid_audio', 'It broke.'));
  await assert.rejects(heard, { code: 'invalid_audio', message: 'It broke.' });
  const untyped = liveAudio();
  untyped.fail(new Error('a secret inside'));
  await assert.rejects(hear(untyped), (error: SpeechError) => {
    assert.doesNotMatch(error.message, /secret/);
    return error.code === 'internal_error';
  });
  assert.deepEqual([audio.returned, untyped.returned], [0, 0]);
  await report();
  assert.equal(log.pids().length, 1);
  await router.close();
});

test('a call can be cancelled at any point, which stops its audio and its engine', async () => {
  const { router, worker, report, log, ask } = await openFake();
  await ask();
  const points = [
    async () => {},
    async (audio: ReturnType<typeof liveAudio>) => await until(() => audio.read === 1),
    async (audio: ReturnType<typeof liveAudio>) => {
      audio.say(sound(300));
      await until(() => audio.read === 2);
    },
    async (audio: ReturnType<typeof liveAudio>) => {
      await until(() => audio.read === 1);
      audio.end();
    },
  ];
  for (const reach of points) {
    const abort = new AbortController();
    const audio = liveAudio(sound(50));
    const call = router.call('listen', 'm', listenRequest({ pieceMs: 20 }), context({ signal: abort.signal }), audio);
    const end = Array.fromAsync(call);
    await reach(audio);
    abort.abort(new SpeechError('cancelled', 'Enough.'));
    await assert.rejects(end, { code: 'cancelled', message: 'Enough.' });
    await until(() => worker.status('m')!.busy === 0);
  }
  const left = liveAudio(sound(100));
  for await (const _ of router.call('listen', 'm', listenRequest(), context(), left)) break;
  assert.equal(left.returned, 1);
  await report();
  assert.equal(log.pids().length, 1);
  await router.close();
});

test('a call that is cancelled while it waits leaves its audio unread, and stops it', async () => {
  const { router, hear, ask } = await openFake();
  await ask();
  const speaker = liveAudio();
  const speaking = hear(speaker);
  const abort = new AbortController();
  const audio = liveAudio(sound(50));
  const waiting = hear(audio, {}, { signal: abort.signal });
  await until(() => router.status().models[0]!.waiting.interactive === 1);
  abort.abort();
  await assert.rejects(waiting, { code: 'cancelled' });
  assert.deepEqual([audio.read, audio.returned], [0, 1]);
  speaker.end();
  await speaking;
  await router.close();
});

test('an utterance that never ends ends at its deadline', async () => {
  const { hear, router, report, log } = await openFake();
  const audio = liveAudio(sound(100));
  await assert.rejects(hear(audio, {}, { timeoutMs: 1500 }), { code: 'deadline_exceeded' });
  assert.equal(audio.returned, 1);
  assert.equal((await report()).aborted, 1);
  assert.equal(log.pids().length, 1);
  await router.close();
});

test('an engine that hangs in the middle is replaced after the deadline', async () => {
  const { hear, router, restarts, ask } = await openFake();
  await ask();
  const audio = liveAudio(sound(100));
  await assert.rejects(hear(audio, { blockAfterMs: 100 }, { timeoutMs: 200 }), { code: 'deadline_exceeded' });
  assert.equal((await ask()).length, 1);
  assert.deepEqual(restarts, ['hang']);
  await router.close();
});

test('a process that dies while somebody speaks ends the call, which is not tried again without its beginning', async () => {
  const { hear, router, restarts } = await openFake();
  const audio = liveAudio(sound(200));
  await assert.rejects(hear(audio, { exitAfterMs: 100 }), { code: 'engine_failed' });
  assert.equal(audio.returned, 1);
  assert.deepEqual(restarts, ['crash']);
  const again = liveAudio(sound(200));
  again.end();
  assert.equal((await hear(again)).at(-1)!.text, 'w0 w1');
  await router.close();
});

test('a model that cannot load stops the audio unread', async () => {
  const { hear, router } = await openFake({ models: [fakeModel('m', { load: 'refuse' })], engineRestarts: 1 });
  const audio = liveAudio(sound(200));
  await assert.rejects(hear(audio), { code: 'model_unavailable' });
  assert.deepEqual([audio.read, audio.returned], [0, 1]);
  await router.close();
});

test('errors of the engine arrive as they are, others without their text', async () => {
  const { hear, router } = await openFake();
  await assert.rejects(hear(liveAudio(), { fail: 'typed' }), { code: 'unsupported_value', param: 'language' });
  await assert.rejects(hear(liveAudio(), { fail: 'untyped' }), (error: SpeechError) => {
    assert.doesNotMatch(error.message, /secret/);
    return error.code === 'engine_failed';
  });
  await router.close();
});

test('a drain lets whoever speaks finish, and ends the call when the time is over', async () => {
  for (const ends of [true, false]) {
    const { hear, router, log } = await openFake();
    const audio = liveAudio(sound(100));
    const heard = hear(audio).catch((error: SpeechError) => error.code);
    await until(() => audio.read === 1);
    const drained = router.drain(ends ? 30_000 : 50);
    if (ends) audio.end();
    await drained;
    const outcome = await heard;
    assert.deepEqual(typeof outcome === 'string' ? outcome : outcome.at(-1)!.text, ends ? 'w0' : 'shutting_down');
    assert.equal(audio.returned, ends ? 0 : 1);
    await router.close();
    assert.deepEqual(log.pids().map(isAlive), [false]);
  }
});
