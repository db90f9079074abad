/** What one Realtime session may hold on to, whatever its client sends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { readFrame } from './client-events.ts';
import { RealtimeProblem } from './problem.ts';
import { Driven, ears, openSession } from './testing.ts';

const drive = () => new Driven('realtime', { maxChars: 10_000 });

const saying = (text: string) => ({
  type: 'conversation.item.create',
  item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
});

test('a conversation keeps as many characters as permitted: the oldest items go, and the client is told', () => {
  const driven = drive();
  for (let i = 0; i < 4; i++) driven.client(saying('x'.repeat(2000)));
  assert.equal(driven.state.items.length, 4);
  const [first, second] = driven.state.items;
  driven.client(saying('x'.repeat(5000)));
  assert.deepEqual(
    driven.events.filter(({ type }) => type === 'conversation.item.deleted').map(({ item_id }) => item_id),
    [first!.id, second!.id],
  );
  assert.equal(driven.state.items.length, 3);
});

test('an item that alone is larger than a conversation may be is refused, and nothing has to go for it', () => {
  const driven = drive();
  driven.client(saying('hello'));
  driven.client(saying('x'.repeat(10_000)));
  assert.equal((driven.sent('error').error as { code: string }).code, 'item_too_large');
  assert.equal(driven.state.items.length, 1);
});

test('an answer that grows makes room for itself', () => {
  const driven = drive();
  driven.client(saying('x'.repeat(6000)));
  driven.client({ type: 'response.create' });
  const { response } = driven;
  for (let i = 0; i < 9; i++) driven.output(response, { kind: 'text', delta: 'y'.repeat(1000) });
  driven.output(response, { kind: 'end' });
  assert.equal(driven.state.items.length, 1, 'the question had to go');
});

test('a session that is larger than a session may be is refused', () => {
  const driven = drive();
  const tools = [{ type: 'function', name: 'f', description: 'x'.repeat(3_000_000) }];
  driven.client({ type: 'session.update', session: { type: 'realtime', tools } });
  assert.equal((driven.sent('error').error as { param: string }).param, 'session');
  assert.ok(JSON.stringify(driven.state.session).length < 2000);
});

test('spoken answers that are in no conversation leave nothing behind', () => {
  const driven = drive();
  for (let i = 0; i < 10; i++) {
    driven.client({ type: 'response.create', response: { conversation: 'none' } });
    const { response } = driven;
    driven.output(response, { kind: 'sentence', text: 'Hello.' });
    driven.output(response, { kind: 'audio', delta: 'AAAA', durationMs: 10 });
    driven.output(response, { kind: 'end' });
  }
  assert.equal(driven.state.spoken.size, 0);
});

test('an answer whose item the client deleted while it was spoken leaves nothing behind', () => {
  const driven = drive();
  driven.client({ type: 'response.create' });
  const { response } = driven;
  driven.output(response, { kind: 'sentence', text: 'Hello.' });
  driven.client({ type: 'conversation.item.delete', item_id: driven.state.items[0]!.id });
  driven.output(response, { kind: 'end' });
  assert.equal(driven.state.spoken.size, 0);
});

test('a message that is nested deeper than anything needs is refused before it is looked at', () => {
  const nested = (depth: number) => `{"type":"session.update","a":${'['.repeat(depth)}${']'.repeat(depth)}}`;
  readFrame(nested(60));
  for (const depth of [100, 10_000, 1_000_000]) {
    assert.throws(
      () => readFrame(nested(depth)),
      (error) => error instanceof RealtimeProblem && error.code === 'invalid_event',
    );
  }
});

/** A session whose recogniser takes its time; `hearing` are the items that it was given. */
function slowSession(maxBacklogMs: number) {
  const hearing: PromiseWithResolvers<void>[] = [];
  let open = 0;
  let mostOpen = 0;
  const { session, sent } = openSession({
    maxBacklogMs,
    openListening: async ({ turns }) => {
      if (turns.kind !== 'manual') return ears();
      const done = Promise.withResolvers<void>();
      hearing.push(done);
      mostOpen = Math.max(mostOpen, ++open);
      return ears({ finish: () => done.promise.then(() => void open--) });
    },
  });
  const say = (id: string, ms: number) =>
    session.receive(
      JSON.stringify({
        type: 'conversation.item.create',
        item: {
          ...{ id, type: 'message', role: 'user' },
          content: [{ type: 'input_audio', audio: Buffer.alloc(ms * 48).toString('base64') }],
        },
      }),
    );
  return { session, sent, hearing, say, mostOpen: () => mostOpen };
}

test('items that come as audio are heard one after another, and wait as audio does', async () => {
  const { session, sent, hearing, say, mostOpen } = slowSession(1000);
  await nextTurn();
  for (let i = 0; i < 9; i++) say(`a${i}`, 100);
  await nextTurn();
  assert.equal(mostOpen(), 1);
  assert.equal(session.backlogMs, 900);
  assert.deepEqual(
    sent.filter(({ type }) => type === 'error'),
    [],
  );
  say('late', 200);
  assert.equal((sent.at(-1)!.error as { code: string }).code, 'overloaded');
  for (let i = 0; i < 9; i++) {
    hearing[i]!.resolve();
    await nextTurn();
    await nextTurn();
  }
  assert.equal(session.backlogMs, 0);
  assert.equal(mostOpen(), 1);
  session.close();
});

test('items whose audio waits and that are deleted are not heard, and what they took is free again', async () => {
  const { session, hearing, say } = slowSession(1000);
  await nextTurn();
  for (let round = 0; round < 100; round++) {
    say(`a${round}`, 800);
    session.receive(JSON.stringify({ type: 'conversation.item.delete', item_id: `a${round}` }));
  }
  await nextTurn();
  assert.ok(hearing.length <= 1, `${hearing.length} were begun`);
  assert.ok(session.backlogMs <= 800);
  session.close();
});
