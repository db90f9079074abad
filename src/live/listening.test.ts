import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/support/until.ts';
import { join } from '../audio/testing.ts';
import type { Hearing, ListenRequest, RecognisedSegment, TranscribeRequest } from '../engines/contract.ts';
import { SpeechError } from '../errors.ts';
import type { ListeningEvent } from './contract.ts';
import { BY_VOICE, buzz, EAR, hear, LISTENER, liveService, MANUAL, silence } from './testing.ts';

/** Tells how much audio it was given. */
async function* measure({ pcm }: TranscribeRequest): AsyncGenerator<RecognisedSegment> {
  yield { text: `${pcm.length / 16} ms`, startMs: 0, endMs: pcm.length / 16, confidence: 0.5 };
}

function measuring(env: Record<string, string> = {}) {
  return liveService({ transcribe: measure }, EAR, { STT_VAD_ENABLED: 'false', ...env });
}

const speech = join([silence(500), buzz(400), silence(700), buzz(600), silence(1000)]);

function inFrames(pcm: Float32Array, ms: number, sampleRate = 16_000): { pcm: Float32Array; sampleRate: number }[] {
  const samples = (sampleRate * ms) / 1000;
  return Array.from({ length: Math.ceil(pcm.length / samples) }, (_, i) => ({
    pcm: pcm.subarray(i * samples, (i + 1) * samples),
    sampleRate,
  }));
}

test('each utterance is told once, in order, the same for frames of every size', async () => {
  const runs: unknown[] = [];
  for (const ms of [1, 7, 10, 20, 100, 1000]) {
    const { session, events } = await hear(measuring(), BY_VOICE);
    for (const frame of inFrames(speech, ms)) session.push(frame);
    await session.finish();
    runs.push(events);
  }
  for (const run of runs) assert.deepEqual(run, runs[0]);
});

test('with manual turns an utterance is what was pushed between two commits', async () => {
  const { session, events } = await hear(measuring(), MANUAL);
  session.push({ pcm: silence(250), sampleRate: 16_000 });
  assert.equal(session.openMs, 250);
  assert.equal(session.commit(), 1);
  assert.equal(session.openMs, 0);
  assert.equal(session.commit(), undefined);
  session.push({ pcm: silence(100), sampleRate: 16_000 });
  session.clear();
  session.push({ pcm: new Float32Array(4800), sampleRate: 48_000 });
  await session.finish();
  assert.deepEqual(
    events.map((event) =>
      event.type === 'final' ? [event.utterance, event.text, event.startMs, event.audioMs] : event,
    ),
    [
      [1, '250 ms', 0, 250],
      [3, '100 ms', 350, 100],
    ],
  );
  assert.equal(session.audioMs, 450);
});

/** Hears one word, `a1`, `a2` and so on, for each 100 ms. */
async function* count(_: ListenRequest, audio: AsyncIterable<Float32Array>): AsyncGenerator<Hearing> {
  let samples = 0;
  const heard = (final: boolean): Hearing => ({
    text: Array.from({ length: Math.floor(samples / 1600) }, (_word, i) => `a${i + 1}`).join(' '),
    ...{ final, startMs: 0, endMs: samples / 16 },
  });
  for await (const pcm of audio) {
    samples += pcm.length;
    yield heard(false);
  }
  yield heard(true);
}

const died = () => new SpeechError('engine_failed', 'It died.');

/** Events in short. */
function lines(events: readonly ListeningEvent[]): string[] {
  return events.map((event) => {
    switch (event.type) {
      case 'speech-started':
        return `${event.utterance} from ${event.atMs}`;
      case 'speech-stopped':
        return `${event.utterance} to ${event.atMs}`;
      case 'partial':
        return `${event.utterance}… ${event.text}`;
      case 'final':
        return `${event.utterance}: ${event.text}${event.continues ? ' …' : ''}`;
      case 'failed':
        return `${event.utterance} ${event.error.code}`;
      default:
        return `idle ${event.fromMs} ${event.toMs}`;
    }
  });
}

