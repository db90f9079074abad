import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/support/until.ts';
import { join } from '../audio/testing.ts';
import type {
  Capabilities,
  Denoised,
  Hearing,
  ListenRequest,
  RecognisedSegment,
  TranscribeRequest,
} from '../engines/contract.ts';
import { SpeechError } from '../errors.ts';
import type { ListeningOptions } from './contract.ts';
import {
  BY_VOICE,
  buzz,
  EAR,
  hear,
  LISTENER,
  liveService,
  MANUAL,
  pushInPieces,
  silence,
  untilAborted,
} from './testing.ts';

const DELAY = 512;
const CAN: Capabilities = { ...EAR, denoiseLive: { delaySamples: DELAY } };
/** What the fake model takes out: it is added to every sample. */
const NOISE = 0.001;

/** How the fake model behaves besides taking out the noise. */
interface Behaviour {
  /** Before each answer. */
  delay?: () => Promise<unknown>;
  /** It dies once it has heard this many samples. */
  dieAt?: number;
  /** It says nothing from this sample on. */
  hangAt?: number;
  /** It ends with less than it was given. */
  cut?: boolean;
  /** The recogniser hears while somebody speaks. */
  listens?: boolean;
}

function noisy(pcm: Float32Array): Float32Array {
  return pcm.map((sample) => sample + NOISE);
}

/** A recogniser that is also a model against noise, which keeps what it was asked to recognise, and counts streams. */
function cleaning({ delay, dieAt, hangAt, cut, listens }: Behaviour = {}, env: Record<string, string> = {}, slots = 4) {
  const heard: Float32Array[] = [];
  const streams = { begun: 0, given: 0 };
  async function* denoiseLive(audio: AsyncIterable<Float32Array>, signal: AbortSignal): AsyncGenerator<Denoised> {
    streams.begun++;
    let given = new Float32Array(0);
    let told = 0;
    const next = (to: number): Denoised => {
      const from = told;
      told = Math.max(told, to);
      return { pcm: given.slice(from, told).map((sample) => sample - NOISE) };
    };
    for await (const pcm of audio) {
      given = join([given, pcm]);
      streams.given += pcm.length;
      if (given.length >= (dieAt ?? Number.POSITIVE_INFINITY)) throw new SpeechError('engine_failed', 'It died.');
      if (given.length >= (hangAt ?? Number.POSITIVE_INFINITY)) await untilAborted(signal);
      await delay?.();
      const message = next(Math.floor((given.length - DELAY / 2) / (DELAY / 2)) * (DELAY / 2));
      if (message.pcm.length > 0) yield message;
    }
    if (!cut) yield next(given.length);
  }
  async function* transcribe({ pcm }: TranscribeRequest): AsyncGenerator<RecognisedSegment> {
    heard.push(pcm);
    yield { text: `${pcm.length} samples`, startMs: 0, endMs: pcm.length / 16 };
  }
  async function* listen(_: ListenRequest, audio: AsyncIterable<Float32Array>): AsyncGenerator<Hearing> {
    const parts: Float32Array[] = [];
    // Utterances that are heard at the same time may end in another order.
    const at = heard.push(new Float32Array(0)) - 1;
    for await (const pcm of audio) {
      parts.push(pcm);
      yield { text: `${parts.length} parts`, final: false, startMs: 0, endMs: 0 };
    }
    heard[at] = join(parts);
    yield { text: `${parts.length} parts`, final: true, startMs: 0, endMs: 0 };
  }
  const can = listens ? { ...LISTENER, denoiseLive: CAN.denoiseLive! } : CAN;
  const service = liveService({ transcribe, listen, denoiseLive }, can, { STT_NORMALIZE: 'false', ...env }, slots);
  return Object.assign(service, { heard, streams });
}

const REDUCED: ListeningOptions = { ...MANUAL, reduceNoise: true };

/** As 32-bit floats add and subtract, the noise is out to this. */
function assertNear(actual: Float32Array, wanted: Float32Array, message?: string): void {
  assert.equal(actual.length, wanted.length, message);
  const at = actual.findIndex((sample, index) => Math.abs(sample - wanted[index]!) > NOISE / 10);
  assert.equal(at, -1, `${message ?? ''} sample ${at}: ${actual[at]} instead of ${wanted[at]}`);
}

