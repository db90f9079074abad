import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SpeechError } from '../errors.ts';
import type { Listening } from '../live/contract.ts';
import { Channel } from './channel.ts';

/** A channel over a listener that keeps what it takes, and refuses where it is told to. */
function channel() {
  const taken: number[] = [];
  const state = { refuse: false };
  const listening: Listening = {
    ...{ model: 'm', audioMs: 0, backlogMs: 0, openMs: 0 },
    push({ pcm }) {
      if (state.refuse) throw new SpeechError('overloaded', 'Too much.');
      taken.push(...pcm);
    },
    commit: () => undefined,
    clear() {},
    change() {},
    finish: () => Promise.resolve(),
    close() {},
  };
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
