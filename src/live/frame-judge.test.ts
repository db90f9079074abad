import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/support/until.ts';
import { join } from '../audio/testing.ts';
import type { RecognisedSegment, TranscribeRequest, Watched, WatchRequest } from '../engines/contract.ts';
import { SpeechError } from '../errors.ts';
import type { ListeningEvent } from './contract.ts';
import { BY_VOICE, buzz, EAR, hear, liveService, MANUAL, pushInPieces, silence, untilAborted } from './testing.ts';

const WINDOW = 512;

async function* measure({ pcm }: TranscribeRequest): AsyncGenerator<RecognisedSegment> {
  yield { text: `${pcm.length / 16} ms`, startMs: 0, endMs: pcm.length / 16 };
}

/** What a fake model is told to do besides taking every sample above zero for a voice. */
interface Behaviour {
  /** Before each verdict. */
  delay?: () => Promise<unknown>;
  /** It fails at this window. */
  failAt?: number;
  /** It says nothing more from this window on. */
  hangAt?: number;
}

/** A recogniser that is also a model that finds voices, with the requests it got. */
function watching({ delay, failAt, hangAt }: Behaviour = {}, env: Record<string, string> = {}) {
  const requests: WatchRequest[] = [];
  async function* watchSpeech(
    request: WatchRequest,
    audio: AsyncIterable<Float32Array>,
    signal: AbortSignal,
  ): AsyncGenerator<Watched> {
    requests.push(request);
    yield { windowSamples: WINDOW, voices: [] };
    let rest = new Float32Array(0);
    let windows = 0;
    for await (const pcm of audio) {
      rest = join([rest, pcm]);
      const voices: boolean[] = [];
      for (; rest.length >= WINDOW; rest = rest.subarray(WINDOW)) {
        if (windows === failAt) throw new SpeechError('engine_failed', 'It died.');
        if (windows === hangAt) await untilAborted(signal);
        if (signal.aborted) return;
        windows++;
        voices.push(rest.subarray(0, WINDOW).some((sample) => sample > 0));
      }
      await delay?.();
      if (voices.length > 0) yield { windowSamples: WINDOW, voices };
    }
    if (rest.length > 0) yield { windowSamples: WINDOW, voices: [rest.some((sample) => sample > 0)] };
  }
  const service = liveService({ transcribe: measure, watchSpeech }, { ...EAR, watchSpeech: true }, env);
  return Object.assign(service, { requests });
}

/** The packaged detector hears no voice in a hum as quiet as this; the fake model does. */
const hum = (ms: number): Float32Array => new Float32Array(ms * 16).fill(0.0001);
const speech = join([silence(500), hum(400), silence(700), hum(600), silence(1000)]);

async function run(behaviour: Behaviour, pieceMs: number, audio = speech, env: Record<string, string> = {}) {
  const service = watching(behaviour, env);
  const { session, events } = await hear(service, BY_VOICE);
  pushInPieces(session, audio, pieceMs);
  await session.finish();
  return { events, service };
}

test('the model decides about turns, alike whenever its verdicts come and however the audio is cut', async () => {
  const order = (event: ListeningEvent): number =>
    ('utterance' in event ? event.utterance : 0) * 10 +
    ['speech-started', 'speech-stopped', 'final'].indexOf(event.type);
  // An utterance may be told when the next one has begun already.
  const sorted = (events: ListeningEvent[]) => events.toSorted((a, b) => order(a) - order(b));
  const first = sorted((await run({}, 20)).events);
  assert.deepEqual(
    first.map((event) => event.type),
    ['speech-started', 'speech-stopped', 'final', 'speech-started', 'speech-stopped', 'final'],
  );
  const late = { delay: () => sleep(Math.random() * 5) };
  const sometimes = { delay: async () => Math.random() < 0.1 && sleep(20) };
  for (const [behaviour, pieceMs] of [
    ...([1, 7, 100, 1000].map((ms) => [{}, ms]) as [Behaviour, number][]),
    ...([20, 33] as const).flatMap((ms) => [[late, ms] as const, [sometimes, ms] as const]),
  ] as const) {
    const { events } = await run(behaviour, pieceMs);
    assert.deepEqual(sorted(events), first, `pieces of ${pieceMs} ms`);
  }
});

