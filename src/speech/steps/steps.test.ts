import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { cosine, nameOf } from './known-speakers.ts';
import { mapAhead } from './map-ahead.ts';
import { VoiceTimes } from './recut.ts';
import { WholeRecordings } from './whole-recordings.ts';

describe('working ahead', () => {
  async function* numbers(count: number, ended: () => void = () => {}) {
    try {
      for (let i = 0; i < count; i++) yield i;
    } finally {
      ended();
    }
  }

  test('keeps the order and the bound', async () => {
    let [running, most] = [0, 0];
    const results: number[] = [];
    const work = async (item: number) => {
      most = Math.max(most, ++running);
      await sleep(item % 3);
      running--;
      return item * 2;
    };
    for await (const result of mapAhead(numbers(20), 4, work)) results.push(result);
    assert.deepEqual(
      results,
      Array.from({ length: 20 }, (_, i) => i * 2),
    );
    assert.equal(most, 4);
  });

  test('ends its source when the work fails and when nobody wants more', async () => {
    let ended = 0;
    const failing = mapAhead(
      numbers(9, () => ended++),
      2,
      async (item) => {
        if (item === 3) throw new Error('three');
      },
    );
    await assert.rejects(async () => {
      for await (const _ of failing);
    }, /three/);
    for await (const _ of mapAhead(
      numbers(9, () => ended++),
      2,
      async () => {},
    ))
      break;
    assert.equal(ended, 2);
  });
});

test('frames have a voice where their middle lies in a span, also across the parts of a recording', () => {
  const times = new VoiceTimes();
  times.add(0, [{ startMs: 20, endMs: 60 }]);
  const frames = Array.from({ length: 4 }, () => times.next());
  times.add(80, [{ startMs: 15, endMs: 31 }]);
  frames.push(...Array.from({ length: 3 }, () => times.next()));
  assert.deepEqual(frames, [false, true, true, false, false, true, false]);
});

test('a voice gets the name it is most like, if it is like enough', () => {
  const of = (...values: number[]) => Float32Array.from(values);
  const voices = [
    { name: 'Ann', vector: of(1, 0, 0) },
    { name: 'Bob', vector: of(0, 2, 0) },
  ];
  assert.equal(nameOf(of(3, 1, 0), voices, 0.5), 'Ann');
  assert.equal(nameOf(of(1, 3, 0), voices, 0.5), 'Bob');
  assert.equal(nameOf(of(0, 1, 3), voices, 0.5), undefined);
  assert.equal(nameOf(of(0, 0, 0), voices, 0.5), undefined);
  assert.equal(cosine(of(1, 1), of(2, 2)).toFixed(6), '1.000000');
});

test('as many whole recordings as permitted are held, and one that ends makes room once', () => {
  const recordings = new WholeRecordings(2);
  const [first] = [recordings.take(), recordings.take()];
  assert.throws(() => recordings.take(), { code: 'overloaded' });
  first!();
  first!();
  recordings.take();
  assert.throws(() => recordings.take(), { code: 'overloaded' });
});