/** One that is different everywhere, so that nothing can be lost or said twice. */
const sweep = (ms: number): Float32Array =>
  Float32Array.from({ length: ms * 16 }, (_, at) => 0.1 * Math.sin(at * (0.05 + at / 1e6)));

async function run(behaviour: Behaviour, pieceMs: number, options: ListeningOptions, audio: Float32Array) {
  const service = cleaning(behaviour);
  const { session, events } = await hear(service, options);
  pushInPieces(session, audio, pieceMs);
  await session.finish();
  return { events, service };
}

test('what is recognised is clean, sample for sample where it was, however the audio is cut and whenever it comes back', async () => {
  const clean = sweep(1234);
  const sometimes = { delay: async () => Math.random() < 0.1 && sleep(10) };
  for (const [behaviour, pieceMs] of [
    ...([1, 7, 20, 100, 1000] as const).map((ms) => [{}, ms] as const),
    ...[[sometimes, 20] as const, [sometimes, 33] as const],
  ] as const) {
    const { service } = await run(behaviour, pieceMs, REDUCED, noisy(clean));
    assertNear(join(service.heard), clean, `pieces of ${pieceMs} ms:`);
    assert.equal(service.streams.begun, 1);
    assert.deepEqual(service.log.warnings, []);
  }
});

test('turns are found in clean audio, at the same times in frames of every size', async () => {
  const clean = join([silence(500), buzz(400), silence(700), buzz(600), silence(1000)]);
  const { events: wanted } = await run({}, 20, BY_VOICE, clean.slice());
  for (const pieceMs of [1, 20, 1000]) {
    const { events } = await run({}, pieceMs, { ...BY_VOICE, reduceNoise: true }, noisy(clean));
    const finals = (all: typeof events) => all.filter(({ type }) => type !== 'speech-started' && type !== 'partial');
    assert.deepEqual(finals(events), finals(wanted), `pieces of ${pieceMs} ms`);
  }
});

test('a commit has all audio before it, clean, though it waits for none', async () => {
  const service = cleaning({ delay: () => sleep(5) }, { STT_VAD_ENABLED: 'false' });
  const { session, events } = await hear(service, REDUCED);
  const clean = sweep(900);
  const audio = noisy(clean);
  session.push({ pcm: audio.slice(0, 8000), sampleRate: 16_000 });
  assert.equal(session.commit(), 1);
  session.push({ pcm: audio.slice(8000, 8100), sampleRate: 16_000 });
  assert.equal(session.commit(), 2);
  // Nobody says anything more: what is clean only once more audio is heard must not wait for it.
  await until(() => events.length === 2);
  session.push({ pcm: audio.slice(8100), sampleRate: 16_000 });
  await session.finish();
  assert.deepEqual(
    service.heard.map(({ length }) => length),
    [8000, 100, clean.length - 8100],
  );
  assertNear(join(service.heard), clean);
  assert.equal(service.streams.begun, 1);
});

test('a recogniser that listens while somebody speaks is given clean audio alone, and all of it', async () => {
  const service = cleaning({ delay: () => sleep(3), listens: true });
  const { session, events } = await hear(service, { ...REDUCED, partials: true });
  const clean = sweep(900);
  const audio = noisy(clean);
  for (let at = 0; at < audio.length; at += 800) {
    session.push({ pcm: audio.slice(at, at + 800), sampleRate: 16_000 });
    await sleep(2);
    if (at === 8000) session.commit();
  }
  await session.finish();
  assert.deepEqual(
    service.heard.map(({ length }) => length),
    [8800, clean.length - 8800],
  );
  assertNear(join(service.heard), clean);
  assert.ok(events.filter(({ type }) => type === 'partial').length > 5);
});

