import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ListeningOptions } from '../live/contract.ts';
import { ears, openSession } from './testing.ts';

/** A session with the options of everything that it opened to hear: first its own input, then items. */
async function opened() {
  const ask: Partial<ListeningOptions>[] = [];
  const { session, sent } = openSession({
    openListening: async (options) => {
      const place = ask.push(options) - 1;
      const change = (changed: Partial<ListeningOptions>) => {
        ask[place] = { ...ask[place], ...changed };
      };
      return ears({ change });
    },
  });
  await nextTurn();
  const update = (session_: object) =>
    session.receive(JSON.stringify({ type: 'session.update', session: { type: 'realtime', ...session_ } }));
  return { session, sent, ask, update };
}

test('noise is taken out from when it is asked for until null, whatever else is changed meanwhile', async () => {
  const { session, ask, update } = await opened();
  const reduce = (noise_reduction: object | null) => update({ audio: { input: { noise_reduction } } });
  assert.equal(ask[0]!.reduceNoise, false);
  reduce({ type: 'near_field' });
  assert.equal(ask[0]!.reduceNoise, true);
  update({ instructions: 'Be brief.' });
  reduce({ type: 'far_field', strength: 0.5 });
  assert.equal(ask[0]!.reduceNoise, true);
  reduce(null);
  assert.equal(ask[0]!.reduceNoise, false);
  session.close();
});

test('audio that comes as an item is heard as it is', async () => {
  const { session, ask, update } = await opened();
  update({ audio: { input: { noise_reduction: { type: 'near_field' } } } });
  const content = [{ type: 'input_audio', audio: Buffer.alloc(4800).toString('base64') }];
  session.receive(
    JSON.stringify({ type: 'conversation.item.create', item: { type: 'message', role: 'user', content } }),
  );
  await nextTurn();
  assert.deepEqual(
    ask.map(({ reduceNoise }) => reduceNoise),
    [true, false],
  );
  session.close();
});
