import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { muLawToPcm } from '../src/audio/g711.ts';
import { fromS16le } from '../src/audio/pcm.ts';
import { chatDuring, type Saying } from './support/chat.ts';
import { RealtimeClient } from './support/realtime.ts';
import { serveDuring } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';

const TONES = { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_MODEL_TTL: '0' };

async function conversation(test: TestContext, say: (question: string) => Saying[]) {
  const chat = await chatDuring(test, ({ messages }) => say(String(messages.at(-1)?.content ?? '')));
  const server = await serveDuring(test, {
    tones: true,
    env: { ...TONES, OS_LLM_URL: chat.url, OS_LLM_MODEL: 'thinker', OS_LLM_API_KEY: 'llm-secret-Zk82mVq9' },
  });
  return { chat, server };
}

test('a spoken question is heard, thought about and answered in speech', async (context) => {
  const { chat, server } = await conversation(context, () => ['good day to', ' you. how are you']);
  const client = await RealtimeClient.open(server);
  const created = await client.next('session.created');
  assert.equal(created.session.type, 'realtime');
  client.send({
    type: 'session.update',
    session: {
      type: 'realtime',
      instructions: 'Be brief.',
      audio: { input: { transcription: { model: 'whisper-1' } }, output: { voice: 'tone-0' } },
    },
  });
  await client.next('session.updated');
  client.append(await spokenPcm(server, 'good morning'));
  const started = await client.next('input_audio_buffer.speech_started');
  await client.next('input_audio_buffer.speech_stopped');
  const heard = await client.next('conversation.item.input_audio_transcription.completed');
  assert.equal(heard.transcript, 'good morning');
  assert.equal(heard.item_id, started.item_id);
  const done = await client.next('response.done');
  assert.equal(done.response.status, 'completed');
  assert.equal(done.response.output[0].content[0].transcript, 'good day to you. how are you');
  assert.equal(done.response.usage.total_tokens, 12);
  const [request] = chat.requests;
  assert.equal(request!.model, 'thinker');
  assert.equal(request!.authorization, 'Bearer llm-secret-Zk82mVq9');
  assert.deepEqual(request!.messages, [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: 'good morning' },
  ]);
  const audio = client.events
    .filter(({ type }) => type === 'response.output_audio.delta')
    .map(({ delta }) => Buffer.from(delta, 'base64'));
  const pcm = fromS16le(Buffer.concat(audio));
  assert.ok(pcm.length > 24_000, `${pcm.length} samples`);
  assert.ok(pcm.some((sample) => Math.abs(sample) > 0.1));
  const ids = client.events.map(({ event_id }) => event_id as string);
  assert.equal(new Set(ids).size, ids.length);
  client.close();
});

test('who speaks into an answer ends it at once, and the language model is told to stop', async (context) => {
  const { chat, server } = await conversation(context, () => [
    'one two three. Four five six. Seven',
    { waitMs: 30_000 },
    'never',
  ]);
  const client = await RealtimeClient.open(server);
  client.send({ type: 'session.update', session: { type: 'realtime', audio: { output: { voice: 'tone-0' } } } });
  const question = await spokenPcm(server, 'hello');
  client.append(question);
  const delta = await client.next('response.output_audio.delta');
  client.append(question);
  await client.next('input_audio_buffer.speech_started');
  const done = await client.next('response.done');
  assert.equal(done.response.id, delta.response_id);
  assert.deepEqual(done.response.status_details, { type: 'cancelled', reason: 'turn_detected' });
  const at = client.events.indexOf(done);
  await client.next('response.created');
  assert.ok(client.events.slice(at + 1).every((event) => event.response_id !== delta.response_id));
  client.send({ type: 'response.cancel' });
  await client.next('response.done');
  client.send({ type: 'input_audio_buffer.clear' });
  await client.next('input_audio_buffer.cleared');
  assert.ok(chat.left() >= 1);
  client.close();
});

