/** What a language model may do to a session, whatever it answers. */
import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../../test/support/until.ts';
import { SpeechError } from '../errors.ts';
import { LanguageModel, type Thought } from './language-model.ts';
import type { Generation } from './response.ts';

const ASKED: Generation = {
  ...{ response: 'r', modality: 'text', instructions: '', items: [], literal: undefined, tools: [] },
  ...{ toolChoice: 'auto', parallelToolCalls: true, maxOutputTokens: 'inf', voice: 'v', speed: 1 },
  format: { type: 'audio/pcm', rate: 24_000 },
};
const chunk = (delta: unknown, finish_reason: unknown = null) =>
  `data: ${JSON.stringify({ choices: [{ delta, finish_reason }] })}\n\n`;

/** A model behind a server that answers as the test says. */
async function modelDuring(
  t: TestContext,
  answer: (response: ServerResponse) => void | Promise<void>,
  { idleMs = 20_000, maxBytes = 100_000 } = {},
) {
  const state = { open: 0, asked: 0 };
  const server = createServer((request, response) => {
    state.asked++;
    state.open++;
    response.once('close', () => state.open--);
    request.resume().once('end', () => void answer(response));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const model = new LanguageModel({ url, model: 'm', apiKey: 'secret', idleMs, maxBytes });
  return { model, state, url };
}

const stream = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'content-type': 'text/event-stream' });

async function think(model: LanguageModel, signal = new AbortController().signal): Promise<Thought[]> {
  return await Array.fromAsync(model.think(ASKED, signal));
}

const failed = (error: unknown): boolean =>
  error instanceof SpeechError && error.code === 'upstream_failed' && !JSON.stringify(error).includes('secret');

test('garbage of every kind is one failure with one code, and the request at the model ends', async (t) => {
  const garbage = [
    '\u0000\u0001\u0002',
    'data: {\n\n',
    'data: null\n\n',
    'data: 5\n\n',
    'data: []\n\n',
    'data: "text"\n\n',
    'data: {"choices":{}}\n\n',
    'data: {"choices":[null]}\n\n',
    chunk(5, 'stop').replace('"delta":5', '"delta":{"content":5}'),
    chunk({ content: { text: 'x' } }),
    chunk({ content: ['x'] }),
    chunk({ tool_calls: 5 }),
    chunk({ tool_calls: {} }),
    chunk({ tool_calls: [null] }),
    chunk({ tool_calls: [{ index: 0, function: { name: 5 } }] }),
    chunk({ tool_calls: [{ index: 0, function: {} }] }),
    chunk({ tool_calls: [{ index: 0, id: {}, function: { name: 'f' } }] }),
    chunk({ tool_calls: [{ index: 0, function: { name: 'f', arguments: {} } }] }),
    'data: {"error":{"message":"no"}}\n\n',
    'data: {"usage":{"prompt_tokens":"many"},"choices":[]}\n\n',
    '<html><body>Sign in</body></html>',
    '',
  ];
  let next = 0;
  const { model, state } = await modelDuring(t, (response) => void stream(response).end(garbage[next]));
  for (const [index, text] of garbage.entries()) {
    next = index;
    await assert.rejects(think(model), failed, JSON.stringify(text));
  }
  await until(() => state.open === 0);
});

test('an answer that is an error, or lies elsewhere, is a failure, and no key goes elsewhere', async (t) => {
  const thief = await modelDuring(t, (response) => void response.end());
  for (const status of [301, 302, 307, 308, 400, 401, 404, 429, 500, 503]) {
    const { model } = await modelDuring(
      t,
      (response) => void response.writeHead(status, { location: thief.url }).end('{}'),
    );
    await assert.rejects(think(model), failed, String(status));
  }
  assert.equal(thief.state.asked, 0);
});

test('an answer that breaks off is a failure, wherever it does', async (t) => {
  const whole = `${chunk({ content: 'one' })}${chunk({ content: 'two' })}`;
  for (const at of [0, 1, 7, 20, whole.length / 2, whole.length]) {
    const { model } = await modelDuring(t, async (response) => {
      stream(response).write(whole.slice(0, at));
      await sleep(20);
      response.destroy();
    });
    await assert.rejects(think(model), failed);
  }
});

test('a model that says nothing is waited for as long as permitted, and told', async (t) => {
  for (const first of ['', chunk({ content: 'one' })]) {
    const { model, state } = await modelDuring(t, (response) => void (first && stream(response).write(first)), {
      idleMs: 100,
    });
    await assert.rejects(think(model), failed);
    await until(() => state.open === 0);
  }
});

test('a model that is slow but says something is waited for', async (t) => {
  const { model } = await modelDuring(
    t,
    async (response) => {
      stream(response);
      for (let i = 0; i < 8; i++) {
        response.write(chunk({ content: String(i) }));
        await sleep(100);
      }
      response.end(`${chunk({}, 'stop')}data: [DONE]\n\n`);
    },
    { idleMs: 600 },
  );
  const thoughts = await think(model);
  assert.equal(thoughts.length, 9);
});

test('only the model can be too slow: while its words are being spoken nobody counts', async (t) => {
  const { model } = await modelDuring(
    t,
    (response) => void stream(response).end(`${chunk({ content: 'one' })}${chunk({}, 'stop')}data: [DONE]\n\n`),
    { idleMs: 100 },
  );
  const kinds: string[] = [];
  for await (const thought of model.think(ASKED, new AbortController().signal)) {
    kinds.push(thought.kind);
    await sleep(300);
  }
  assert.deepEqual(kinds, ['text', 'end']);
});

