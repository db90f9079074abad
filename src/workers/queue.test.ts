import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Lane } from './contract.ts';
import { FairQueue, INTERACTIVE_PER_BATCH, type Queued } from './queue.ts';

interface Item extends Queued {
  n: number;
}

let count = 0;
function item(caller: string, lane: Lane = 'interactive', cost = 1): Item {
  return { n: count++, caller, lane, cost };
}

function pushed(queue: FairQueue<Item>, ...items: Item[]): Item[] {
  for (const each of items) queue.push(each);
  return items;
}

function takeAll(queue: FairQueue<Item>): Item[] {
  const taken: Item[] = [];
  for (let next = queue.take(); next !== undefined; next = queue.take()) taken.push(next);
  return taken;
}

/** A small generator of repeatable chance (mulberry32). */
function chance(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

test('a thousand calls of one caller do not delay the first of another', () => {
  const queue = new FairQueue<Item>();
  for (let i = 0; i < 1000; i++) queue.push(item('greedy'));
  const other = item('modest');
  queue.push(other);
  queue.take();
  assert.equal(queue.take(), other);
});

test('callers take turns, and each keeps its own order', () => {
  const queue = new FairQueue<Item>();
  const [a1, a2, a3, b1, c1, c2] = pushed(queue, item('a'), item('a'), item('a'), item('b'), item('c'), item('c'));
  assert.deepEqual(takeAll(queue), [a1, b1, c1, a2, c2, a3]);
});

test('interactive calls go first, and batch work gets one turn in nine while both wait', () => {
  const queue = new FairQueue<Item>();
  for (let i = 0; i < 30; i++) queue.push(item('a', 'batch'));
  for (let i = 0; i < 30; i++) queue.push(item('a', 'interactive'));
  const lanes = takeAll(queue).map(({ lane }) => lane);
  const batchTurns = lanes.flatMap((lane, index) => (lane === 'batch' ? [index] : []));
  assert.deepEqual(batchTurns.slice(0, 3), [8, 17, 26]);
  assert.equal(INTERACTIVE_PER_BATCH, 8);
  assert.equal(lanes.length, 60);
});

test('an interactive call that comes after a batch streak does not wait for the batch to be empty', () => {
  const queue = new FairQueue<Item>();
  for (let i = 0; i < 30; i++) queue.push(item('a', 'batch'));
  for (let i = 0; i < 10; i++) queue.take();
  const live = item('b');
  queue.push(live);
  assert.equal(queue.take(), live);
});

test('a call that was put back goes before all others', () => {
  const queue = new FairQueue<Item>();
  pushed(queue, item('a'), item('b'));
  const again = item('z', 'batch');
  queue.putBack(again);
  assert.equal(queue.peek(), again);
  assert.equal(queue.take(), again);
});

test('a removed call is gone, once', () => {
  const queue = new FairQueue<Item>();
  const [a1, a2, b1] = pushed(queue, item('a'), item('a'), item('b'));
  const returned = item('c');
  queue.putBack(returned);
  assert.equal(queue.remove(a1!), true);
  assert.equal(queue.remove(a1!), false);
  assert.equal(queue.remove(returned), true);
  assert.equal(queue.remove(item('a')), false);
  assert.deepEqual(takeAll(queue), [a2, b1]);
});

test('whatever is done to it, the queue agrees with a plain model of the same rules', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const next = chance(seed);
    const queue = new FairQueue<Item>();
    let inside: Item[] = [];
    for (let i = 0; i < 200; i++) {
      const act = next(10);
      if (act < 5) {
        const call = item(`caller ${next(4)}`, next(2) === 0 ? 'interactive' : 'batch', next(100));
        queue.push(call);
        inside.push(call);
      } else if (act < 8) {
        const peeked = queue.peek();
        const taken = queue.take();
        assert.equal(taken, peeked);
        assert.equal(taken !== undefined, inside.length > 0);
        if (taken === undefined) continue;
        // Nobody overtakes an older call of the same caller and lane.
        const older = inside.find(({ caller, lane }) => caller === taken.caller && lane === taken.lane);
        assert.equal(taken, older);
        inside = inside.filter((each) => each !== taken);
      } else if (inside.length > 0) {
        const gone = inside[next(inside.length)]!;
        assert.equal(queue.remove(gone), true);
        inside = inside.filter((each) => each !== gone);
      }
      assert.equal(queue.length, inside.length);
      for (const lane of ['interactive', 'batch'] as const) {
        assert.equal(queue.waiting(lane), inside.filter((each) => each.lane === lane).length);
        const own = inside.filter((each) => each.lane === lane && each.caller === 'caller 0');
        assert.equal(queue.waitingOf('caller 0', lane), own.length);
      }
    }
    assert.deepEqual(new Set(queue.all()), new Set(inside));
  }
});

test('no caller waits longer than one turn of each other caller', () => {
  for (let seed = 1; seed <= 100; seed++) {
    const next = chance(seed);
    const queue = new FairQueue<Item>();
    for (let i = 0; i < 100; i++) queue.push(item(`caller ${next(5)}`));
    const late = item('late');
    queue.push(late);
    assert.ok(takeAll(queue).indexOf(late) <= 5);
  }
});

test('what is ahead of a call is what would be taken before it', () => {
  for (let seed = 1; seed <= 200; seed++) {
    const next = chance(seed);
    const queue = new FairQueue<Item>();
    for (let i = 0; i < next(40); i++) queue.push(item(`caller ${next(4)}`));
    const caller = `caller ${next(5)}`;
    const told = queue.costAhead(caller, 'interactive');
    const call = item(caller);
    queue.push(call);
    const order = takeAll(queue);
    // Each cost is 1 here. Callers that come after it in this turn count too: at most one call each.
    assert.ok(told >= order.indexOf(call) && told <= order.indexOf(call) + 4, `${told} ${order.indexOf(call)}`);
  }
});

test('the backlog of one caller is not ahead of another', () => {
  const queue = new FairQueue<Item>();
  for (let i = 0; i < 50; i++) queue.push(item('greedy', 'interactive', 100));
  assert.equal(queue.costAhead('modest', 'interactive'), 100);
  assert.equal(queue.costAhead('greedy', 'interactive'), 5000);
});

test('batch work is barely ahead of interactive work, and interactive work is ahead of batch', () => {
  const queue = new FairQueue<Item>();
  for (let i = 0; i < 50; i++) queue.push(item('a', 'batch', 100));
  assert.equal(queue.costAhead('b', 'interactive'), 0);
  for (let i = 0; i < 16; i++) queue.push(item('b', 'interactive', 10));
  assert.equal(queue.costAhead('b', 'interactive'), 16 * 10 + 2 * 100);
  assert.equal(queue.costAhead('b', 'batch'), 100 + 16 * 10);
});