test('whoever says nothing is asked, and again where he says nothing to that', async (context) => {
  const { chat, server } = await conversation(context, () => ['are you there']);
  const client = await RealtimeClient.open(server);
  const turn_detection = { type: 'server_vad', idle_timeout_ms: 1000 };
  client.send({
    type: 'session.update',
    session: { type: 'realtime', output_modalities: ['text'], audio: { input: { turn_detection } } },
  });
  await client.next('session.updated');
  let heardUntilMs = 0;
  for (let time = 0; time < 2; time++) {
    client.append(Buffer.alloc(48 * 1500));
    const { audio_start_ms, audio_end_ms, item_id } = await client.next('input_audio_buffer.timeout_triggered');
    assert.ok(audio_start_ms >= heardUntilMs && audio_end_ms - audio_start_ms >= 1000);
    heardUntilMs = audio_end_ms;
    assert.equal((await client.next('input_audio_buffer.committed')).item_id, item_id);
    const done = await client.next('response.done');
    assert.equal(done.response.output[0].content[0].text, 'are you there');
  }
  assert.deepEqual(chat.requests[1]!.messages, [{ role: 'assistant', content: 'are you there' }]);
  client.close();
});

test('functions are called, and their results answered', async (context) => {
  const { chat, server } = await conversation(context, (last) =>
    last === 'sunny' ? ['it is sunny'] : [{ call: 'weather', arguments: '{"city":"Ulm"}' }],
  );
  const client = await RealtimeClient.open(server);
  const tools = [{ type: 'function', name: 'weather', description: 'Tells it.', parameters: { type: 'object' } }];
  client.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'], tools } });
  client.send({
    type: 'conversation.item.create',
    item: { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'weather?' }] },
  });
  client.send({ type: 'response.create' });
  const called = await client.next('response.function_call_arguments.done');
  assert.equal(called.name, 'weather');
  assert.equal(called.arguments, '{"city":"Ulm"}');
  await client.next('response.done');
  client.send({
    type: 'conversation.item.create',
    item: { type: 'function_call_output', call_id: called.call_id, output: 'sunny' },
  });
  client.send({ type: 'response.create' });
  const text = await client.next('response.output_text.done');
  assert.equal(text.text, 'it is sunny');
  assert.deepEqual(chat.requests[0]!.tools, [
    { type: 'function', function: { name: 'weather', description: 'Tells it.', parameters: { type: 'object' } } },
  ]);
  assert.deepEqual(
    chat.requests[1]!.messages.map(({ role }) => role),
    ['user', 'assistant', 'tool'],
  );
  client.close();
});

test('a language model that fails ends the response, not the session', async (context) => {
  const answers: Saying[][] = [[{ status: 500 }], ['half', 'break'], ['whole']];
  const { server } = await conversation(context, () => answers.shift()!);
  const client = await RealtimeClient.open(server);
  client.send({ type: 'session.update', session: { type: 'realtime', output_modalities: ['text'] } });
  for (const status of ['failed', 'failed', 'completed']) {
    client.send({ type: 'response.create' });
    const done = await client.next('response.done');
    assert.equal(done.response.status, status);
    if (status === 'failed') assert.equal(done.response.status_details.error.code, 'upstream_failed');
  }
  client.close();
});