test('what was committed when the model died is recognised as it is', async () => {
  const service = cleaning({ dieAt: 8000 });
  const { session, events } = await hear(service, REDUCED);
  const audio = noisy(sweep(500));
  session.push({ pcm: audio.slice(), sampleRate: 16_000 });
  session.commit();
  assert.equal(service.log.warnings.length, 0);
  await until(() => events.length === 1);
  assertNear(service.heard[0]!, audio);
  session.close();
});

test('a client that falls silent in the middle of a window is heard to its last sample', async () => {
  const service = cleaning();
  const { session, texts } = await hear(service, { ...BY_VOICE, reduceNoise: true });
  session.push({ pcm: noisy(join([silence(300), buzz(400)])), sampleRate: 16_000 });
  await until(() => texts().length === 1);
  assert.equal(service.heard[0]!.length, (200 + 400) * 16);
  session.close();
});

test('it is switched on and off while somebody speaks, from one sample to the next', async () => {
  const service = cleaning({ delay: async () => Math.random() < 0.5 && sleep(3) });
  const { session } = await hear(service, MANUAL);
  const clean = sweep(1500);
  const audio = noisy(clean);
  const at = [0, 8000, 12_800, 17_600, clean.length];
  for (const [part, from] of at.slice(0, -1).entries()) {
    session.change({ reduceNoise: part % 2 === 1 });
    for (let start = from; start < at[part + 1]!; start += 160) {
      session.push({ pcm: audio.slice(start, start + 160), sampleRate: 16_000 });
    }
    if (part === 1) await sleep(20);
  }
  await session.finish();
  const heard = join(service.heard);
  for (const [part, from] of at.slice(0, -1).entries()) {
    const wanted = part % 2 === 1 ? clean : audio;
    assertNear(heard.slice(from, at[part + 1]), wanted.slice(from, at[part + 1]), `part ${part}:`);
  }
  assert.equal(service.streams.begun, 2);
  assert.equal(service.streams.given, 4800 * 2 - (17_600 - 12_800) + (clean.length - 17_600) + DELAY);
  assert.equal(service.worker.ended, service.worker.begun);
});

test('a model that dies, ends early or hangs is done without, with one warning, and nothing is lost', async () => {
  const clean = sweep(700);
  const audio = noisy(clean);
  for (const behaviour of [{ dieAt: 1 }, { dieAt: 5000 }, { cut: true }, { hangAt: 3000 }]) {
    const { service } = await run(behaviour, 20, REDUCED, audio);
    const heard = join(service.heard);
    assert.equal(heard.length, clean.length);
    const known = heard.findLastIndex((sample, at) => Math.abs(sample - clean[at]!) < NOISE / 10) + 1;
    assert.ok(known < clean.length);
    assertNear(heard, join([clean.slice(0, known), audio.slice(known)]), JSON.stringify(behaviour));
    assert.equal(service.log.warnings.length, 1, JSON.stringify(behaviour));
    assert.equal(service.streams.begun, 1);
  }
});

test('a session goes on uncleaned behind a model that died, until noise reduction is asked for anew', async () => {
  const service = cleaning({ dieAt: 6000 });
  const { session } = await hear(service, REDUCED);
  const clean = sweep(1000);
  const audio = noisy(clean);
  session.push({ pcm: audio.slice(0, 8000), sampleRate: 16_000 });
  await until(() => service.log.warnings.length === 1);
  session.push({ pcm: audio.slice(8000, 12_800), sampleRate: 16_000 });
  session.change({ reduceNoise: true, partials: true });
  assert.equal(service.streams.begun, 1);
  session.change({ reduceNoise: false });
  session.change({ reduceNoise: true });
  session.push({ pcm: audio.slice(12_800), sampleRate: 16_000 });
  await session.finish();
  assertNear(join(service.heard).slice(8000), join([audio.slice(8000, 12_800), clean.slice(12_800)]));
  assert.equal(service.streams.begun, 2);
  assert.equal(service.log.warnings.length, 1);
});

