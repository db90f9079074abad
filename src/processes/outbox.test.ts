import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { Outbox } from './outbox.ts';

/** An outbox whose batches leave when they are told to, and whose time stands still between turns of `clock`. */
function outbox() {
  const clock = { now: 0 };
  const batches: unknown[][] = [];
  const leave: (() => void)[] = [];
  const box = new Outbox(
    (values) => {
      batches.push(values);
      return new Promise((resolve) => leave.push(resolve));
    },
    () => clock.now,
  );
  return { box, batches, leave, clock };
}

test('what is sent in one turn of the event loop leaves together and in order', async () => {
  const { box, batches } = outbox();
  void box.add(1);
  void box.add(2);
  await Promise.resolve();
  void box.add(3);
  assert.deepEqual(batches, []);
  await nextTurn();
  assert.deepEqual(batches, [[1, 2, 3]]);
  void box.add(4);
  await nextTurn();
  assert.deepEqual(batches, [[1, 2, 3], [4]]);
});

test('each sender learns when its own message has left', async () => {
  const { box, leave } = outbox();
  const told: string[] = [];
  void box.add('a').then(() => told.push('a'));
  await nextTurn();
  void box.add('b').then(() => told.push('b'));
  await nextTurn();
  leave[0]!();
  await nextTurn();
  assert.deepEqual(told, ['a']);
  leave[1]!();
  await nextTurn();
  assert.deepEqual(told, ['a', 'b']);
});

test('a turn that takes long does not keep back what was sent at its beginning', () => {
  const { box, batches, clock } = outbox();
  void box.add('first');
  clock.now = 5;
  void box.add('second');
  assert.deepEqual(batches, [['first', 'second']]);
});

test('what waits can be sent at once, and nothing is sent twice or empty', async () => {
  const { box, batches } = outbox();
  box.flush();
  void box.add('x');
  box.flush();
  box.flush();
  await nextTurn();
  assert.deepEqual(batches, [['x']]);
});