test('without a language model a session transcribes, and speaks what it is given', async (context) => {
  const server = await serveDuring(context, { tones: true, env: TONES });
  const client = await RealtimeClient.open(server);
  client.send({
    type: 'session.update',
    session: {
      type: 'realtime',
      audio: {
        input: { turn_detection: null, transcription: {} },
        output: { voice: 'tone-0', format: { type: 'audio/pcmu' } },
      },
    },
  });
  client.send({ type: 'input_audio_buffer.commit', event_id: 'too-early' });
  const empty = await client.next('error');
  assert.deepEqual([empty.error.code, empty.error.event_id], ['input_audio_buffer_commit_empty', 'too-early']);
  client.append(await spokenPcm(server, 'hello there'), 4801);
  client.send({ type: 'input_audio_buffer.commit' });
  const heard = await client.next('conversation.item.input_audio_transcription.completed');
  assert.equal(heard.transcript, 'hello there');
  client.send({ type: 'response.create', response: { instructions: 'say this', metadata: { a: 'b' } } });
  const created = await client.next('response.created');
  assert.deepEqual(created.response.metadata, { a: 'b' });
  await client.next('response.done');
  const audio = client.events
    .filter(({ type }) => type === 'response.output_audio.delta')
    .map(({ delta }) => Buffer.from(delta, 'base64'));
  assert.ok(muLawToPcm(Buffer.concat(audio)).some((sample) => Math.abs(sample) > 0.1));
  client.close();
});

test('what is wrong with an event is answered, and the session goes on', async (context) => {
  const server = await serveDuring(context, { tones: true, env: TONES });
  const client = await RealtimeClient.open(server);
  await client.next('session.created');
  for (const [frame, code] of [
    ['{', 'invalid_json'],
    ['[1]', 'invalid_event'],
    ['{}', 'missing_required_parameter'],
    ['{"type":"nonsense"}', 'invalid_value'],
    ['{"type":"input_audio_buffer.append"}', 'missing_required_parameter'],
    ['{"type":"input_audio_buffer.append","audio":"not base64!"}', 'invalid_value'],
    ['{"type":"response.cancel"}', 'response_cancel_not_active'],
    ['{"type":"conversation.item.delete","item_id":"x"}', 'item_delete_invalid_item_id'],
    ['{"type":"session.update","session":{"type":"realtime","audio":{"output":{"voice":"nobody"}}}}', 'invalid_value'],
    [
      '{"type":"session.update","session":{"type":"realtime","audio":{"input":{"transcription":{"language":"xx"}}}}}',
      'invalid_value',
    ],
    ['{"type":"transcription_session.update","session":{}}', 'invalid_value'],
  ] as const) {
    client.socket.send(frame);
    const { error } = await client.next('error');
    assert.equal(error.code, code, frame);
  }
  client.socket.send(Buffer.from([1, 2, 3]));
  assert.equal((await client.next('error')).error.code, 'invalid_event');
  client.send({ type: 'input_audio_buffer.clear' });
  await client.next('input_audio_buffer.cleared');
  client.close();
});

test('a page opens a session with a client secret, which opens nothing else', async (context) => {
  const server = await serveDuring(context, { tones: true, env: TONES });
  const answer = await server.fetch('/v1/realtime/client_secrets', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      expires_after: { anchor: 'created_at', seconds: 30 },
      session: { type: 'realtime', model: 'gpt-realtime', instructions: 'Whisper.' },
    }),
  });
  assert.equal(answer.status, 200);
  const { value, session } = (await answer.json()) as { value: string; session: { instructions: string } };
  assert.match(value, /^ek_/);
  assert.equal(session.instructions, 'Whisper.');
  const client = await RealtimeClient.open(server, 'model=gpt-realtime', {
    protocols: ['realtime', `openai-insecure-api-key.${value}`, 'openai-agents-sdk.0.20.0'],
  });
  assert.equal(client.socket.protocol, 'realtime');
  assert.equal((await client.next('session.created')).session.instructions, 'Whisper.');
  client.close();
  const models = await fetch(`${server.url}/v1/models`, { headers: { authorization: `Bearer ${value}` } });
  assert.equal(models.status, 401);
  await assert.rejects(RealtimeClient.open(server, 'model=x', { key: 'ek_wrong' }), /401/);
  await assert.rejects(RealtimeClient.open(server, 'call_id=rtc_1'), /400/);
  await assert.rejects(RealtimeClient.open(server, 'intent=transcription&model=no-such-ear'), /404/);
});

