/** Recogniser, voice and language model of a Realtime session: each its own choice, and what is not there is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { chatDuring } from './support/chat.ts';
import { RealtimeClient } from './support/realtime.ts';
import { serveDuring } from './support/server.ts';
import { spokenPcm } from './support/spoken.ts';

test('recogniser and voice are the ones that were asked for, and an unknown one changes nothing', async (t) => {
  const chat = await chatDuring(t, () => ['fine.']);
  const server = await serveDuring(t, {
    tones: true,
    env: { TTS_MODEL: 'tone-voice', STT_MODEL: 'tone-ear', OS_LLM_URL: chat.url, OS_LLM_MODEL: 'thinker' },
  });
  const client = await RealtimeClient.open(server, 'model=whatever-the-client-calls-it');
  t.after(() => client.close());
  const set = (audio: object) =>
    client.send({ type: 'session.update', event_id: 'mine', session: { type: 'realtime', audio } });
  const wanted = { input: { transcription: { model: 'tone-ear' } }, output: { voice: 'tone-1' } };
  set(wanted);
  const before = (await client.next('session.updated')).session.audio;
  assert.equal(before.input.transcription.model, 'tone-ear');
  assert.equal(before.output.voice, 'tone-1');

  for (const [audio, param, names] of [
    [{ input: { transcription: { model: 'no-such' } } }, 'session.audio.input.transcription.model', /tone-ear/],
    [{ input: { transcription: { model: 'tone-voice' } } }, 'session.audio.input.transcription.model', /tone-ear/],
    [{ output: { voice: 'nobody' } }, 'session.audio.output.voice', /tone-0, tone-1/],
  ] as const) {
    set(audio);
    const { error } = await client.next('error');
    assert.deepEqual([error.type, error.code, error.param], ['invalid_request_error', 'invalid_value', param]);
    assert.equal(error.event_id, 'mine');
    assert.match(error.message, names);
  }
  set(wanted);
  assert.deepEqual((await client.next('session.updated')).session.audio, before);

  client.append(await spokenPcm(server, 'hello'));
  assert.equal((await client.next('conversation.item.input_audio_transcription.completed')).transcript, 'hello');
  assert.equal((await client.next('response.done')).response.status, 'completed');
  assert.deepEqual(
    chat.requests.map(({ model }) => model),
    ['thinker'],
  );
});

test('a recogniser that is not there opens no transcription session', async (t) => {
  const server = await serveDuring(t, { tones: true, env: { STT_MODEL: 'tone-ear' } });
  await assert.rejects(RealtimeClient.open(server, 'intent=transcription&model=no-such'), /404/);
});
