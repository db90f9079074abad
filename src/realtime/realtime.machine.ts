/**
 * OpenAI's Realtime protocol (GA) as a pure machine: client events, what is heard, and what responses are made of go
 * in; server events and work for the shell come out. The order of events follows the protocol's description; ids are
 * counted, so that equal inputs give equal outputs.
 */
import type { ListeningEvent } from '../live/contract.ts';
import { type ClientEvent, eventIdOf, readBase64 } from './client-events.ts';
import { createItem, findItem, removeItem } from './conversation.ts';
import { forgetUncommitted, hear, takeCleared, takeCommitted } from './hearing.ts';
import { takeOutput } from './output.ts';
import { RealtimeProblem } from './problem.ts';
import type { ResponseOutput } from './response.ts';
import { beginSettled, cancelResponse, createResponse, takeTranscript } from './responses.ts';
import { updateSession } from './session-config.ts';
import { Draft, type Effect, type RealtimeState, type Rules } from './state.ts';
import { truncate } from './truncation.ts';

export type Input =
  | { type: 'open' }
  | { type: 'client'; event: ClientEvent }
  /** The client's message could not be read. */
  | { type: 'unreadable'; problem: RealtimeProblem; eventId: string | null }
  /** What a `commit` effect ended; undefined where too little had been appended. */
  | { type: 'committed'; utterance: number | undefined; eventId: string | null }
  /** What a `clear-input` effect forgot; undefined where nothing was open. */
  | { type: 'cleared'; utterance: number | undefined }
  | { type: 'hearing'; event: ListeningEvent }
  /** The words of an item that the client sent as audio. */
  | { type: 'transcribed'; item: string; transcript: string }
  | { type: 'output'; response: string; output: ResponseOutput };

/** Takes one input. The given state is left as it is. */
export function step(before: RealtimeState, input: Input, rules: Rules): { state: RealtimeState; effects: Effect[] } {
  const draft = new Draft(before, rules);
  try {
    take(draft, input);
    beginSettled(draft);
    return draft;
  } catch (thrown) {
    if (!(thrown instanceof RealtimeProblem)) throw thrown;
    // What the faulty event had begun to change is dropped with its draft, but no id is given twice.
    const refused = new Draft({ ...before, lastId: draft.state.lastId }, rules);
    refused.refuse(thrown, input.type === 'client' ? eventIdOf(input.event) : null);
    return refused;
  }
}

function take(draft: Draft, input: Input): void {
  switch (input.type) {
    case 'open':
      draft.send('session.created', { session: draft.state.session });
      return;
    case 'unreadable':
      draft.refuse(input.problem, input.eventId);
      return;
    case 'client':
      takeClientEvent(draft, input.event);
      return;
    case 'committed':
      takeCommitted(draft, input.utterance, input.eventId);
      return;
    case 'cleared':
      takeCleared(draft, input.utterance);
      return;
    case 'hearing':
      hear(draft, input.event);
      return;
    case 'transcribed':
      takeTranscript(draft, input.item, input.transcript);
      return;
    case 'output':
      takeOutput(draft, input.response, input.output);
  }
}

function takeClientEvent(draft: Draft, event: ClientEvent): void {
  const eventId = eventIdOf(event);
  switch (event.type) {
    case 'session.update':
      updateBy(draft, event.session);
      return;
    case 'input_audio_buffer.append':
      draft.effects.push({ type: 'push', audio: readBase64(event.audio, 'audio'), eventId });
      return;
    case 'input_audio_buffer.commit':
      draft.effects.push({ type: 'commit', eventId });
      return;
    case 'input_audio_buffer.clear':
      forgetUncommitted(draft);
      draft.effects.push({ type: 'clear-input' });
      draft.send('input_audio_buffer.cleared', {});
      return;
    case 'conversation.item.create':
      createItem(draft, event);
      return;
    case 'conversation.item.retrieve':
      draft.send('conversation.item.retrieved', {
        item: findItem(draft, event.item_id, 'item_retrieve_invalid_item_id'),
      });
      return;
    case 'conversation.item.delete':
      findItem(draft, event.item_id, 'item_delete_invalid_item_id');
      removeItem(draft, event.item_id);
      return;
    case 'conversation.item.truncate':
      truncate(draft, event.item_id, event.content_index, event.audio_end_ms);
      return;
    case 'response.create':
      createResponse(draft, event);
      return;
    case 'response.cancel':
      cancelResponse(draft, event.response_id ?? undefined);
  }
}

function updateBy(draft: Draft, patch: unknown): void {
  const { session, hasSpoken: spoken } = draft.state;
  draft.state.session = updateSession(session, patch, { rules: draft.rules, spoken });
  // What was to be committed by hand will not be.
  const byHand = session.audio.input.turn_detection === null;
  if (byHand && draft.state.session.audio.input.turn_detection !== null) forgetUncommitted(draft);
  draft.send('session.updated', { session: draft.state.session });
  draft.effects.push({ type: 'configure' });
}