test('a model that speaks for ever is cut at the bound, also where it never ends a line', async (t) => {
  for (const piece of [chunk({ content: 'more '.repeat(100) }), 'x'.repeat(500), ': still thinking\n\n']) {
    const { model, state } = await modelDuring(t, async (response) => {
      stream(response);
      while (!response.destroyed) {
        response.write(piece);
        await new Promise(setImmediate);
      }
    });
    await assert.rejects(think(model), failed);
    await until(() => state.open === 0);
  }
});

test('a model may call so many functions and no more', async (t) => {
  const call = (index: number) => chunk({ tool_calls: [{ index, function: { name: 'f', arguments: '{}' } }] });
  const calls = (count: number) => Array.from({ length: count }, (_, index) => call(index)).join('');
  let count = 128;
  const { model } = await modelDuring(t, (response) => void stream(response).end(`${calls(count)}data: [DONE]\n\n`));
  assert.equal((await think(model)).filter(({ kind }) => kind === 'call').length, 128);
  count = 129;
  await assert.rejects(think(model), failed);
});

test('whoever loses interest ends the request, at every point of the answer', async (t) => {
  const { model, state } = await modelDuring(t, async (response) => {
    stream(response);
    for (let i = 0; i < 4 && !response.destroyed; i++) {
      response.write(chunk({ content: String(i) }));
      await sleep(5);
    }
  });
  for (let leave = 0; leave <= 4; leave++) {
    const stop = new AbortController();
    let heard = 0;
    if (leave === 0) setTimeout(() => stop.abort(new SpeechError('cancelled', 'enough')), 10);
    await assert.rejects(
      async () => {
        for await (const _ of model.think(ASKED, stop.signal)) {
          if (++heard === leave) stop.abort(new SpeechError('cancelled', 'enough'));
        }
      },
      (error) => error instanceof SpeechError && error.code === 'cancelled',
    );
    await until(() => state.open === 0);
  }
});

test('calls are told apart by their index, or by their names where a model counts none, and each has an id of its own', async (t) => {
  const call = (index: number | undefined, id: string | undefined, name?: string, args?: string) =>
    chunk({ tool_calls: [{ index, id, function: { name, arguments: args } }] });
  const told = async (...chunks: string[]) => {
    const { model } = await modelDuring(
      t,
      (response) => void stream(response).end(`${chunks.join('')}data: [DONE]\n\n`),
    );
    const calls: { id: string; name: string; arguments: string }[] = [];
    for (const thought of await think(model)) {
      if (thought.kind === 'call') calls.push({ id: thought.callId, name: thought.name, arguments: '' });
      if (thought.kind === 'arguments') calls.at(-1)!.arguments += thought.delta;
    }
    return calls;
  };
  const f = { id: 'a', name: 'f', arguments: '{"n":1}' };
  const g = { id: 'b', name: 'g', arguments: '{"n":2}' };
  assert.deepEqual(
    await told(call(0, 'a', 'f', '{"n"'), call(0, undefined, undefined, ':1}'), call(1, 'b', 'g', '{"n":2}')),
    [f, g],
  );
  // All of them are the first one.
  assert.deepEqual(await told(call(0, 'a', 'f', '{"n":1}'), call(0, 'b', 'g', '{"n":2}')), [f, g]);
  assert.deepEqual(await told(call(undefined, 'a', 'f', '{"n":1}'), call(undefined, 'b', 'g', '{"n":2}')), [f, g]);
  // A new id with every piece of one call.
  assert.deepEqual(await told(call(0, 'a', 'f', ''), call(0, 'x', undefined, '{"n"'), call(0, 'y', undefined, ':1}')), [
    f,
  ]);
  // The name with every piece.
  assert.deepEqual(await told(call(0, 'a', 'f', '{"n"'), call(0, 'a', 'f', ':1}')), [f]);
  const unnamed = [...(await told(call(0, undefined, 'f', '{}'))), ...(await told(call(0, '', 'f', '{}')))];
  assert.equal(new Set(unnamed.map(({ id }) => id)).size, 2);
  assert.ok(unnamed.every(({ id }) => /^call_\w{8,}$/.test(id)));
});

test('a function that is called with nothing is called with no arguments, as JSON', async (t) => {
  const { model } = await modelDuring(t, (response) => {
    const calls = [0, 1].map((index) => chunk({ tool_calls: [{ index, id: `c${index}`, function: { name: 'now' } }] }));
    stream(response).end(`${calls.join('')}data: [DONE]\n\n`);
  });
  const told = (await think(model)).map((thought) => (thought.kind === 'arguments' ? thought.delta : thought.kind));
  assert.deepEqual(told, ['call', '{}', 'call', '{}', 'end']);
});

test('a model that closes a kept connection just when it is asked again is asked once more', async (t) => {
  let asked = 0;
  const used = new WeakSet<object>();
  const { model } = await modelDuring(t, (response) => {
    asked++;
    const { socket } = response;
    if (used.has(socket!)) {
      socket!.destroy();
      return;
    }
    used.add(socket!);
    stream(response).end(`${chunk({ content: 'one' }, 'stop')}data: [DONE]\n\n`);
  });
  for (let i = 0; i < 3; i++) {
    assert.equal((await think(model)).length, 2);
    await sleep(50);
  }
  assert.equal(asked, 5);
  const { model: refusing, state } = await modelDuring(t, (response) => void response.socket!.destroy());
  await assert.rejects(think(refusing), failed);
  assert.equal(state.asked, 1, 'on a connection of its own it is not asked again');
});
