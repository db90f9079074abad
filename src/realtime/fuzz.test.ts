import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FUZZ_RUNS, mutateText, randomOf } from '../../test/support/mutate.ts';
import { fromBeta, toBeta } from './beta.ts';
import { readClientEvent, readFrame } from './client-events.ts';
import { RealtimeProblem } from './problem.ts';
import { step } from './realtime.machine.ts';
import { newRealtime, type RealtimeState, type Rules } from './state.ts';
import { RULES } from './testing.ts';

const FRAMES = [
  {
    type: 'session.update',
    event_id: 'e',
    session: { type: 'realtime', instructions: 'x', output_modalities: ['text'] },
  },
  {
    type: 'session.update',
    session: {
      type: 'realtime',
      audio: {
        input: { format: { type: 'audio/pcm', rate: 24_000 }, turn_detection: { type: 'server_vad', threshold: 0.5 } },
        output: { voice: 'alloy', speed: 1 },
      },
    },
  },
  { type: 'session.update', session: { modalities: ['text', 'audio'], voice: 'alloy', input_audio_format: 'pcm16' } },
  { type: 'transcription_session.update', session: { input_audio_transcription: { model: 'whisper-1' } } },
  { type: 'input_audio_buffer.append', audio: 'AAECAwQFBgc=' },
  { type: 'input_audio_buffer.commit' },
  { type: 'input_audio_buffer.clear' },
  {
    type: 'conversation.item.create',
    previous_item_id: 'root',
    item: { id: 'a', type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
  },
  { type: 'conversation.item.create', item: { type: 'function_call_output', call_id: 'c', output: '{}' } },
  { type: 'conversation.item.retrieve', item_id: 'a' },
  { type: 'conversation.item.truncate', item_id: 'a', content_index: 0, audio_end_ms: 10 },
  { type: 'conversation.item.delete', item_id: 'a' },
  { type: 'response.create', response: { conversation: 'none', metadata: { a: 'b' }, input: [] } },
  { type: 'response.create' },
  { type: 'response.cancel', response_id: 'r' },
].map((frame) => JSON.stringify(frame));

const LIMITS: Rules = { ...RULES, maxItems: 10, maxResponses: 3 };

test('whatever a client sends, a session answers it or says what is wrong with it', () => {
  const random = randomOf(7);
  const begin = (): RealtimeState =>
    newRealtime({ id: 's', kind: 'realtime', model: 'm', voice: 'alloy', expiresAt: 1 }, 'z');
  let state = begin();
  let problems = 0;
  for (let run = 0; run < FUZZ_RUNS; run++) {
    const frame = mutateText(FRAMES[random(FRAMES.length)]!, random);
    try {
      const value = readFrame(frame);
      const event = readClientEvent(random(2) === 0 ? fromBeta(value) : value);
      const { state: after, effects } = step(state, { type: 'client', event }, LIMITS);
      for (const effect of effects) {
        if (effect.type !== 'send') continue;
        assert.ok(JSON.stringify(effect.event).length < 200_000);
        for (const translated of toBeta(effect.event, 'conv_1')) JSON.stringify(translated);
      }
      assert.ok(after.items.length <= LIMITS.maxItems && after.responses.size <= LIMITS.maxResponses);
      state = run % 500 === 0 ? begin() : after;
    } catch (thrown) {
      if (!(thrown instanceof RealtimeProblem)) throw new Error(`${frame}: ${thrown}`, { cause: thrown });
      problems++;
    }
  }
  assert.ok(problems > FUZZ_RUNS / 10);
  assert.equal(({} as { a?: unknown }).a, undefined);
});
