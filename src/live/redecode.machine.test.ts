import assert from 'node:assert/strict';
import { test } from 'node:test';
import { newRedecode, type RedecodeEffect, type RedecodeEvent, type RedecodeState, step } from './redecode.machine.ts';

function lane() {
  let state = newRedecode({ stepMs: 100 });
  return {
    at(now: number, event: RedecodeEvent): string[] {
      const next = step(state, event, now);
      state = next.state;
      return next.effects.map(short);
    },
  };
}

function short(effect: RedecodeEffect): string {
  return effect.type === 'stop' ? 'stop' : `${effect.kind} ${effect.utterance}`;
}

const open = (utterance: number): RedecodeEvent => ({ type: 'open', utterance, partials: true, maxMs: 5000 });
const audio = (lengthMs: number): RedecodeEvent => ({ type: 'audio', lengthMs });

test('an utterance is decoded again when enough new audio has come and the last decode has been paid for', () => {
  const { at } = lane();
  assert.deepEqual(at(0, open(1)), []);
  assert.deepEqual(at(0, audio(99)), []);
  assert.deepEqual(at(0, audio(100)), ['partial 1']);
  assert.deepEqual(at(50, audio(300)), [], 'never two at once');
  assert.deepEqual(at(400, { type: 'done' }), []);
  assert.deepEqual(at(799, audio(800)), []);
  assert.deepEqual(at(800, audio(801)), ['partial 1']);
  at(801, { type: 'done' });
  assert.deepEqual(at(802, audio(900)), [], 'too little is new');
  assert.deepEqual(at(803, audio(901)), ['partial 1']);
});

test('at the end the final decode begins at once and a partial one is given up', () => {
  const { at } = lane();
  at(0, open(1));
  at(0, audio(100));
  assert.deepEqual(at(10, { type: 'close', utterance: 1 }), ['stop', 'final 1']);
});

test('final texts are made one after the other, and no partial before them', () => {
  const { at } = lane();
  at(0, open(1));
  assert.deepEqual(at(0, { type: 'close', utterance: 1 }), ['final 1']);
  at(0, open(2));
  assert.deepEqual(at(0, audio(1000)), []);
  assert.deepEqual(at(0, { type: 'close', utterance: 2 }), []);
  at(0, open(3));
  at(0, audio(1000));
  assert.deepEqual(at(10, { type: 'done' }), ['final 2']);
  assert.deepEqual(at(20, { type: 'done' }), []);
  assert.deepEqual(at(30, audio(1000)), ['partial 3']);
});

test('nothing partial where none are wanted, or the utterance is longer than the model hears', () => {
  const { at } = lane();
  at(0, { ...open(1), partials: false } as RedecodeEvent);
  assert.deepEqual(at(0, audio(1000)), []);
  assert.deepEqual(at(0, { type: 'close', utterance: 1 }), ['final 1']);
  at(0, { type: 'done' });
  at(0, open(2));
  assert.deepEqual(at(0, audio(5001)), []);
});

test('what is forgotten is stopped, and what waits goes on', () => {
  const { at } = lane();
  at(0, open(1));
  at(0, audio(1000));
  assert.deepEqual(at(0, { type: 'forget', utterance: 1 }), ['stop']);
  at(0, open(2));
  assert.deepEqual(at(0, { type: 'close', utterance: 2 }), ['final 2']);
  at(0, open(3));
  at(0, { type: 'close', utterance: 3 });
  assert.deepEqual(at(0, { type: 'forget', utterance: 2 }), ['stop', 'final 3']);
});

test('in every sequence of events each utterance gets one final decode and never two run at once', () => {
  const explore = (
    state: RedecodeState,
    next: number,
    opened: boolean,
    running: string | undefined,
    finals: string,
    depth: number,
  ): void => {
    if (depth === 0) return;
    const events: [RedecodeEvent, number][] = [
      [audio(depth * 60), 10],
      ...(opened
        ? ([
            [{ type: 'close', utterance: next - 1 }, 0],
            [{ type: 'forget', utterance: next - 1 }, 0],
          ] as const)
        : ([[open(next), 0]] as const)),
      ...(running === undefined ? [] : ([[{ type: 'done' }, 100]] as const)),
    ] as [RedecodeEvent, number][];
    for (const [event, wait] of events) {
      const { state: after, effects } = step(state, event, (12 - depth) * 100 + wait);
      let now = event.type === 'done' ? undefined : running;
      let done = finals;
      for (const effect of effects) {
        if (effect.type === 'stop') {
          assert.notEqual(now, undefined);
          now = undefined;
          continue;
        }
        assert.equal(now, undefined, 'two at once');
        now = short(effect);
        if (effect.kind === 'final') {
          assert.ok(!done.includes(`,${effect.utterance}`), 'decoded twice');
          done += `,${effect.utterance}`;
        }
      }
      assert.ok(after.waiting.length === 0 || now !== undefined, 'something waits for nothing');
      const isOpen = event.type === 'open' || (opened && event.type !== 'close' && event.type !== 'forget');
      explore(after, event.type === 'open' ? next + 1 : next, isOpen, now, done, depth - 1);
    }
  };
  explore(newRedecode({ stepMs: 100 }), 1, false, undefined, '', 9);
});