test('the rate and the frames make no difference to what is heard', async () => {
  for (const sampleRate of [8000, 44_100, 48_000]) {
    const hiss = Float32Array.from({ length: sampleRate }, (_, i) => ((i * 7919) % 1000) / 2000 - 0.25);
    const heard: Float32Array[] = [];
    for (const ms of [1, 13, 1000]) {
      const keep = async function* ({ pcm }: TranscribeRequest): AsyncGenerator<RecognisedSegment> {
        heard.push(pcm);
        yield { text: 'x', startMs: 0, endMs: 0 };
      };
      const service = liveService({ transcribe: keep }, EAR, { STT_VAD_ENABLED: 'false' });
      const { session } = await hear(service, MANUAL);
      const samples = Math.round((sampleRate * ms) / 1000);
      for (let at = 0; at < hiss.length; at += samples) {
        session.push({ pcm: hiss.subarray(at, at + samples), sampleRate });
      }
      await session.finish();
    }
    assert.equal(heard[0]!.length, 16_000);
    for (const pcm of heard) assert.deepEqual(pcm, heard[0]);
  }
});

test('a recogniser that can listen hears each utterance while it is spoken', async () => {
  const service = liveService({ listen: count as never }, LISTENER);
  const { session, events } = await hear(service, { ...BY_VOICE, partials: true });
  session.push({ pcm: join([silence(300), buzz(400)]), sampleRate: 16_000 });
  await until(() => events.some(({ type }) => type === 'partial'));
  session.push({ pcm: silence(500), sampleRate: 16_000 });
  await session.finish();
  const [started, partial] = lines(events);
  assert.equal(started, '1 from 100');
  assert.match(partial!, /^1… a1/);
  assert.ok(lines(events).includes('1 to 1000'));
  assert.deepEqual(lines(events).slice(-1), ['1: a1 a2 a3 a4 a5 a6 a7 a8 a9']);
  assert.equal(service.worker.begun, service.worker.ended);
});

test('as many other readings are asked for as the caller wants, and told with the final', async () => {
  const asked: unknown[] = [];
  async function* unsure({ alternatives }: ListenRequest, audio: AsyncIterable<Float32Array>) {
    asked.push(alternatives);
    for await (const _ of audio);
    yield { text: 'two', final: true, startMs: 0, endMs: 100, alternatives: [{ text: 'too' }] };
  }
  const service = liveService({ listen: unsure as never }, LISTENER, { STT_VAD_ENABLED: 'false' });
  const { session, events } = await hear(service, { ...MANUAL, alternatives: 2 });
  session.push({ pcm: buzz(400), sampleRate: 16_000 });
  await session.finish();
  assert.deepEqual(asked, [2]);
  const [told] = events.flatMap((event) => (event.type === 'final' ? [event.alternatives] : []));
  assert.deepEqual(told, [{ text: 'too' }]);
});

test('one that cannot is asked again and again while there is time, and once at the end', async () => {
  const lengths: number[] = [];
  const growing = async function* ({ pcm }: TranscribeRequest): AsyncGenerator<RecognisedSegment> {
    lengths.push(pcm.length / 16);
    yield { text: 'some words more or less'.slice(0, lengths.length * 5), startMs: 0, endMs: 1 };
  };
  const { session, events } = await hear(liveService({ transcribe: growing }, EAR), { ...BY_VOICE, partials: true });
  for (let i = 0; i < 6; i++) {
    session.push({ pcm: buzz(150), sampleRate: 16_000 });
    await sleep(10);
  }
  session.push({ pcm: silence(400), sampleRate: 16_000 });
  await session.finish();
  assert.ok(lengths.length > 2, lengths.join());
  let confirmed = '';
  for (const event of events) {
    if (event.type !== 'partial') continue;
    assert.ok(event.text.startsWith(confirmed));
    confirmed = event.text.slice(0, event.confirmed);
  }
  assert.equal(events.at(-1)!.type, 'final');
  assert.equal(lengths.at(-1), (events.at(-1) as { audioMs: number }).audioMs);
});

