/** Language models that misbehave in the middle of a conversation: it is told, and goes on. */
import assert from 'node:assert/strict';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type TestContext, test } from 'node:test';
import { assertUnharmed } from './support/answers.ts';
import { LiveSocket, noteLeftovers, TONES } from './support/live.ts';
import { serveDuring } from './support/server.ts';
import { until } from './support/until.ts';

type Answer = (response: ServerResponse) => void | Promise<void>;

const chunk = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ delta: { content }, finish_reason: null }] })}\n\n`;
const stream = (response: ServerResponse): ServerResponse =>
  response.writeHead(200, { 'content-type': 'text/event-stream' });
const good: Answer = (response) => void stream(response).end(`${chunk('well then.')}data: [DONE]\n\n`);

async function converse(t: TestContext) {
  const model = { answer: good, open: 0 };
  const chat = createServer((request, response) => {
    model.open++;
    response.once('close', () => model.open--);
    request.resume().once('end', () => void model.answer(response));
  });
  await new Promise<void>((resolve) => chat.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    chat.closeAllConnections();
    chat.close();
  });
  const url = `http://127.0.0.1:${(chat.address() as AddressInfo).port}`;
  const limits = { OS_LLM_IDLE_S: '1', OS_LLM_MAX_ANSWER_KB: '64' };
  const server = await serveDuring(t, {
    tones: true,
    env: { ...TONES, ...limits, OS_LLM_URL: url, OS_LLM_MODEL: 'm', OS_LLM_API_KEY: 'llm-secret-Zk82mVq9' },
  });
  const live = await LiveSocket.open(server, '/v1/realtime?model=gpt-realtime');
  await live.until('session.created');
  let asked = 0;
  const ask = async (modality = 'audio') => {
    live.send({ type: 'response.create', response: { output_modalities: [modality] } });
    return (await live.until('response.done', ++asked)).response;
  };
  return { model, server, live, ask, url };
}

const BAD: Record<string, (url: string) => Answer> = {
  'says nothing': () => () => {},
  'falls silent halfway': () => (response) => void stream(response).write(chunk('one. two')),
  'speaks for ever': () => async (response) => {
    stream(response);
    while (!response.destroyed) {
      response.write(chunk('more. '.repeat(50)));
      await new Promise(setImmediate);
    }
  },
  'never ends a line': () => async (response) => {
    stream(response);
    while (!response.destroyed) {
      response.write('x'.repeat(1000));
      await new Promise(setImmediate);
    }
  },
  'sends garbage': () => (response) => void stream(response).end('data: {"choices":[{"delta":{"content":{}}}]}\n\n'),
  'breaks off': () => (response) => {
    stream(response).write(chunk('one. two. '));
    setTimeout(() => response.destroy(), 50);
  },
  'sends others elsewhere': (url) => (response) => void response.writeHead(307, { location: `${url}/other` }).end(),
  refuses: () => (response) => void response.writeHead(503).end(),
  'does not know the key': () => (response) => void response.writeHead(401).end('{"error":"llm-secret-Zk82mVq9"}'),
};

test('whatever the language model does, the response fails, the next one does not, and no request stays open', async (t) => {
  const { model, server, live, ask, url } = await converse(t);
  const nothingLeft = await noteLeftovers(server);
  for (const [what, answer] of Object.entries(BAD)) {
    for (const modality of ['text', 'audio']) {
      model.answer = answer(url);
      const failed = await ask(modality);
      assert.equal(failed.status, 'failed', what);
      const { code, message } = failed.status_details.error;
      assert.ok(['upstream_failed', 'text_too_long'].includes(code), `${what}: ${code}`);
      assert.ok(!message.includes('secret'));
      await until(() => model.open === 0);
      model.answer = good;
      assert.equal((await ask('text')).status, 'completed', `after one that ${what}`);
    }
  }
  await nothingLeft();
  assert.doesNotMatch(server.log.join(''), /llm-secret/);
  for (const reason of ['it answered 401', 'it said nothing for 1 seconds', 'its answer is too long']) {
    assert.ok(
      server.log.some((line) => line.includes(`language model: ${reason}`)),
      reason,
    );
  }
  live.socket.close();
  await live.closed();
});

test('a language model that answers slowly, word by word, is heard to the end', async (t) => {
  const { model, server, live, ask } = await converse(t);
  model.answer = async (response) => {
    stream(response);
    for (const word of ['one ', 'two ', 'three. ', 'four']) {
      response.write(chunk(word));
      await new Promise((resolve) => setTimeout(resolve, 300));
    }
    response.end('data: [DONE]\n\n');
  };
  const done = await ask();
  assert.equal(done.status, 'completed');
  assert.equal(done.output[0].content[0].transcript, 'one two three. four');
  live.socket.close();
  await live.closed();
  await assertUnharmed(server);
});

test('whoever leaves while the language model thinks takes its request along', async (t) => {
  const { model, server, live } = await converse(t);
  model.answer = (response) => void stream(response).write(chunk('one. two'));
  live.send({ type: 'response.create' });
  await until(() => model.open === 1);
  live.socket.terminate();
  await until(() => model.open === 0);
  await assertUnharmed(server);
});
