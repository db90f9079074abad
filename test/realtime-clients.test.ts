/** The clients that people have installed, as they are, against a server with TLS as most of them insist on. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents-realtime';
import { OpenAI } from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { OpenAI as OpenAI4 } from 'openai4';
import { OpenAIRealtimeWS as OpenAIRealtimeWS4 } from 'openai4/beta/realtime/ws';
import { OpenAI as OpenAI6 } from 'openai6';
import { OpenAIRealtimeWS as OpenAIRealtimeWS6 } from 'openai6/realtime/ws';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { chatDuring, type Saying } from './support/chat.ts';
import { serveDuring } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';

const TONES = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_MODEL_TTL: '0' };

async function conversation(test: TestContext, say: (question: string) => Saying[], env: Record<string, string> = {}) {
  const chat = await chatDuring(test, ({ messages }) => say(String(messages.at(-1)?.content ?? '')));
  return await serveDuring(test, {
    tones: true,
    env: { ...TONES, OS_LLM_URL: chat.url, OS_LLM_MODEL: 'thinker', ...env },
  });
}

const secure = { OS_SSL_ENABLED: 'true' };
/** The server made its certificate itself. */
const options = { rejectUnauthorized: false };

// Both versions have one shape here, and their types are of two packages.
for (const [name, Client, Socket] of [
  ['7', OpenAI, OpenAIRealtimeWS],
  ['6', OpenAI6, OpenAIRealtimeWS6],
] as unknown as [string, typeof OpenAI, typeof OpenAIRealtimeWS][]) {
  test(`version ${name} of the openai package holds a spoken conversation`, async (context) => {
    const server = await conversation(context, () => ['good day to you. how are you']);
    const tls = await conversation(context, () => ['good day to you. how are you'], secure);
    const client = new Client({ apiKey: tls.key, baseURL: `${tls.url}/v1` });
    const realtime = new Socket({ model: 'gpt-realtime', options } as never, client);
    context.after(() => realtime.close());
    const done = Promise.withResolvers<{ transcript: string; bytes: number }>();
    let bytes = 0;
    realtime.on('error', (error) => done.reject(error));
    realtime.on('session.created', () => {
      realtime.send({
        type: 'session.update',
        session: {
          type: 'realtime',
          output_modalities: ['audio'],
          audio: {
            input: { transcription: { model: 'gpt-4o-mini-transcribe' }, turn_detection: { type: 'server_vad' } },
            output: { voice: 'alloy' },
          },
        },
      });
    });
    realtime.on('session.updated', async () => {
      const audio = await spokenPcm(server, 'good morning');
      for (let at = 0; at < audio.length; at += 4800) {
        const piece = Buffer.from(audio.subarray(at, at + 4800)).toString('base64');
        realtime.send({ type: 'input_audio_buffer.append', audio: piece });
      }
    });
    realtime.on('response.output_audio.delta', ({ delta }) => {
      bytes += Buffer.from(delta, 'base64').length;
    });
    let transcript = '';
    realtime.on('conversation.item.input_audio_transcription.completed', (event) => {
      transcript = event.transcript;
    });
    realtime.on('response.done', () => done.resolve({ transcript, bytes }));
    const result = await done.promise;
    assert.equal(result.transcript, 'good morning');
    assert.ok(result.bytes > 48_000, `${result.bytes} bytes`);
  });
}

test('version 4 of the openai package speaks the beta protocol', async (context) => {
  const server = await conversation(context, () => ['never asked'], secure);
  const client = new OpenAI4({ apiKey: server.key, baseURL: `${server.url}/v1` });
  const realtime = new OpenAIRealtimeWS4({ model: 'gpt-4o-realtime-preview', options }, client);
  context.after(() => realtime.close());
  const done = Promise.withResolvers<unknown[]>();
  const types: string[] = [];
  realtime.on('error', (error) => done.reject(error));
  realtime.on('event', ({ type }) => types.push(type));
  realtime.on('session.created', () => {
    realtime.send({
      type: 'session.update',
      session: { modalities: ['text', 'audio'], voice: 'alloy', turn_detection: null as never },
    });
    realtime.send({
      type: 'conversation.item.create',
      item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hello' }] },
    });
    realtime.send({ type: 'response.create', response: { modalities: ['text', 'audio'] } });
  });
  let bytes = 0;
  realtime.on('response.audio.delta', ({ delta }) => {
    bytes += Buffer.from(delta, 'base64').length;
  });
  realtime.on('response.done', ({ response }) => done.resolve(response.output ?? []));
  const [item] = (await done.promise) as { content: { type: string; transcript: string }[] }[];
  assert.deepEqual(item!.content, [{ type: 'audio', transcript: 'never asked' }]);
  assert.ok(bytes > 24_000);
  assert.ok(types.includes('conversation.item.created') && types.includes('response.audio_transcript.done'));
});

test('the agents package talks, calls a tool and keeps a right history', async (context) => {
  const server = await conversation(context, (last) =>
    last === 'good morning' ? [{ call: 'weather', arguments: '{"city":"ulm"}' }] : ['it is sunny in ulm'],
  );
  const cities: string[] = [];
  const weather = tool({
    name: 'weather',
    description: 'Tells the weather.',
    parameters: z.object({ city: z.string() }),
    execute: async ({ city }) => {
      cities.push(city);
      return 'sunny';
    },
  });
  const agent = new RealtimeAgent({ name: 'Greeter', instructions: 'Greet.', tools: [weather], voice: 'alloy' });
  const transport = new OpenAIRealtimeWebSocket({
    url: `${server.url.replace('http', 'ws')}/v1/realtime?model=gpt-realtime`,
    createWebSocket: async ({ url, apiKey }: { url: string; apiKey: string }) =>
      new WebSocket(url, { headers: { authorization: `Bearer ${apiKey}` } }) as never,
    skipOpenEventListeners: false,
  });
  const session = new RealtimeSession(agent, { transport, model: 'gpt-realtime' });
  const errors: unknown[] = [];
  session.on('error', (error) => errors.push(error));
  context.after(() => session.close());
  await session.connect({ apiKey: server.key });
  let bytes = 0;
  session.on('audio', ({ data }) => {
    bytes += data.byteLength;
  });
  const ended = Promise.withResolvers<void>();
  session.on('agent_end', () => {
    if (cities.length > 0) ended.resolve();
  });
  const audio = await spokenPcm(server, 'good morning');
  for (let at = 0; at < audio.length; at += 4800) {
    session.sendAudio(new Uint8Array(audio.subarray(at, at + 4800)).buffer);
  }
  await ended.promise;
  assert.deepEqual(errors, []);
  assert.deepEqual(cities, ['ulm']);
  assert.ok(bytes > 24_000, `${bytes} bytes`);
  const messages = session.history.filter((item) => item.type === 'message');
  const words = messages.map(({ role, content }) => [
    role,
    content.map((part) => ('transcript' in part ? part.transcript : '')).join(),
  ]);
  assert.deepEqual(words, [
    ['user', 'good morning'],
    ['assistant', 'it is sunny in ulm'],
  ]);
});
