import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { Slots } from './slots.ts';

/** Works that end when told to. */
function works(slots: Slots) {
  const running: string[] = [];
  const ends = new Map<string, () => void>();
  const start = (name: string, key: string, signal = new AbortController().signal): Promise<void> =>
    slots.run(key, signal, async () => {
      running.push(name);
      await new Promise<void>((resolve) => ends.set(name, resolve));
      running.splice(running.indexOf(name), 1);
    });
  const end = async (name: string): Promise<void> => {
    ends.get(name)!();
    await turn();
  };
  return { running, start, end };
}

test('no more run at once than the whole and each key allow, and a full key does not hold up the others', async () => {
  const { running, start, end } = works(new Slots(3, 2));
  const all = ['a1', 'a2', 'a3', 'b1', 'b2'].map((name) => start(name, name[0]!));
  await turn();
  assert.deepEqual(running, ['a1', 'a2', 'b1']);
  await end('b1');
  assert.deepEqual(running, ['a1', 'a2', 'b2']);
  await end('a1');
  assert.deepEqual(running, ['a2', 'b2', 'a3']);
  for (const name of [...running]) await end(name);
  await Promise.all(all);
});

test('one that waits can be cancelled and leaves no trace', async () => {
  const { running, start, end } = works(new Slots(1, 1));
  const first = start('a', 'a');
  const controller = new AbortController();
  const second = start('b', 'b', controller.signal);
  const third = start('c', 'c');
  controller.abort();
  await assert.rejects(second, { code: 'cancelled' });
  await end('a');
  assert.deepEqual(running, ['c']);
  await end('c');
  await Promise.all([first, third]);
});

test('a work that fails gives its room back', async () => {
  const slots = new Slots(1, 1);
  const { signal } = new AbortController();
  await assert.rejects(
    slots.run('a', signal, () => Promise.reject(new Error('x'))),
    /x/,
  );
  assert.equal(await slots.run('a', signal, async () => 7), 7);
});