test('texts come in the order of the utterances, however long each takes', async () => {
  let calls = 0;
  const slowFirst = async function* (request: ListenRequest, audio: AsyncIterable<Float32Array>) {
    const first = ++calls === 1;
    for await (const hearing of count(request, audio)) {
      if (hearing.final && first) await sleep(60);
      yield { ...hearing, text: first ? 'first' : 'second' };
    }
  };
  const service = liveService({ listen: slowFirst as never }, LISTENER);
  const { session, events } = await hear(service, { ...BY_VOICE, partials: true });
  session.push({ pcm: speech, sampleRate: 16_000 });
  await session.finish();
  const texts = lines(events).filter((line) => /[:…]/.test(line));
  assert.deepEqual(texts.slice(-2), ['1: first', '2: second']);
  assert.ok(!texts.slice(0, -2).some((line) => line.startsWith('2…')), 'no partial text before an earlier final one');
});

test('a recogniser that dies in the middle of an utterance hears all of it once more', async () => {
  for (const deaths of [1, 2]) {
    let calls = 0;
    const frail = async function* (request: ListenRequest, audio: AsyncIterable<Float32Array>) {
      if (++calls > deaths) return yield* count(request, audio);
      for await (const _ of audio) throw died();
    };
    const service = liveService({ listen: frail as never }, LISTENER);
    const { session, events } = await hear(service, MANUAL);
    session.push({ pcm: buzz(300), sampleRate: 16_000 });
    await sleep(5);
    session.push({ pcm: buzz(200), sampleRate: 16_000 });
    session.commit();
    session.push({ pcm: buzz(100), sampleRate: 16_000 });
    await session.finish();
    const first = deaths === 1 ? '1: a1 a2 a3 a4 a5' : '1 engine_failed';
    assert.deepEqual(lines(events), [first, '2: a1']);
  }
});

test('what fails is told, and the session lives', async () => {
  let calls = 0;
  const refusing = async function* (request: TranscribeRequest) {
    if (++calls === 1) throw new SpeechError('model_unavailable', 'Not now.');
    yield* measure(request);
  };
  const service = liveService({ transcribe: refusing }, EAR, { STT_VAD_ENABLED: 'false' });
  const { session, events } = await hear(service, MANUAL);
  for (let i = 0; i < 2; i++) {
    session.push({ pcm: buzz(200), sampleRate: 16_000 });
    session.commit();
  }
  await session.finish();
  assert.deepEqual(lines(events), ['1 model_unavailable', '2: 200 ms']);
});

test('a failure in the middle of an utterance is told when it is over', async () => {
  const failing = async function* (request: ListenRequest, audio: AsyncIterable<Float32Array>) {
    for await (const hearing of count(request, audio)) {
      yield hearing;
      throw new SpeechError('model_unavailable', 'Not now.');
    }
  };
  const service = liveService({ listen: failing as never }, LISTENER);
  const { session, events } = await hear(service, BY_VOICE);
  session.push({ pcm: buzz(300), sampleRate: 16_000 });
  await until(() => service.worker.ended === 1);
  await sleep(2);
  assert.deepEqual(lines(events), ['1 from 0']);
  session.push({ pcm: silence(400), sampleRate: 16_000 });
  await session.finish();
  assert.deepEqual(lines(events), ['1 from 0', '1 to 600', '1 model_unavailable']);
});

test('an utterance that the caller marked and in which nobody spoke costs nothing', async () => {
  const service = liveService({ transcribe: measure }, EAR);
  const { session, events } = await hear(service, { ...MANUAL, partials: true });
  session.push({ pcm: silence(2000), sampleRate: 16_000 });
  await sleep(2);
  await session.finish();
  assert.deepEqual(lines(events), ['1: ']);
  assert.equal(service.worker.begun, 0);
});