test('clients from before general availability are spoken to in their own words', async (context) => {
  const server = await serveDuring(context, { tones: true, env: TONES });
  const client = await RealtimeClient.open(server, 'model=gpt-4o-realtime-preview', {
    headers: { 'openai-beta': 'realtime=v1' },
  });
  const created = await client.next('session.created');
  assert.deepEqual(created.session.modalities, ['text', 'audio']);
  client.send({
    type: 'session.update',
    session: {
      voice: 'tone-0',
      input_audio_format: 'pcm16',
      turn_detection: null,
      input_audio_transcription: { model: 'whisper-1' },
    },
  });
  const updated = await client.next('session.updated');
  assert.equal(updated.session.voice, 'tone-0');
  assert.equal(updated.session.turn_detection, null);
  client.append(await spokenPcm(server, 'hello'));
  client.send({ type: 'input_audio_buffer.commit' });
  const item = await client.next('conversation.item.created');
  assert.equal(item.item.role, 'user');
  await client.next('conversation.item.input_audio_transcription.completed');
  client.send({ type: 'response.create', response: { modalities: ['text', 'audio'], instructions: 'say this' } });
  await client.next('response.audio.delta');
  const done = await client.next('response.done');
  assert.equal(done.response.output[0].content[0].type, 'audio');
  assert.ok(client.types().every((type) => !type.includes('output_audio') && type !== 'conversation.item.added'));
  client.close();
});

test('at shutdown the last words are told and answered, and then why the session ends', async (context) => {
  const { server } = await conversation(context, () => ['good night']);
  const client = await RealtimeClient.open(server);
  const update = { output_modalities: ['text'], audio: { input: { transcription: {} } } };
  client.send({ type: 'session.update', session: { type: 'realtime', ...update } });
  const audio = await spokenPcm(server, 'good morning');
  client.append(audio.subarray(0, audio.length - 72_000));
  await client.next('input_audio_buffer.speech_started');
  await server.server.close();
  assert.equal((await client.next('conversation.item.input_audio_transcription.completed')).transcript, 'good morning');
  assert.equal((await client.next('response.output_text.done')).text, 'good night');
  assert.equal((await client.next('response.done')).response.status, 'completed');
  assert.equal((await client.next('error')).error.code, 'server_shutting_down');
  await assert.rejects(client.next('nothing'), /closed/);
  assert.equal(client.closed?.code, 1001);
});

test('a recording longer than an utterance may be, committed at once, is one item, and is answered whole', async (context) => {
  const chat = await chatDuring(context, () => ['I see']);
  const llm = { OS_LLM_URL: chat.url, OS_LLM_MODEL: 'm', OS_LIVE_UTTERANCE_S: '5' };
  const server = await serveDuring(context, { tones: true, env: { ...TONES, ...llm } });
  const client = await RealtimeClient.open(server);
  const input = { transcription: {}, turn_detection: null };
  const update = { type: 'realtime', output_modalities: ['text'], audio: { input } };
  client.send({ type: 'session.update', session: update });
  const parts = [await spokenPcm(server, 'first of all'), await spokenPcm(server, 'and then the last')];
  // Enough silence between them that nothing is cut in the middle of a word.
  client.append(Buffer.concat([parts[0]!, Buffer.alloc(48_000 * 5), parts[1]!]), 48_000);
  client.send({ type: 'input_audio_buffer.commit' });
  client.send({ type: 'response.create' });
  const { transcript } = await client.next('conversation.item.input_audio_transcription.completed');
  assert.equal(transcript, 'first of all and then the last');
  assert.equal((await client.next('response.done')).response.status, 'completed');
  assert.equal(client.types().filter((type) => type === 'input_audio_buffer.committed').length, 1);
  assert.deepEqual(chat.requests[0]!.messages, [{ role: 'user', content: transcript }]);
  client.close();
});
