/** The bounds of the live protocols, each from both sides. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { assertError } from './support/answers.ts';
import { chatDuring } from './support/chat.ts';
import { LiveSocket, TONES } from './support/live.ts';
import { serveDuring } from './support/server.ts';

const REALTIME = '/v1/realtime?model=gpt-realtime';

async function realtime(t: TestContext, env: Record<string, string>, say = () => ['yes']) {
  const chat = await chatDuring(t, say);
  const server = await serveDuring(t, {
    tones: true,
    env: { ...TONES, OS_LLM_URL: chat.url, OS_LLM_MODEL: 'm', ...env },
  });
  const live = await LiveSocket.open(server, REALTIME);
  await live.until('session.created');
  return { chat, server, live };
}

const item = (text: string) => ({
  type: 'conversation.item.create',
  item: { type: 'message', role: 'user', content: [{ type: 'input_text', text }] },
});

test('a Realtime message of exactly the limit is read, one byte more closes the socket', async (t) => {
  const { live } = await realtime(t, { OS_REALTIME_MAX_MESSAGE_MB: '1' });
  const padded = (bytes: number) => {
    const bare = JSON.stringify({ type: 'response.cancel', padding: '' });
    return JSON.stringify({ type: 'response.cancel', padding: 'x'.repeat(bytes - bare.length) });
  };
  live.send(padded(1024 * 1024));
  assert.equal((await live.until('error')).error.code, 'response_cancel_not_active');
  live.send(padded(1024 * 1024 + 1));
  assert.equal(await live.closed(), 1009);
});

test('a Realtime session may be silent for longer than others, and is told when that was too long', async (t) => {
  const { server, live } = await realtime(t, { OS_WS_IDLE_TIMEOUT_S: '1', OS_REALTIME_IDLE_TIMEOUT_S: '3' });
  const stream = await LiveSocket.open(server, '/v1/audio/stream');
  assert.equal(await stream.closed(), 4008);
  live.send({ type: 'input_audio_buffer.clear' });
  await live.until('input_audio_buffer.cleared');
  assert.equal((await live.until('error')).error.code, 'session_expired');
  assert.equal(await live.closed(), 4008);
});

test('a Realtime conversation keeps as many items as permitted, and the oldest makes room for one more', async (t) => {
  const { live } = await realtime(t, { OS_REALTIME_MAX_ITEMS: '3' });
  for (const text of ['a', 'b', 'c']) live.send(item(text));
  await live.until('conversation.item.done', 3);
  assert.ok(!live.types().includes('conversation.item.deleted'));
  const [first] = live.told.filter(({ type }) => type === 'conversation.item.done');
  live.send(item('d'));
  assert.equal((await live.until('conversation.item.deleted')).item_id, first!.item.id);
  live.socket.close();
});

test('a Realtime conversation keeps as much text as permitted, and refuses an item that is larger', async (t) => {
  const { live } = await realtime(t, { OS_REALTIME_MAX_CONVERSATION_KB: '16' });
  live.send(item('x'.repeat(7000)));
  live.send(item('y'.repeat(7000)));
  await live.until('conversation.item.done', 2);
  assert.ok(!live.types().includes('conversation.item.deleted'));
  live.send(item('z'.repeat(7000)));
  await live.until('conversation.item.deleted');
  live.send(item('z'.repeat(17_000)));
  assert.equal((await live.until('error')).error.code, 'item_too_large');
  live.send(item('still here'));
  await live.until('conversation.item.done', 4);
  live.socket.close();
});

test('as many Realtime responses are made at once as permitted, and one that is over makes room', async (t) => {
  const { live } = await realtime(t, { OS_REALTIME_MAX_RESPONSES: '2' }, () => ['well', { waitMs: 60_000 }] as never);
  const create = { type: 'response.create', response: { conversation: 'none', output_modalities: ['text'] } };
  for (let i = 0; i < 3; i++) live.send(create);
  assert.equal((await live.until('error')).error.code, 'rate_limit_exceeded');
  const { response } = await live.until('response.created', 2);
  live.send({ type: 'response.cancel', response_id: response.id });
  await live.until('response.done');
  live.send(create);
  await live.until('response.created', 3);
  live.socket.close();
});

test('as much text as permitted waits to be spoken, one character more is refused', async (t) => {
  const server = await serveDuring(t, { tones: true, env: { ...TONES, OS_LIVE_TEXT_LENGTH: '256' } });
  const live = await LiveSocket.open(server, '/v1/speak');
  live.send({ type: 'Speak', text: 'x'.repeat(257) });
  assert.equal((await live.until('Warning')).code, 'text_too_long');
  live.send({ type: 'Speak', text: 'x'.repeat(256) });
  live.send({ type: 'Close' });
  assert.equal(await live.closed(), 1000);
  assert.equal(live.types().filter((type) => type === 'Warning').length, 1);
  assert.ok(live.types().includes('binary'));
});

test('the sessions of client secrets take as much room as permitted', async (t) => {
  const server = await serveDuring(t, { tones: true, env: { ...TONES, OS_MAX_CLIENT_SECRETS_KB: '64' } });
  const make = (instructions: string) =>
    server.fetch('/v1/realtime/client_secrets', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ session: { type: 'realtime', instructions } }),
    });
  assert.equal((await make('x'.repeat(30_000))).status, 200);
  await assertError(await make('x'.repeat(3000)), { status: 503, code: 'overloaded' });
  assert.equal((await make('x'.repeat(1000))).status, 200);
});

test('at shutdown a text that had come is spoken to its end', async (t) => {
  const server = await serveDuring(t, { tones: true, env: TONES });
  const live = await LiveSocket.open(server, '/v1/speak');
  live.send({ type: 'Speak', text: 'The first words. And the last ones' });
  await live.until('binary');
  await server.server.close();
  assert.equal(await live.closed(), 1000);
  assert.equal(live.told.at(-1)!.type, 'Flushed');
});

test('a message of more audio than may wait is refused as that, and the stream goes on', async (t) => {
  const server = await serveDuring(t, { tones: true, env: { ...TONES, OS_LIVE_BACKLOG_S: '5' } });
  const live = await LiveSocket.open(server, '/v1/listen?encoding=mulaw&sample_rate=8000');
  live.send(Buffer.alloc(8000 * 5 + 1, 0xff));
  assert.equal((await live.until('Error')).variant, 'audio_too_long');
  live.send(Buffer.alloc(8000 * 5, 0xff));
  live.send({ type: 'CloseStream' });
  assert.equal(await live.closed(), 1000);
  assert.equal(live.told.at(-1)!.duration, 5);
});
