import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inPieces, liveAudio, sound } from '../../../test/support/live-audio.ts';
import { SpeechError } from '../../errors.ts';
import type { AudioInput } from '../contract.ts';
import { InputPump } from './input-pump.ts';
import { INPUT_BEHIND_BYTES, INPUT_WINDOW_BYTES, inputSize } from './messages.ts';

function pumped(input: AudioInput) {
  const sent: Float32Array[] = [];
  const ends: (SpeechError | undefined)[] = [];
  const pump = new InputPump({
    input,
    send: async (pcm) => {
      sent.push(pcm);
      await nextTurn();
    },
    end: () => ends.push(undefined),
    fail: (error) => ends.push(error),
  });
  const settle = async () => {
    for (let turn = 0; turn < 50; turn++) await nextTurn();
  };
  const samples = () => sent.reduce((sum, { length }) => sum + length, 0);
  return { pump, sent, ends, settle, samples };
}

const SECOND_BYTES = inputSize(new Float32Array(16_000));

test('pieces that wait together are sent as one, and long ones are cut', async () => {
  const long = sound(2500);
  const { sent, ends, settle } = pumped(
    (async function* () {
      yield* inPieces(sound(100), 1);
      await nextTurn();
      yield long;
    })(),
  );
  await settle();
  assert.deepEqual(
    sent.map(({ length }) => length),
    [16, 1584, 16_000, 16_000, 8000],
  );
  assert.deepEqual([...sent[2]!, ...sent[3]!, ...sent[4]!], [...long]);
  assert.deepEqual(ends, [undefined]);
});

test('no more is sent than the process may hold, and the rest follows what it has taken', async () => {
  const audio = liveAudio(...Array.from({ length: 20 }, () => new Float32Array(16_000)));
  audio.end();
  const { pump, sent, ends, settle } = pumped(audio);
  await settle();
  const most = Math.ceil(INPUT_WINDOW_BYTES / SECOND_BYTES);
  assert.equal(sent.length, most);
  pump.taken(SECOND_BYTES);
  await settle();
  assert.equal(sent.length, most + 1);
  assert.deepEqual(ends, []);
  pump.taken(SECOND_BYTES * 20);
  await settle();
  assert.equal(sent.length, 20);
  assert.deepEqual(ends, [undefined]);
});

test('an engine may be behind by as much as the limit and no further', async () => {
  const most = Math.floor(INPUT_BEHIND_BYTES / SECOND_BYTES);
  const audio = liveAudio(...Array.from({ length: most }, () => new Float32Array(16_000)));
  const { ends, settle } = pumped(audio);
  await settle();
  assert.equal(audio.read, most);
  assert.equal(ends.length, 0);
  audio.say(new Float32Array(16_000));
  await settle();
  assert.deepEqual(
    ends.map((error) => error?.code),
    ['overloaded'],
  );
  audio.say(new Float32Array(16_000));
  await settle();
  assert.equal(audio.read, most + 1);
  assert.equal(ends.length, 1);
});

test('what was taken no longer counts as behind', async () => {
  const audio = liveAudio();
  const { pump, ends, settle } = pumped(audio);
  for (let second = 0; second < 600; second++) {
    audio.say(new Float32Array(16_000));
    await nextTurn();
    pump.taken(SECOND_BYTES);
  }
  await settle();
  assert.deepEqual(ends, []);
});

test('stopping tells the source once, and nothing is sent afterwards', async () => {
  const audio = liveAudio(new Float32Array(16));
  const { pump, ends, settle, samples } = pumped(audio);
  await settle();
  pump.stop();
  pump.stop();
  audio.say(new Float32Array(16));
  await settle();
  assert.equal(audio.returned, 1);
  assert.equal(samples(), 16);
  assert.deepEqual(ends, []);
});

test('a source that has ended or failed by itself is not told to stop', async () => {
  for (const error of [undefined, new SpeechError('invalid_audio', 'It broke.')]) {
    const audio = liveAudio(new Float32Array(16));
    const { pump, ends, settle } = pumped(audio);
    if (error === undefined) audio.end();
    else audio.fail(error);
    await settle();
    pump.stop();
    assert.deepEqual(ends, [error]);
    assert.equal(audio.returned, 0);
  }
});

test('a source that cannot be stopped harms nobody', async () => {
  for (const stop of [
    undefined,
    () => Promise.reject(new Error('no')),
    () => {
      throw new Error('no');
    },
  ]) {
    const iterator = { next: () => new Promise<never>(() => {}), ...(stop === undefined ? {} : { return: stop }) };
    const { pump, settle } = pumped({ [Symbol.asyncIterator]: () => iterator });
    pump.stop();
    await settle();
  }
});
