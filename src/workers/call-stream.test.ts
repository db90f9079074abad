import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeechError } from '../errors.ts';
import { CallStream } from './call-stream.ts';

function watched() {
  const stream = new CallStream<number>();
  const taken: number[] = [];
  const ends: boolean[] = [];
  stream.onTake = (message) => taken.push(message);
  stream.onEnd = (stopped) => ends.push(stopped);
  return { stream, taken, ends };
}

test('messages come out in the order they went in, before and after the reader waits', async () => {
  const { stream, taken, ends } = watched();
  stream.push(1);
  stream.push(2);
  const read: number[] = [];
  const reading = (async () => {
    for await (const message of stream) read.push(message);
  })();
  await Promise.resolve();
  stream.push(3);
  stream.end();
  await reading;
  assert.deepEqual([read, taken, ends], [[1, 2, 3], [1, 2, 3], [false]]);
});

test('a failure comes after what had arrived', async () => {
  const { stream, ends } = watched();
  stream.push(1);
  stream.fail(new SpeechError('engine_failed', 'It died.'));
  assert.deepEqual(await stream.next(), { done: false, value: 1 });
  await assert.rejects(stream.next(), { code: 'engine_failed' });
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.deepEqual(ends, [false]);
});

test('an abort comes at once, whatever had arrived, and reaches a reader that waits', async () => {
  const early = watched();
  early.stream.push(1);
  early.stream.abort(new SpeechError('cancelled', 'Stop.'));
  await assert.rejects(early.stream.next(), { code: 'cancelled' });

  const waiting = watched();
  const next = waiting.stream.next();
  waiting.stream.abort(new SpeechError('cancelled', 'Stop.'));
  await assert.rejects(next, { code: 'cancelled' });
  assert.deepEqual(waiting.ends, [true]);
});

test('a reader that leaves stops the work, and what comes later is dropped', async () => {
  const { stream, ends } = watched();
  stream.push(1);
  for await (const _ of stream) break;
  stream.push(2);
  stream.fail(new Error('late'));
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.deepEqual(ends, [true]);
});

test('it ends once: an abort after the end changes nothing', async () => {
  const { stream, ends } = watched();
  stream.push(1);
  stream.end();
  stream.abort(new Error('late'));
  assert.deepEqual(await stream.next(), { done: false, value: 1 });
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.deepEqual(ends, [false]);
});
