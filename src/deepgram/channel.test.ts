import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SpeechError } from '../errors.ts';
import { deaf } from '../live/testing.ts';
import { Channel } from './channel.ts';

/** A channel over a listener that keeps what it takes, and refuses where it is told to. */
function channel() {
  const taken: number[] = [];
  const state = { refuse: false };
  const listening = deaf({
    push({ pcm }) {
      if (state.refuse) throw new SpeechError('overloaded', 'Too much.');
      taken.push(...pcm);
    },
  });
  const params = { interimResults: false, endpointingMs: 10, utteranceEndMs: undefined, vadEvents: false };
  const model = { id: 'm', revision: '', family: '' };
  const made = new Channel({ params, index: 0, requestId: 'r', model, send() {}, fail() {} });
  made.begin(listening);
  return { made, taken, state };
}

test('audio that could not be taken is silence, so that times stay those of the stream and channels stay together', () => {
  const { made, taken, state } = channel();
  made.push(Float32Array.of(1, 1), 16_000);
  state.refuse = true;
  for (let i = 0; i < 2; i++) {
    assert.throws(() => made.push(Float32Array.of(2, 2, 2), 16_000), { code: 'overloaded' });
  }
  state.refuse = false;
  made.push(Float32Array.of(3), 16_000);
  assert.deepEqual(taken, [1, 1, 0, 0, 0, 0, 0, 0, 3]);
});

test('a long time that could not be taken comes back in pieces that can', () => {
  const { made, taken, state } = channel();
  state.refuse = true;
  assert.throws(() => made.push(new Float32Array(50_000).fill(2), 16_000), { code: 'overloaded' });
  state.refuse = false;
  made.push(Float32Array.of(3), 16_000);
  assert.equal(taken.length, 50_001);
  assert.equal(
    taken.findIndex((sample) => sample !== 0),
    50_000,
  );
});

/** A channel whose marks come when the test says so. */
function punctuating(options: { utteranceEndMs?: number } = {}) {
  const told: string[] = [];
  const marks: ((text: string) => void)[] = [];
  const finished = Promise.withResolvers<void>();
  const listening = deaf({ finish: () => finished.promise });
  const made = new Channel({
    params: { interimResults: true, endpointingMs: 10, vadEvents: true, utteranceEndMs: options.utteranceEndMs },
    ...{ index: 0, requestId: 'r', model: { id: 'm', revision: '', family: '' }, fail() {} },
    punctuate: () => new Promise((resolve) => marks.push(resolve)),
    send(message) {
      const { type, channel } = message as { type: string; channel?: { alternatives?: { transcript: string }[] } };
      told.push(channel?.alternatives?.[0]?.transcript ?? type);
    },
  });
  made.begin(listening);
  const final = (utterance: number, text: string, startMs: number) => {
    const words = [{ word: text, startMs, endMs: startMs + 100 }];
    made.hear({ type: 'speech-started', utterance, atMs: startMs });
    made.hear({
      ...{ type: 'final', utterance, text, words, startMs, endMs: startMs + 100, audioMs: 100, continues: false },
    });
  };
  return { made, listening, told, marks, final, finished };
}

test('messages keep their order while marks are being made, and each text gets its own', async () => {
  const { made, told, marks, final } = punctuating();
  final(1, 'one', 0);
  made.hear({ type: 'speech-started', utterance: 2, atMs: 500 });
  made.hear({ type: 'partial', utterance: 2, text: 'tw', startMs: 500, endMs: 600, confirmed: 0 });
  final(2, 'two', 500);
  made.finalize();
  assert.deepEqual(told, ['SpeechStarted']);
  marks[1]!('Two.');
  await nextTurn();
  assert.deepEqual(told, ['SpeechStarted']);
  marks[0]!('One.');
  await nextTurn();
  assert.deepEqual(told, ['SpeechStarted', 'One.', 'SpeechStarted', 'tw', 'SpeechStarted', 'Two.', '']);
});

test('the end of an utterance is told behind its words, whenever those get their marks', async () => {
  const { made, listening, told, marks, final } = punctuating({ utteranceEndMs: 1000 });
  final(1, 'one', 0);
  (listening as { audioMs: number }).audioMs = 2000;
  made.push(new Float32Array(1), 16_000);
  assert.deepEqual(told, ['SpeechStarted']);
  marks[0]!('One.');
  await nextTurn();
  assert.deepEqual(told, ['SpeechStarted', 'One.', 'UtteranceEnd']);
  made.close();
});

test('a channel has finished when its last words have their marks, and none waits for another', async () => {
  const slow = punctuating();
  const quick = punctuating();
  slow.final(1, 'one', 0);
  quick.final(1, 'one', 0);
  const over: string[] = [];
  void slow.made.finish().then(() => over.push('slow'));
  void quick.made.finish().then(() => over.push('quick'));
  slow.finished.resolve();
  quick.finished.resolve();
  quick.marks[0]!('One.');
  await nextTurn();
  assert.deepEqual([over, quick.told.at(-1)], [['quick'], 'One.']);
  slow.marks[0]!('One!');
  await nextTurn();
  assert.deepEqual([over, slow.told.at(-1)], [['quick', 'slow'], 'One!']);
});