test('closing or aborting at any moment ends the work at once, and nothing more is told', async () => {
  const never = async function* (_: object, ...rest: unknown[]): AsyncGenerator<never> {
    const signal = rest.at(-1) as AbortSignal;
    await new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason)));
  };
  const steps: ((session: Awaited<ReturnType<typeof hear>>['session']) => unknown)[] = [
    (session) => session.push({ pcm: buzz(300), sampleRate: 16_000 }),
    () => sleep(3),
    (session) => session.push({ pcm: silence(400), sampleRate: 16_000 }),
    () => sleep(3),
    (session) => session.push({ pcm: buzz(300), sampleRate: 16_000 }),
    (session) => session.commit(),
    (session) => session.push({ pcm: buzz(300), sampleRate: 16_000 }),
    (session) => void session.finish(),
  ];
  for (const [abilities, capabilities] of [
    [{ listen: never }, LISTENER],
    [{ transcribe: never }, EAR],
  ] as const) {
    for (const way of ['close', 'abort'] as const) {
      for (let moment = 0; moment <= steps.length; moment++) {
        const service = liveService(abilities as never, capabilities);
        const { session, events, abort } = await hear(service, { ...BY_VOICE, partials: true });
        for (const step of steps.slice(0, moment)) await step(session);
        if (way === 'close') session.close();
        else abort.abort();
        const told = events.length;
        await session.finish();
        await until(() => service.worker.begun === service.worker.ended);
        session.push({ pcm: buzz(300), sampleRate: 16_000 });
        assert.equal(session.commit(), undefined);
        await sleep(2);
        assert.equal(events.length, told);
      }
    }
  }
});

test('a cleared utterance is never heard of again, and its work ends', async () => {
  for (const [abilities, capabilities] of [
    [{ listen: count }, LISTENER],
    [{ transcribe: measure }, EAR],
  ] as const) {
    for (const waits of [0, 3]) {
      const service = liveService(abilities as never, capabilities);
      const { session, events } = await hear(service, { ...BY_VOICE, partials: true });
      session.push({ pcm: buzz(300), sampleRate: 16_000 });
      await sleep(waits);
      session.clear();
      const told = events.length;
      session.push({ pcm: join([silence(400), buzz(300), silence(400)]), sampleRate: 16_000 });
      await session.finish();
      assert.ok(
        events.slice(told).every((event) => event.type === 'idle' || event.utterance === 2),
        lines(events).join(),
      );
      assert.equal(events.at(-1)!.type, 'final');
      await until(() => service.worker.begun === service.worker.ended);
    }
  }
});

test('speech that goes on and on is cut, and no audio is lost or heard twice', async () => {
  const { session, events } = await hear(measuring({ OS_LIVE_UTTERANCE_S: '5' }), MANUAL);
  for (let i = 0; i < 12; i++) session.push({ pcm: buzz(1000), sampleRate: 16_000 });
  assert.equal(session.openMs, 12_000);
  assert.equal(session.commit(), 3);
  await session.finish();
  assert.deepEqual(lines(events), ['1: 5000 ms …', '2: 5000 ms …', '3: 2000 ms']);
});

test('an utterance that is longer than the model hears at once is cut at its pauses', async () => {
  const capabilities = { transcribe: { ...EAR.transcribe!, maxAudioMs: 2000 } };
  const service = liveService({ transcribe: measure }, capabilities);
  const { session, events } = await hear(service, MANUAL);
  session.push({ pcm: join([buzz(1200), silence(400), buzz(1500)]), sampleRate: 16_000 });
  await session.finish();
  const [final] = events;
  assert.ok(final?.type === 'final');
  assert.equal(final.audioMs, 3100);
  assert.equal(final.confidence, 0.5);
  assert.equal(final.text.split(' ms').length - 1, 2, final.text);
});

test('audio may come faster than it is heard, up to the limit, and what is refused changes nothing', async () => {
  const held = Promise.withResolvers<void>();
  const slow = async function* (request: TranscribeRequest) {
    await held.promise;
    yield* measure(request);
  };
  const service = liveService({ transcribe: slow }, EAR, { OS_LIVE_BACKLOG_S: '5', STT_VAD_ENABLED: 'false' });
  const { session, texts } = await hear(service, MANUAL);
  assert.throws(() => session.push({ pcm: silence(5001), sampleRate: 16_000 }), { code: 'audio_too_long' });
  assert.throws(() => session.push({ pcm: silence(1), sampleRate: 1 }), { code: 'unsupported_value' });
  for (let i = 0; i < 5; i++) {
    session.push({ pcm: silence(1000), sampleRate: 16_000 });
    session.commit();
  }
  assert.equal(session.backlogMs, 5000);
  assert.throws(() => session.push({ pcm: silence(20), sampleRate: 16_000 }), { code: 'overloaded' });
  assert.equal(session.audioMs, 5000);
  held.resolve();
  await until(() => session.backlogMs === 0);
  session.push({ pcm: silence(20), sampleRate: 16_000 });
  await session.finish();
  assert.deepEqual(texts(), [...Array(5).fill('1000 ms'), '20 ms']);
});

