import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RecordingPiece } from '../contract.ts';
import { collect } from '../testing.ts';
import { DecodeJob } from './decode-job.ts';
import type { ToDecoder } from './messages.ts';

function start(options: { maxPieceMs?: number; maxAudioMs?: number; timeoutMs?: number } = {}) {
  const sent: ToDecoder[] = [];
  const killed = Promise.withResolvers<void>();
  const controller = new AbortController();
  const job = new DecodeJob(
    '/recording',
    { maxPieceMs: 10_000, maxAudioMs: 600_000, timeoutMs: 60_000, signal: controller.signal, ...options },
    { send: (message) => sent.push(message), kill: () => killed.resolve() },
  );
  const count = (kind: ToDecoder['kind']): number => sent.filter((message) => message.kind === kind).length;
  return { job, count, killed: killed.promise, controller };
}

function piece(startMs: number, endMs: number): RecordingPiece {
  return { pcm: new Float32Array((endMs - startMs) * 16), startMs, endMs, speech: true };
}

test('a decoder works ahead by a minute of audio and not more', async () => {
  const { job, count } = start();
  assert.equal(count('more'), 6);
  const reader = job[Symbol.asyncIterator]();
  for (let i = 0; i < 6; i++) job.receive({ kind: 'piece', piece: piece(i * 10_000, i * 10_000 + 10_000) });
  assert.equal(count('more'), 6);
  await reader.next();
  assert.equal(count('more'), 7);
  job.receive({ kind: 'piece', piece: piece(60_000, 62_000) });
  await reader.next();
  assert.equal(count('more'), 8, 'short pieces leave more room');
  await reader.return(undefined);
});

test('pieces longer than a minute are decoded one ahead', async () => {
  const { job, count } = start({ maxPieceMs: 100_000 });
  assert.equal(count('more'), 1);
  job.receive({ kind: 'piece', piece: piece(0, 100_000) });
  assert.equal(count('more'), 1);
  job.receive({ kind: 'end' });
  assert.equal((await collect(job)).length, 1);
});

test('the decoder is free as soon as it has finished, read or not', async () => {
  const { job } = start();
  job.receive({ kind: 'piece', piece: piece(0, 500) });
  job.receive({ kind: 'end' });
  await job.finished;
  assert.deepEqual(
    (await collect(job)).map(({ endMs }) => endMs),
    [500],
  );
});

test('an error comes after the pieces before it', async () => {
  const { job } = start();
  job.receive({ kind: 'piece', piece: piece(0, 500) });
  job.receive({ kind: 'end', error: { code: 'invalid_audio', message: 'Broken.', param: null } });
  const reader = job[Symbol.asyncIterator]();
  assert.equal((await reader.next()).value?.endMs, 500);
  await assert.rejects(reader.next(), { code: 'invalid_audio', message: 'Broken.' });
});

test('a decoder that sends anything but the next piece is ended', async () => {
  const good = piece(0, 500);
  const wrong: unknown[] = [
    null,
    undefined,
    'piece',
    {},
    { kind: 'other' },
    { kind: 'piece' },
    { kind: 'piece', piece: null },
    { kind: 'piece', piece: { ...good, pcm: new Float32Array(99) } },
    { kind: 'piece', piece: { ...good, pcm: new Uint8Array(8000) } },
    { kind: 'piece', piece: { ...good, speech: 'yes' } },
    { kind: 'piece', piece: { ...good, endMs: Number.NaN } },
    { kind: 'piece', piece: piece(100, 600) },
    { kind: 'piece', piece: piece(0, 10_001) },
  ];
  for (const message of wrong) {
    const { job, killed } = start();
    job.receive(message as never);
    await killed;
    await assert.rejects(collect(job), { code: 'engine_failed' });
  }
});

test('a decoder cannot send more audio or more pieces than it was asked for', async () => {
  const long = start({ maxAudioMs: 15_000 });
  long.job.receive({ kind: 'piece', piece: piece(0, 10_000) });
  long.job.receive({ kind: 'piece', piece: piece(10_000, 20_000) });
  await long.killed;

  const many = start({ maxPieceMs: 100_000 });
  many.job.receive({ kind: 'piece', piece: piece(0, 100_000) });
  many.job.receive({ kind: 'piece', piece: piece(100_000, 200_000) });
  await many.killed;
  await assert.rejects(collect(many.job), { code: 'engine_failed' });
});

test('an error that is none becomes engine_failed', async () => {
  for (const error of [null, 7, {}, { code: 5, message: 'x' }, { code: 'invalid_audio', message: { toString: 1 } }]) {
    const { job } = start();
    job.receive({ kind: 'end', error: error as never });
    await assert.rejects(collect(job), { code: 'engine_failed' });
  }
});

test('aborting drops what was not read, tells the decoder, and waits for it to stop', async () => {
  const { job, count, controller } = start();
  const reader = job[Symbol.asyncIterator]();
  job.receive({ kind: 'piece', piece: piece(0, 500) });
  job.receive({ kind: 'piece', piece: piece(500, 900) });
  await reader.next();
  controller.abort();
  await assert.rejects(reader.next(), { code: 'cancelled' });
  assert.equal(count('cancel'), 1);
  job.receive({ kind: 'piece', piece: piece(900, 1000) });
  job.receive({ kind: 'end' });
  await job.finished;
});

test('a decoder that does not stop when told is ended', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { job, killed } = start();
  const reader = job[Symbol.asyncIterator]();
  job.receive({ kind: 'piece', piece: piece(0, 500) });
  await reader.next();
  await reader.return(undefined);
  t.mock.timers.tick(2000);
  await killed;
});

test('the time limit counts decoding and not the wait for a slow reader', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const { job, killed } = start({ maxPieceMs: 100_000, timeoutMs: 1000 });
  const reader = job[Symbol.asyncIterator]();
  job.receive({ kind: 'piece', piece: piece(0, 100_000) });
  t.mock.timers.tick(1_000_000);
  assert.equal((await reader.next()).value?.endMs, 100_000);
  const next = reader.next();
  t.mock.timers.tick(1001);
  await killed;
  await assert.rejects(next, { code: 'deadline_exceeded' });
});
