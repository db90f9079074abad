import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fromBeta, toBeta } from './beta.ts';
import { readClientEvent } from './client-events.ts';
import type { ServerEvent } from './state.ts';
import { Driven } from './testing.ts';

/** A session that a beta client talks to: what it is sent, in its own words. */
function talk(event: Record<string, unknown>, driven = new Driven()): ServerEvent[] {
  driven.take({ type: 'client', event: readClientEvent(fromBeta(event)) });
  return driven.events.flatMap((sent) => toBeta(sent, driven.state.conversation));
}

test('the conversation is created under the name that its responses bear', () => {
  const driven = new Driven();
  driven.take({ type: 'open' });
  const created = driven.events.flatMap((sent) => toBeta(sent, driven.state.conversation));
  assert.deepEqual(
    created.map(({ type }) => type),
    ['session.created', 'conversation.created'],
  );
  const [, { conversation }] = created as [ServerEvent, ServerEvent & { conversation: { id: string } }];
  const [{ response }] = talk({ type: 'response.create' }, driven) as [ServerEvent & { response: object }];
  assert.equal((response as { conversation_id: string }).conversation_id, conversation.id);
});

test('what is wrong is told by the names that the client wrote', () => {
  for (const [session, param] of [
    [{ modalities: ['video'] }, 'session.modalities[0]'],
    [{ max_response_output_tokens: 0 }, 'session.max_response_output_tokens'],
    [{ turn_detection: { type: 'server_vad', threshold: 2 } }, 'session.turn_detection.threshold'],
    [{ input_audio_transcription: { model: 5 } }, 'session.input_audio_transcription.model'],
    [{ voice: 5 }, 'session.voice'],
    [{ speed: 9 }, 'session.speed'],
    [{ instructions: 5 }, 'session.instructions'],
  ] as const) {
    const [{ error }] = talk({ type: 'session.update', session }) as [ServerEvent & { error: Record<string, string> }];
    assert.equal(error.param, param);
    assert.ok(error.message!.includes(param), error.message);
  }
  const [{ error }] = talk({ type: 'response.create', response: { voice: 5 } }) as [
    ServerEvent & { error: Record<string, string> },
  ];
  assert.equal(error.param, 'response.voice');
});
