/** What one Realtime session may hold on to, whatever its client sends. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { SpeechError } from '../errors.ts';
import type { Listening } from '../live/contract.ts';
import { readClientEvent, readFrame } from './client-events.ts';
import { RealtimeProblem } from './problem.ts';
import { type Input, step } from './realtime.machine.ts';
import { RealtimeSession } from './session.ts';
import { newRealtime, type RealtimeState, type Rules } from './state.ts';

const RULES: Rules = {
  ...{ maxItems: 20, maxChars: 10_000, maxResponses: 4, hasLanguageModel: true },
  checkVoice() {},
  checkRecogniser() {},
};
const NEW = { id: 'sess_1', kind: 'realtime', model: 'gpt-realtime', voice: 'alloy', expiresAt: 1 } as const;

function drive() {
  let state: RealtimeState = newRealtime(NEW, 's');
  const take = (input: Input) => {
    const { state: after, effects } = step(state, input, RULES);
    state = after;
    return effects.flatMap((effect) => (effect.type === 'send' ? [effect.event] : []));
  };
  const client = (event: Record<string, unknown>) => take({ type: 'client', event: readClientEvent(event) });
  return { take, client, state: () => state };
}

const saying = (text: string) => ({
  type: 'conversation.item.create',
  item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
});

test('a conversation keeps as many characters as permitted: the oldest items go, and the client is told', () => {
  const { client, state } = drive();
  for (let i = 0; i < 4; i++) client(saying('x'.repeat(2000)));
  assert.equal(state().items.length, 4);
  const [first, second] = state().items;
  const told = client(saying('x'.repeat(5000)));
  assert.deepEqual(
    told.filter(({ type }) => type === 'conversation.item.deleted').map(({ item_id }) => item_id),
    [first!.id, second!.id],
  );
  assert.equal(state().items.length, 3);
});

test('an item that alone is larger than a conversation may be is refused, and nothing has to go for it', () => {
  const { client, state } = drive();
  client(saying('hello'));
  const [error] = client(saying('x'.repeat(10_000)));
  assert.equal((error!.error as { code: string }).code, 'item_too_large');
  assert.equal(state().items.length, 1);
});

test('an answer that grows makes room for itself', () => {
  const { take, client, state } = drive();
  client(saying('x'.repeat(6000)));
  client({ type: 'response.create' });
  const response = [...state().responses.keys()][0]!;
  for (let i = 0; i < 9; i++) take({ type: 'output', response, output: { kind: 'text', delta: 'y'.repeat(1000) } });
  take({ type: 'output', response, output: { kind: 'end' } });
  assert.equal(state().items.length, 1, 'the question had to go');
});

test('a session that is larger than a session may be is refused', () => {
  const { client, state } = drive();
  const tools = [{ type: 'function', name: 'f', description: 'x'.repeat(3_000_000) }];
  const [error] = client({ type: 'session.update', session: { type: 'realtime', tools } });
  assert.equal((error!.error as { param: string }).param, 'session');
  assert.ok(JSON.stringify(state().session).length < 2000);
});

test('spoken answers that are in no conversation leave nothing behind', () => {
  const { take, client, state } = drive();
  for (let i = 0; i < 10; i++) {
    client({ type: 'response.create', response: { conversation: 'none' } });
    const response = [...state().responses.keys()][0]!;
    take({ type: 'output', response, output: { kind: 'sentence', text: 'Hello.' } });
    take({ type: 'output', response, output: { kind: 'audio', delta: 'AAAA', durationMs: 10 } });
    take({ type: 'output', response, output: { kind: 'end' } });
  }
  assert.equal(state().spoken.size, 0);
});

test('an answer whose item the client deleted while it was spoken leaves nothing behind', () => {
  const { take, client, state } = drive();
  client({ type: 'response.create' });
  const response = [...state().responses.keys()][0]!;
  take({ type: 'output', response, output: { kind: 'sentence', text: 'Hello.' } });
  client({ type: 'conversation.item.delete', item_id: state().items[0]!.id });
  take({ type: 'output', response, output: { kind: 'end' } });
  assert.equal(state().spoken.size, 0);
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
function openSession(backlogLimitMs: number) {
  const sent: { type: string; error?: { code: string } }[] = [];
  const hearing: PromiseWithResolvers<void>[] = [];
  let open = 0;
  let mostOpen = 0;
  const session = new RealtimeSession(
    {
      rules: { ...RULES, maxChars: 1_000_000 },
      languageModel: undefined,
      maxBacklogMs: backlogLimitMs,
      recogniser: () => undefined,
      ready: async () => {},
      openSpeaking: () => {
        throw new SpeechError('model_unavailable', 'No voice.');
      },
      openListening: async (options) => {
        const isItem = options.turns.kind === 'manual';
        const done = Promise.withResolvers<void>();
        if (isItem) {
          hearing.push(done);
          mostOpen = Math.max(mostOpen, ++open);
        }
        return {
          ...{ model: 'm', audioMs: 0, backlogMs: 0, openMs: 0 },
          push() {},
          commit: () => undefined,
          clear() {},
          change() {},
          finish: () => done.promise.then(() => void open--),
          close() {},
        } satisfies Listening;
      },
    },
    {
      session: NEW,
      configuration: undefined,
      beta: false,
      salt: 's',
      caller: { requestId: 'r', keyId: 'k', signal: new AbortController().signal },
    },
    (event) => sent.push(event as (typeof sent)[number]),
  );
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
  const { session, sent, hearing, say, mostOpen } = openSession(1000);
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
  assert.equal(sent.at(-1)!.error?.code, 'overloaded');
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
  const { session, hearing, say } = openSession(1000);
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