test('a model that dies is done without, and nothing of the audio is lost', async () => {
  const spoken = join([silence(500), buzz(400), silence(700), buzz(600), silence(1000)]);
  for (const failAt of [0, 1, 20, 50]) {
    const { events, service } = await run({ failAt }, 20, spoken);
    assert.equal(events.filter(({ type }) => type === 'final').length, 2, `dies at window ${failAt}`);
    assert.equal(service.requests.length, 1);
  }
});

test('a model that no longer answers is done without after a while', async () => {
  const service = watching({ hangAt: 3 });
  const { session, texts } = await hear(service, BY_VOICE);
  session.push({ pcm: join([silence(300), buzz(400), silence(700)]), sampleRate: 16_000 });
  await until(() => texts().length === 1);
  assert.equal(service.worker.ended, service.worker.begun);
  session.push({ pcm: join([buzz(400), silence(700)]), sampleRate: 16_000 });
  await until(() => texts().length === 2);
  assert.equal(service.requests.length, 1);
  session.close();
});

test('a model is not taken for slow because a client fell silent within a window', async () => {
  const service = watching();
  const { session, texts } = await hear(service, BY_VOICE);
  session.push({ pcm: silence(500), sampleRate: 16_000 });
  await sleep(2100);
  for (let i = 0; i < 20; i++) {
    session.push({ pcm: hum(20), sampleRate: 16_000 });
    await sleep(20);
  }
  session.push({ pcm: silence(400), sampleRate: 16_000 });
  await until(() => texts().length === 1);
  session.close();
});

test('a commit does not wait for verdicts, and has all audio before it', async () => {
  const service = watching({ hangAt: 0 });
  const { session, events } = await hear(service, BY_VOICE);
  session.push({ pcm: join([silence(300), buzz(400)]), sampleRate: 16_000 });
  assert.equal(session.commit(), 1);
  await until(() => events.some(({ type }) => type === 'final'));
  assert.equal(session.backlogMs, 0);
  session.close();
});

test('audio that waits for its verdict counts as backlog and is bounded with it', async () => {
  const service = watching({ hangAt: 0 }, { OS_LIVE_BACKLOG_S: '5' });
  const { session } = await hear(service, BY_VOICE);
  session.push({ pcm: silence(3000), sampleRate: 16_000 });
  await sleep(20);
  assert.ok(session.backlogMs > 2900 && session.backlogMs <= 3000, `${session.backlogMs}`);
  assert.throws(() => session.push({ pcm: silence(3000), sampleRate: 16_000 }), { code: 'overloaded' });
  session.close();
});

test('the model is asked only while voices decide about turns, as strictly as the session says', async () => {
  const service = watching();
  const { session, texts } = await hear(service, MANUAL);
  session.push({ pcm: silence(200), sampleRate: 16_000 });
  session.commit();
  assert.deepEqual(service.requests, []);
  session.change({ turns: { ...BY_VOICE.turns, kind: 'voice', threshold: 0.7, prefixMs: 0, silenceMs: 300 } });
  session.push({ pcm: join([hum(400), silence(600)]), sampleRate: 16_000 });
  await until(() => texts().length === 2);
  assert.deepEqual(service.requests, [{ threshold: 0.7 }]);
  session.change({ turns: { kind: 'manual' } });
  session.close();
  await until(() => service.worker.ended === service.worker.begun);
});

test('a setting keeps sessions to the packaged detector, or asks for a model', async () => {
  assert.deepEqual((await run({}, 20, speech, { STT_VAD: 'webrtc' })).service.requests, []);
  const without = liveService({ transcribe: measure }, EAR, { STT_VAD: 'silero' });
  await assert.rejects(hear(without, BY_VOICE), { code: 'model_unavailable' });
});

test('a session that is closed while frames wait ends at once', async () => {
  const service = watching({ hangAt: 0 });
  const { session, events, abort } = await hear(service, BY_VOICE);
  session.push({ pcm: speech.slice(), sampleRate: 16_000 });
  const finished = session.finish();
  await sleep(5);
  abort.abort(new SpeechError('cancelled', 'The client left.'));
  await finished;
  assert.deepEqual(events, []);
  await until(() => service.worker.ended === service.worker.begun);
});

test('a session that is closed when it has only begun to finish asks no model any more', async () => {
  const service = watching();
  const { session, events } = await hear(service, BY_VOICE);
  session.push({ pcm: speech.slice(), sampleRate: 16_000 });
  const finished = session.finish();
  session.close();
  await finished;
  await sleep(20);
  assert.deepEqual(events, []);
  assert.equal(service.worker.ended, service.worker.begun);
});
