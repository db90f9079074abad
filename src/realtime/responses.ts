/** Responses: when one may begin, what it is made from, and who ends it. */
import type { ClientEvent } from './client-events.ts';
import { findItem, hearItem, requireCall, setTranscript, without } from './conversation.ts';
import { type Item, itemReference, readItem, textOf, withTranscript } from './items.ts';
import { finishResponse, setResponse } from './output.ts';
import { RealtimeProblem } from './problem.ts';
import { generationOf, type Response, shown } from './response.ts';
import { check, responseParams } from './session-config.ts';
import { activeResponse, type Draft } from './state.ts';

export function createResponse(draft: Draft, event: ClientEvent & { type: 'response.create' }): void {
  const { session } = draft.state;
  if (session.type !== 'realtime') {
    throw new RealtimeProblem('invalid_value', 'A transcription session makes no responses.', 'type');
  }
  const params = check(responseParams, event.response ?? {}, 'response');
  if (params.audio?.output?.voice !== undefined) {
    const { voice } = params.audio.output;
    draft.rules.checkVoice(typeof voice === 'string' ? voice : voice.id, 'response.audio.output.voice');
  }
  if (params.conversation === 'auto' && activeResponse(draft.state) !== undefined) {
    throw new RealtimeProblem(
      'conversation_already_has_active_response',
      'The conversation has a response that is not finished: wait for response.done.',
    );
  }
  if (draft.state.responses.size >= draft.rules.maxResponses) {
    throw new RealtimeProblem('rate_limit_exceeded', `More than ${draft.rules.maxResponses} responses at once.`);
  }
  const given = inputItems(draft, params.input);
  const generation = generationOf(session, params, given ?? draft.state.items, draft.newId('resp'));
  const literal = givenToSay(draft, given, params.instructions);
  if (!draft.rules.hasLanguageModel && literal === undefined) {
    throw new RealtimeProblem(
      'no_language_model',
      'There is no language model (OS_LLM_URL), and nothing was given to say: add a text item, `response.input` or `response.instructions`.',
      'response',
    );
  }
  beginResponse(draft, {
    id: generation.response,
    conversationId: params.conversation === 'none' ? null : draft.state.conversation,
    metadata: params.metadata ?? null,
    generation: { ...generation, literal },
    waits: true,
    output: [],
    open: undefined,
    audioMs: 0,
  });
}

/** A user's spoken turn is over. */
export function respondToTurn(draft: Draft): void {
  const { session } = draft.state;
  if (session.type !== 'realtime' || !draft.rules.hasLanguageModel) return;
  if (activeResponse(draft.state) !== undefined || draft.state.responses.size >= draft.rules.maxResponses) return;
  const generation = generationOf(session, { conversation: 'auto' }, draft.state.items, draft.newId('resp'));
  beginResponse(draft, {
    id: generation.response,
    conversationId: draft.state.conversation,
    ...{ metadata: null, generation, waits: true, output: [], open: undefined, audioMs: 0 },
  });
}

/** Items of the conversation that are referred to, and items of this response alone. */
function inputItems(draft: Draft, input: readonly unknown[] | undefined): Item[] | undefined {
  const items = input?.map((each, index) => inputItem(draft, each, `response.input[${index}]`));
  for (const item of items ?? []) if (item.type === 'function_call_output') requireCall(items!, item);
  return items;
}

function inputItem(draft: Draft, given: unknown, at: string): Item {
  if ((given as { type?: unknown } | null)?.type === 'item_reference') {
    const { id } = check(itemReference, given, at);
    return findItem(draft, id, 'invalid_value', `${at}.id`);
  }
  const { item, audio } = readItem(given, at, (kind) => draft.newId(kind));
  // Whatever the client calls it, it is none of the conversation's.
  const own = { ...item, id: draft.newId('item') };
  if (audio !== undefined) hearItem(draft, own.id, audio);
  return own;
}

/** The words of an item are known. */
export function takeTranscript(draft: Draft, id: string, transcript: string): void {
  setTranscript(draft, id, transcript);
  for (const response of draft.state.responses.values()) {
    const { items } = response.generation;
    if (!response.waits || !items.some((item) => item.id === id)) continue;
    const known = items.map((item) => (item.id === id ? withTranscript(item, transcript) : item));
    setResponse(draft, { ...response, generation: { ...response.generation, items: known } });
  }
  draft.state.untranscribed = without(draft.state.untranscribed, id);
}

/** What to say where nothing can be thought up: the response's own input, its instructions, or the last text there is. */
function givenToSay(
  draft: Draft,
  given: readonly Item[] | undefined,
  instructions: string | undefined,
): string | undefined {
  if (draft.rules.hasLanguageModel) return undefined;
  const said = (given ?? []).map((item) => (item.type === 'message' ? textOf(item) : '')).filter(Boolean);
  const last = draft.state.items.at(-1);
  const lastText =
    last?.type === 'message' && last.content.every((part) => part.type !== 'input_audio') ? textOf(last) : '';
  return said.join(' ') || instructions?.trim() || lastText || undefined;
}

function beginResponse(draft: Draft, response: Response): void {
  setResponse(draft, { ...response, waits: true });
  draft.send('response.created', { response: shown(response, { status: 'in_progress' }) });
}

/** Lets the responses begin that wait for words which have become known by now, or never will. */
export function beginSettled(draft: Draft): void {
  const { untranscribed, utterances, responses, items } = draft.state;
  const unknown = new Set(untranscribed);
  for (const { item, committed } of utterances.values()) if (committed) unknown.add(item);
  for (const response of responses.values()) {
    const asked = response.generation.items;
    if (!response.waits || asked.some(({ id }) => unknown.has(id))) continue;
    const known = asked.map((each) => items.find(({ id }) => id === each.id) ?? each);
    const generation = { ...response.generation, items: known };
    setResponse(draft, { ...response, waits: false, generation });
    draft.effects.push({ type: 'generate', generation });
  }
}

export function cancelResponse(draft: Draft, id: string | undefined): void {
  const response = id === undefined ? activeResponse(draft.state) : draft.state.responses.get(id);
  if (response === undefined) {
    throw new RealtimeProblem(
      'response_cancel_not_active',
      'Cancellation failed: no active response found.',
      'response_id',
    );
  }
  stopResponse(draft, response, 'client_cancelled');
}

export function bargeIn(draft: Draft): void {
  const response = activeResponse(draft.state);
  if (response !== undefined) stopResponse(draft, response, 'turn_detected');
}

function stopResponse(draft: Draft, response: Response, reason: 'client_cancelled' | 'turn_detected'): void {
  draft.effects.push({ type: 'stop', response: response.id });
  finishResponse(draft, response, { status: 'cancelled', details: { type: 'cancelled', reason } });
}