test('a client that stops sending is given its end', async () => {
  const { session, events } = await hear(measuring(), {
    ...BY_VOICE,
    turns: { ...BY_VOICE.turns, silenceMs: 10 } as never,
  });
  session.push({ pcm: buzz(300), sampleRate: 16_000 });
  await until(() => events.some(({ type }) => type === 'final'));
  session.close();
});

test('settings change from the next utterance on, turns at once', async () => {
  const prompts: unknown[] = [];
  const keep = async function* (request: TranscribeRequest) {
    prompts.push(request.prompt);
    yield* measure(request);
  };
  const { session, events } = await hear(liveService({ transcribe: keep }, EAR, { STT_VAD_ENABLED: 'false' }), MANUAL);
  session.push({ pcm: buzz(300), sampleRate: 16_000 });
  await sleep(2);
  session.change({ prompt: 'later' });
  session.commit();
  session.push({ pcm: buzz(300), sampleRate: 16_000 });
  session.commit();
  session.change({ turns: BY_VOICE.turns });
  session.push({ pcm: join([silence(300), buzz(300), silence(400)]), sampleRate: 16_000 });
  assert.throws(() => session.change({ model: 'none' }), { code: 'model_not_found' });
  assert.throws(() => session.change({ language: 'xx' }), { code: 'unsupported_by_model' });
  await session.finish();
  assert.deepEqual(prompts, [undefined, 'later', 'later']);
  assert.deepEqual(
    lines(events).filter((line) => line.startsWith('3')),
    ['3 from 700', '3 to 1500', '3: 800 ms'],
  );
});

test('handlers may call the session back', async () => {
  const service = measuring();
  const { session, events } = await hear(service, BY_VOICE);
  const push = events.push.bind(events);
  events.push = (event) => {
    if (event.type === 'speech-started') session.commit();
    if (event.type === 'final') session.change({ prompt: 'again' });
    return push(event);
  };
  session.push({ pcm: speech, sampleRate: 16_000 });
  await session.finish();
  const started = events.filter(({ type }) => type === 'speech-started').length;
  assert.ok(started >= 2);
  assert.equal(events.filter(({ type }) => type === 'speech-stopped').length, started);
  assert.equal(events.filter(({ type }) => type === 'final').length, started);
});

test('a handler that throws ends its own session only', async () => {
  const { session, events } = await hear(measuring(), BY_VOICE);
  events.push = () => {
    throw new Error('a defect');
  };
  session.push({ pcm: speech, sampleRate: 16_000 });
  await session.finish();
});

test('what no number is does not make a session deaf', async () => {
  const { session, texts } = await hear(measuring(), BY_VOICE);
  session.push({ pcm: new Float32Array(3200).fill(Number.NaN), sampleRate: 16_000 });
  session.push({ pcm: new Float32Array(3200).fill(Number.POSITIVE_INFINITY), sampleRate: 16_000 });
  session.push({ pcm: speech, sampleRate: 16_000 });
  await session.finish();
  assert.ok(texts().length >= 2);
});

test('two hundred sessions at once leave nothing behind', async () => {
  const service = liveService(
    { listen: count as never },
    LISTENER,
    { OS_MAX_QUEUE: '1000', OS_MAX_QUEUE_PER_KEY: '1000' },
    300,
  );
  const resources = () => process.getActiveResourcesInfo().length;
  const before = resources();
  const sessions = await Promise.all(Array.from({ length: 200 }, () => hear(service, { ...BY_VOICE, partials: true })));
  for (const frame of inFrames(speech, 100)) {
    for (const { session } of sessions) session.push(frame);
    await sleep(0);
  }
  await Promise.all(sessions.map(({ session }, i) => (i % 3 === 0 ? session.close() : session.finish())));
  for (const [i, { events }] of sessions.entries()) {
    if (i % 3 > 0) assert.equal(events.filter(({ type }) => type === 'final').length, 2);
  }
  await until(() => service.worker.begun === service.worker.ended);
  await sleep(1);
  assert.ok(resources() <= before + 1, process.getActiveResourcesInfo().join());
});
