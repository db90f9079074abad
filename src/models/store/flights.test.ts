import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Flights } from './flights.ts';

test('who gives up while an earlier download comes to its end begins none', async () => {
  const flights = new Flights();
  const ended = Promise.withResolvers<void>();
  let begun = 0;
  const join = (signal: AbortSignal): Promise<void> =>
    flights.join('m', 'content', { signal, onProgress: () => {} }, async () => {
      begun++;
      await ended.promise;
    });
  const [first, second] = [new AbortController(), new AbortController()];
  const firstDone = join(first.signal);
  first.abort();
  const secondDone = join(second.signal);
  second.abort();
  ended.resolve();
  await firstDone;
  await assert.rejects(secondDone, { code: 'cancelled' });
  assert.equal(begun, 1);
  assert.equal(flights.isUnderWay('m'), false);
});