test('whatever is asked for in whatever order, every sample is heard once and in its place', async () => {
  const clean = sweep(1500);
  const audio = noisy(clean);
  for (let seed = 1; seed <= 60; seed++) {
    let state = seed;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
    const delay = async () => random(3) === 0 && sleep(random(4));
    const dies = random(3) === 0 ? { dieAt: random(20_000) } : {};
    const service = cleaning({ delay, ...dies, listens: random(2) === 0 }, { STT_VAD_ENABLED: 'false' });
    const { session, events } = await hear(service, { ...MANUAL, reduceNoise: random(2) === 0 });
    for (let at = 0; at < audio.length; ) {
      const to = Math.min(audio.length, at + 1 + random(3000));
      session.push({ pcm: audio.slice(at, to), sampleRate: 16_000 });
      at = to;
      if (random(3) === 0) await sleep(random(5));
      if (random(3) === 0) session.commit();
      if (random(3) === 0) session.change({ reduceNoise: random(2) === 0 });
      if (random(8) === 0) session.change({ turns: MANUAL.turns });
    }
    await session.finish();
    const heard = join(service.heard);
    assert.equal(heard.length, audio.length, `seed ${seed}`);
    const is = (sample: number, wanted: number) => Math.abs(sample - wanted) < NOISE / 10;
    const wrong = heard.findIndex((sample, at) => !is(sample, clean[at]!) && !is(sample, audio[at]!));
    assert.equal(wrong, -1, `seed ${seed}`);
    assert.ok(events.every(({ type }) => type === 'final'));
    assert.equal(service.worker.ended, service.worker.begun, `seed ${seed}`);
    assert.ok(service.log.warnings.length <= 1);
  }
});

test('without a model, or without room in it, audio is heard as it is, and the log says how to get one', async () => {
  const audio = noisy(sweep(300));
  const without = liveService({ transcribe: cleaning().router as never }, EAR);
  const { session, events } = await hear(without, REDUCED);
  session.push({ pcm: audio.slice(), sampleRate: 16_000 });
  await session.finish();
  assert.equal(events.at(-1)?.type, 'failed');
  assert.match(JSON.stringify(without.log.warnings), /models pull gtcrn/);

  const service = cleaning({}, {}, 2);
  const sessions = await Promise.all([hear(service, REDUCED), hear(service, REDUCED)]);
  for (const each of sessions) {
    each.session.push({ pcm: audio.slice(), sampleRate: 16_000 });
    await sleep(10);
  }
  for (const each of sessions) await each.session.finish();
  // One place is left for whoever does not speak for hours.
  assert.equal(service.streams.begun, 1);
  assertNear(service.heard[1]!, audio);
  assert.match(JSON.stringify(service.log.warnings), /no room/);
});

test('audio that waits to be clean counts as backlog, and as memory that live audio takes', async () => {
  const service = cleaning({ hangAt: 0 }, { OS_LIVE_BACKLOG_S: '5', OS_LIVE_MEMORY_MB: '8' });
  const { session } = await hear(service, REDUCED);
  session.push({ pcm: silence(3000), sampleRate: 16_000 });
  await sleep(20);
  assert.equal(session.backlogMs, 3000);
  assert.throws(() => session.push({ pcm: silence(3000), sampleRate: 16_000 }), { code: 'overloaded' });
  session.close();
  assert.equal(session.backlogMs, 0);
  await until(() => service.worker.ended === service.worker.begun);
});

test('a session that is closed or cleared while audio waits ends its stream, and tells nothing of it', async () => {
  const service = cleaning({ delay: () => sleep(20) });
  const { session, events, abort } = await hear(service, REDUCED);
  session.push({ pcm: noisy(sweep(500)), sampleRate: 16_000 });
  await sleep(5);
  session.clear();
  assert.equal(session.backlogMs, 0);
  session.push({ pcm: noisy(sweep(500)), sampleRate: 16_000 });
  const finished = session.finish();
  await sleep(5);
  abort.abort(new SpeechError('cancelled', 'The client left.'));
  await finished;
  assert.deepEqual(events, []);
  await until(() => service.worker.ended === service.worker.begun);
});

test('whoever asks for no noise reduction waits for none', async () => {
  const { service } = await run({}, 20, BY_VOICE, noisy(join([buzz(500), silence(500)])));
  assert.equal(service.streams.begun, 0);
});
