/**
 * OpenAI's Realtime protocol (GA) as a pure machine: client events, what is heard, and what responses are made of go
 * in; server events and work for the shell come out. The order of events follows the protocol's description; ids are
 * counted, so that equal inputs give equal outputs.
 */
import type { ListeningEvent } from '../live/contract.ts';
import { type ClientEvent, eventIdOf, readBase64 } from './client-events.ts';
import { type Item, type MessageItem, placeFor, readItem, textOf } from './items.ts';
import { RealtimeProblem } from './problem.ts';
import {
  type Generation,
  generationOf,
  heardUntil,
  type Response,
  type ResponseOutput,
  type Said,
  type Status,
  shown,
  type TokenUsage,
} from './response.ts';
import {
  type ConversationSession,
  check,
  type NewSession,
  newSession,
  responseParams,
  type Session,
  type SessionRules,
  updateSession,
} from './session-config.ts';

export type ServerEvent = { type: string; event_id: string } & Record<string, unknown>;

export type Input =
  | { type: 'open' }
  | { type: 'client'; event: ClientEvent }
  /** The client's message could not be read. */
  | { type: 'unreadable'; problem: RealtimeProblem; eventId: string | null }
  /** What a `commit` effect ended; undefined where too little had been appended. */
  | { type: 'committed'; utterance: number | undefined; eventId: string | null }
  | { type: 'hearing'; event: ListeningEvent }
  /** The words of an item that the client sent as audio. */
  | { type: 'transcribed'; item: string; transcript: string }
  | { type: 'output'; response: string; output: ResponseOutput };

export type Effect =
  | { type: 'send'; event: ServerEvent }
  /** PCM or G.711 in the session's input format. */
  | { type: 'push'; audio: Buffer; eventId: string | null }
  | { type: 'commit'; eventId: string | null }
  | { type: 'clear-input' }
  /** The session's input has changed. */
  | { type: 'configure' }
  | { type: 'transcribe'; item: string; audio: Buffer }
  | { type: 'generate'; generation: Generation }
  | { type: 'stop'; response: string };

interface Utterance {
  item: string;
  committed: boolean;
  /** What was said in parts of the turn that are over: a long one comes in several. */
  said: string;
  /** Characters of the transcript that were sent as deltas. */
  sent: number;
  startMs: number;
}

export interface RealtimeState {
  session: Session;
  conversation: string;
  items: readonly Item[];
  /** Sentences and length of the audio of items that were spoken, for truncation. */
  spoken: ReadonlyMap<string, { said: readonly Said[]; audioMs: number }>;
  /** Utterances whose words are not known yet, by number. */
  utterances: ReadonlyMap<number, Utterance>;
  /** Items that the client sent as audio, whose words are not known yet. */
  untranscribed: ReadonlySet<string>;
  responses: ReadonlyMap<string, Response>;
  /** Audio was made in this session. */
  hasSpoken: boolean;
  salt: string;
  lastId: number;
}

export interface Rules extends SessionRules {
  /** Items a conversation keeps; the oldest go. */
  maxItems: number;
  /** Responses that may be made at once. */
  maxResponses: number;
  hasLanguageModel: boolean;
}

/** `salt` makes the ids of this session unlike any other's. */
export function newRealtime(session: NewSession, salt: string): RealtimeState {
  return {
    session: newSession(session),
    conversation: `conv_${salt}`,
    items: [],
    spoken: new Map(),
    utterances: new Map(),
    untranscribed: new Set(),
    responses: new Map(),
    hasSpoken: false,
    salt,
    lastId: 0,
  };
}

/** Takes one input. The given state is left as it is. */
export function step(before: RealtimeState, input: Input, rules: Rules): { state: RealtimeState; effects: Effect[] } {
  const run = new Step({ ...before }, rules);
  const eventId = input.type === 'client' ? eventIdOf(input.event) : null;
  try {
    run.take(input);
  } catch (thrown) {
    if (!(thrown instanceof RealtimeProblem)) throw thrown;
    // What the faulty event had begun to change is dropped with the step.
    const refused = new Step({ ...before, lastId: run.state.lastId }, rules);
    refused.refuse(thrown, eventId);
    return refused;
  }
  return run;
}

/** The response that writes to the conversation. */
export function activeResponse(state: RealtimeState): Response | undefined {
  return [...state.responses.values()].find(({ conversationId }) => conversationId !== null);
}

/** One step over a state of its own; collections in it are replaced, never changed. */
class Step {
  state: RealtimeState;
  effects: Effect[] = [];
  #rules: Rules;

  constructor(state: RealtimeState, rules: Rules) {
    this.state = state;
    this.#rules = rules;
  }

  take(input: Input): void {
    switch (input.type) {
      case 'open':
        this.#send('session.created', { session: this.state.session });
        return;
      case 'unreadable':
        this.refuse(input.problem, input.eventId);
        return;
      case 'client':
        this.#client(input.event);
        return;
      case 'committed':
        this.#committed(input.utterance, input.eventId);
        return;
      case 'hearing':
        this.#hear(input.event);
        return;
      case 'transcribed':
        this.#setTranscript(input.item, input.transcript);
        this.state.untranscribed = without(this.state.untranscribed, input.item);
        this.#beginWaiting(input.item);
        return;
      case 'output':
        this.#output(input.response, input.output);
    }
  }

  refuse({ code, message, param }: RealtimeProblem, eventId: string | null): void {
    this.#send('error', { error: { type: 'invalid_request_error', code, message, param, event_id: eventId } });
  }

  #client(event: ClientEvent): void {
    const eventId = eventIdOf(event);
    switch (event.type) {
      case 'session.update':
        this.state.session = updateSession(this.state.session, event.session, {
          rules: this.#rules,
          spoken: this.state.hasSpoken,
        });
        this.#send('session.updated', { session: this.state.session });
        this.effects.push({ type: 'configure' });
        return;
      case 'input_audio_buffer.append':
        this.effects.push({ type: 'push', audio: readBase64(event.audio, 'audio'), eventId });
        return;
      case 'input_audio_buffer.commit':
        this.effects.push({ type: 'commit', eventId });
        return;
      case 'input_audio_buffer.clear':
        this.state.utterances = new Map([...this.state.utterances].filter(([, { committed }]) => committed));
        this.effects.push({ type: 'clear-input' });
        this.#send('input_audio_buffer.cleared', {});
        return;
      case 'conversation.item.create':
        this.#createItem(event);
        return;
      case 'conversation.item.retrieve':
        this.#send('conversation.item.retrieved', { item: this.#item(event.item_id, 'item_retrieve_invalid_item_id') });
        return;
      case 'conversation.item.delete':
        this.#item(event.item_id, 'item_delete_invalid_item_id');
        this.#delete(event.item_id);
        return;
      case 'conversation.item.truncate':
        this.#truncate(event.item_id, event.content_index, event.audio_end_ms);
        return;
      case 'response.create':
        this.#createResponse(event);
        return;
      case 'response.cancel':
        this.#cancel(event.response_id ?? undefined);
    }
  }

  // What is heard

  #hear(event: ListeningEvent): void {
    const turns = this.state.session.audio.input.turn_detection;
    switch (event.type) {
      case 'speech-started': {
        // With manual turns the protocol has no words for it.
        if (turns === null) return;
        const { item } = this.#utterance(event.utterance, event.atMs);
        this.#send('input_audio_buffer.speech_started', { audio_start_ms: Math.round(event.atMs), item_id: item });
        if (turns.interrupt_response) this.#bargeIn();
        return;
      }
      case 'speech-stopped': {
        if (turns === null) return;
        const { item, committed } = this.#utterance(event.utterance, event.atMs);
        if (committed) return;
        this.#send('input_audio_buffer.speech_stopped', { audio_end_ms: Math.round(event.atMs), item_id: item });
        this.#commit(event.utterance);
        return;
      }
      case 'partial':
        this.#partial(event.utterance, event.text.slice(0, event.confirmed), event.startMs);
        return;
      case 'final':
        this.#final(event);
        return;
      case 'failed': {
        const utterance = this.#utterance(event.utterance, 0);
        this.#commit(event.utterance);
        this.#forgetUtterance(event.utterance);
        const { code, message } = event.error;
        if (this.state.session.audio.input.transcription !== null) {
          this.#transcription('failed', utterance.item, {
            error: { type: 'server_error', code, message, param: null },
          });
        }
        this.#beginWaiting(utterance.item);
        return;
      }
      case 'idle':
        this.#idle(event.fromMs, event.toMs);
    }
  }

  #partial(number: number, confirmed: string, startMs: number): void {
    // In a conversation the words come whole, once the turn is over; who only transcribes wants them at once.
    if (this.state.session.type !== 'transcription') return;
    const utterance = this.#utterance(number, startMs);
    const told = utterance.said + confirmed;
    if (confirmed === '' || told.length <= utterance.sent) return;
    this.#transcription('delta', utterance.item, { delta: told.slice(utterance.sent) });
    this.#setUtterance(number, { ...utterance, sent: told.length });
  }

  #final(event: ListeningEvent & { type: 'final' }): void {
    const turns = this.state.session.audio.input.turn_detection;
    const utterance = this.#utterance(event.utterance, event.startMs);
    const text = utterance.said + event.text;
    if (event.continues && turns === null) {
      // The client's turn goes on until it commits.
      this.#forgetUtterance(event.utterance);
      this.#setUtterance(event.utterance + 1, { ...utterance, said: text === '' ? '' : `${text} ` });
      return;
    }
    this.#commit(event.utterance);
    const { item, sent } = utterance;
    this.#setTranscript(item, text);
    this.#forgetUtterance(event.utterance);
    if (this.state.session.audio.input.transcription !== null) {
      if (text.length > sent) this.#transcription('delta', item, { delta: text.slice(sent) });
      this.#transcription('completed', item, {
        transcript: text,
        usage: { type: 'duration', seconds: event.audioMs / 1000 },
      });
    }
    this.#beginWaiting(item);
    // Answering a cough would be worse than silence.
    if (turns?.create_response && text.trim() !== '' && !event.continues) this.#respondToTurn();
  }

  #idle(fromMs: number, toMs: number): void {
    const turns = this.state.session.audio.input.turn_detection;
    if (turns?.type !== 'server_vad' || turns.idle_timeout_ms === null) return;
    const item = this.#newId('item');
    this.#send('input_audio_buffer.timeout_triggered', {
      audio_start_ms: Math.round(fromMs),
      audio_end_ms: Math.round(toMs),
      item_id: item,
    });
    this.#commitItem(item, '');
    if (turns.create_response) this.#respondToTurn();
  }

  #committed(utterance: number | undefined, eventId: string | null): void {
    if (utterance === undefined) {
      this.refuse(
        new RealtimeProblem(
          'input_audio_buffer_commit_empty',
          'Error committing input audio buffer: there is less than 100ms of audio in it.',
        ),
        eventId,
      );
      return;
    }
    this.#commit(utterance);
  }

  #commit(number: number): void {
    const utterance = this.#utterance(number, 0);
    if (utterance.committed) return;
    this.#setUtterance(number, { ...utterance, committed: true });
    this.#commitItem(utterance.item, null);
  }

  #commitItem(id: string, transcript: string | null): void {
    this.#send('input_audio_buffer.committed', { item_id: id, previous_item_id: this.state.items.at(-1)?.id ?? null });
    this.#add({
      ...{ id, object: 'realtime.item', type: 'message', status: 'completed', role: 'user' },
      content: [{ type: 'input_audio', transcript }],
    });
  }

  #utterance(number: number, startMs: number): Utterance {
    const known = this.state.utterances.get(number);
    if (known !== undefined) return known;
    const made = { item: this.#newId('item'), committed: false, said: '', sent: 0, startMs };
    this.#setUtterance(number, made);
    return made;
  }

  #setUtterance(number: number, utterance: Utterance): void {
    this.state.utterances = new Map(this.state.utterances).set(number, utterance);
  }

  #forgetUtterance(number: number): void {
    this.state.utterances = new Map([...this.state.utterances].filter(([known]) => known !== number));
  }

  #transcription(what: 'delta' | 'completed' | 'failed', item: string, fields: object): void {
    this.#send(`conversation.item.input_audio_transcription.${what}`, { item_id: item, content_index: 0, ...fields });
  }

  #setTranscript(id: string, transcript: string): void {
    this.state.items = this.state.items.map((item) =>
      item.id === id && item.type === 'message'
        ? {
            ...item,
            content: item.content.map((part) => (part.type === 'input_audio' ? { ...part, transcript } : part)),
          }
        : item,
    );
  }

  // The conversation

  #createItem(event: ClientEvent & { type: 'conversation.item.create' }): void {
    const { item, audio } = readItem(event.item, 'item', (kind) => this.#newId(kind));
    if (this.state.items.some(({ id }) => id === item.id)) {
      throw new RealtimeProblem('invalid_value', `There is an item '${item.id}' already.`, 'item.id');
    }
    const place = placeFor(this.state.items, event.previous_item_id);
    if (audio.length > 0) {
      const parts = audio.map((part) => readBase64(part, 'item.content.audio'));
      this.state.untranscribed = new Set(this.state.untranscribed).add(item.id);
      this.effects.push({ type: 'transcribe', item: item.id, audio: Buffer.concat(parts) });
    }
    this.#add(item, place);
  }

  /** Tells of a finished item and keeps it. */
  #add(item: Item, place = this.state.items.length): void {
    const previous = this.state.items[place - 1]?.id ?? null;
    this.#insert(item, place);
    this.#send('conversation.item.added', { item, previous_item_id: previous });
    this.#send('conversation.item.done', { item, previous_item_id: previous });
  }

  #insert(item: Item, place: number): void {
    this.state.items = this.state.items.toSpliced(place, 0, item);
    while (this.state.items.length > this.#rules.maxItems) {
      const oldest = this.state.items.find(({ id }) => id !== item.id);
      if (oldest === undefined) return;
      this.#delete(oldest.id);
    }
  }

  #delete(id: string): void {
    this.state.items = this.state.items.filter((item) => item.id !== id);
    this.state.spoken = new Map([...this.state.spoken].filter(([item]) => item !== id));
    this.state.untranscribed = without(this.state.untranscribed, id);
    this.#send('conversation.item.deleted', { item_id: id });
    this.#beginWaiting(id);
  }

  #item(id: string, code: string): Item {
    const found = this.state.items.find((item) => item.id === id);
    if (found !== undefined) return found;
    throw new RealtimeProblem(code, `There is no item '${id.slice(0, 128)}'.`, 'item_id');
  }

  /** Also of an item that is still being spoken, or was just cut off: clients truncate the moment someone interrupts. */
  #truncate(id: string, index: number, endMs: number): void {
    const item = this.#item(id, 'item_truncate_invalid_item_id');
    const open = this.#openMessage(id);
    const spoken = open ?? this.state.spoken.get(id);
    if (item.type !== 'message' || item.role !== 'assistant' || spoken === undefined) {
      throw new RealtimeProblem(
        'invalid_value',
        'Only messages with audio of the assistant can be truncated.',
        'item_id',
      );
    }
    if (index !== 0) throw new RealtimeProblem('invalid_value', 'There is no such content.', 'content_index');
    if (open === undefined && endMs > spoken.audioMs) {
      throw new RealtimeProblem(
        'invalid_value',
        `Audio content of ${Math.floor(spoken.audioMs)}ms is already shorter than ${Math.floor(endMs)}ms.`,
        'audio_end_ms',
      );
    }
    const transcript = heardUntil(spoken.said, spoken.audioMs, endMs);
    this.#replace({ ...item, content: [{ type: 'output_audio', transcript }] });
    if (open === undefined) {
      const rest = spoken.said.filter(({ atMs }) => atMs < endMs);
      this.state.spoken = new Map(this.state.spoken).set(id, { said: rest, audioMs: endMs });
    }
    this.#send('conversation.item.truncated', { item_id: id, content_index: index, audio_end_ms: endMs });
  }

  #openMessage(id: string): { said: Said[]; audioMs: number } | undefined {
    for (const { open } of this.state.responses.values()) {
      if (open?.kind === 'message' && open.item.id === id) return open;
    }
    return undefined;
  }

  #replace(item: Item): void {
    this.state.items = this.state.items.map((known) => (known.id === item.id ? item : known));
  }

  // Responses

  #createResponse(event: ClientEvent & { type: 'response.create' }): void {
    const { session } = this.state;
    if (session.type !== 'realtime') {
      throw new RealtimeProblem('invalid_value', 'A transcription session makes no responses.', 'type');
    }
    const params = check(responseParams, event.response ?? {}, 'response');
    if (params.audio?.output?.voice !== undefined) {
      const { voice } = params.audio.output;
      this.#rules.checkVoice(typeof voice === 'string' ? voice : voice.id, 'response.audio.output.voice');
    }
    if (params.conversation === 'auto' && activeResponse(this.state) !== undefined) {
      throw new RealtimeProblem(
        'conversation_already_has_active_response',
        'The conversation has a response that is not finished: wait for response.done.',
      );
    }
    if (this.state.responses.size >= this.#rules.maxResponses) {
      throw new RealtimeProblem('rate_limit_exceeded', `More than ${this.#rules.maxResponses} responses at once.`);
    }
    const given = params.input?.map((each, index) => this.#inputItem(each, `response.input.${index}`));
    const generation = generationOf(session, params, given ?? this.state.items, this.#newId('resp'));
    const literal = this.#literal(given, params.instructions);
    if (!this.#rules.hasLanguageModel && literal === undefined) {
      throw new RealtimeProblem(
        'no_language_model',
        'There is no language model (OS_LLM_URL), and nothing was given to say: add a text item, `response.input` or `response.instructions`.',
        'response',
      );
    }
    this.#begin({
      id: generation.response,
      conversationId: params.conversation === 'none' ? null : this.state.conversation,
      metadata: params.metadata ?? null,
      generation: { ...generation, literal },
      waitsFor: [],
      output: [],
      open: undefined,
    });
  }

  /** A user's spoken turn is over. */
  #respondToTurn(): void {
    const { session } = this.state;
    if (session.type !== 'realtime' || !this.#rules.hasLanguageModel) return;
    if (activeResponse(this.state) !== undefined || this.state.responses.size >= this.#rules.maxResponses) return;
    const generation = generationOf(session, { conversation: 'auto' }, this.state.items, this.#newId('resp'));
    this.#begin({
      id: generation.response,
      conversationId: this.state.conversation,
      ...{ metadata: null, generation, waitsFor: [], output: [], open: undefined },
    });
  }

  #inputItem(given: unknown, at: string): Item {
    const reference = given as { type?: unknown; id?: unknown } | null;
    if (reference?.type === 'item_reference' && typeof reference.id === 'string') {
      return this.#item(reference.id, 'invalid_value');
    }
    return readItem(given, at, (kind) => this.#newId(kind)).item;
  }

  /** What to say where nothing can be thought up: the response's own input, its instructions, or the last text there is. */
  #literal(given: readonly Item[] | undefined, instructions: string | undefined): string | undefined {
    if (this.#rules.hasLanguageModel) return undefined;
    const said = (given ?? []).map((item) => (item.type === 'message' ? textOf(item) : '')).filter(Boolean);
    const last = this.state.items.at(-1);
    const lastText =
      last?.type === 'message' && last.content.every((part) => part.type !== 'input_audio') ? textOf(last) : '';
    return said.join(' ') || instructions?.trim() || lastText || undefined;
  }

  #begin(response: Response): void {
    const unknown = new Set([
      ...this.state.untranscribed,
      ...[...this.state.utterances.values()].filter(({ committed }) => committed).map(({ item }) => item),
    ]);
    const waitsFor = response.generation.items.filter(({ id }) => unknown.has(id)).map(({ id }) => id);
    this.#setResponse({ ...response, waitsFor });
    this.#send('response.created', { response: shown(response, { status: 'in_progress' }) });
    if (waitsFor.length === 0) this.effects.push({ type: 'generate', generation: response.generation });
  }

  /** The words of an item have become known, or never will. */
  #beginWaiting(item: string): void {
    for (const response of this.state.responses.values()) {
      if (!response.waitsFor.includes(item)) continue;
      const waitsFor = response.waitsFor.filter((id) => id !== item);
      const items = response.generation.items.map((each) => this.state.items.find(({ id }) => id === each.id) ?? each);
      const generation = { ...response.generation, items };
      this.#setResponse({ ...response, waitsFor, generation });
      if (waitsFor.length === 0) this.effects.push({ type: 'generate', generation });
    }
  }

  #output(id: string, output: ResponseOutput): void {
    const response = this.state.responses.get(id);
    // It was cancelled while this was on its way.
    if (response === undefined) return;
    switch (output.kind) {
      case 'text':
        this.#text(response, output.delta);
        return;
      case 'sentence':
        this.#sentence(response, output.text);
        return;
      case 'audio':
        this.#audio(response, output.delta, output.durationMs);
        return;
      case 'call':
        this.#openCall(response, output.callId, output.name);
        return;
      case 'arguments':
        this.#arguments(response, output.delta);
        return;
      case 'end':
        if (output.incomplete === undefined) this.#finish(response, { status: 'completed' }, output.usage);
        else {
          const details = { type: 'incomplete', reason: output.incomplete } as const;
          this.#finish(response, { status: 'incomplete', details }, output.usage);
        }
        return;
      case 'failed': {
        const { code, message } = output;
        const error = { type: 'server_error', code, message };
        this.#finish(response, { status: 'failed', details: { type: 'failed', error } });
      }
    }
  }

  #text(given: Response, delta: string): void {
    const { response, open } = this.#message(given, 'output_text');
    const text = textOf(open.item) + delta;
    this.#update(response, { ...open, item: { ...open.item, content: [{ type: 'output_text', text }] } });
    this.#send('response.output_text.delta', { ...ids(response), content_index: 0, delta });
  }

  #sentence(given: Response, text: string): void {
    const { response, open } = this.#message(given, 'output_audio');
    const delta = open.said.length === 0 ? text : ` ${text}`;
    const transcript = textOf(open.item) + delta;
    this.#update(response, {
      ...open,
      item: { ...open.item, content: [{ type: 'output_audio', transcript }] },
      said: [...open.said, { text, atMs: open.audioMs }],
    });
    this.#send('response.output_audio_transcript.delta', { ...ids(response), content_index: 0, delta });
  }

  #audio(given: Response, delta: string, durationMs: number): void {
    const { response, open } = this.#message(given, 'output_audio');
    this.state.hasSpoken = true;
    this.#update(response, { ...open, audioMs: open.audioMs + durationMs });
    this.#send('response.output_audio.delta', { ...ids(response), content_index: 0, delta });
  }

  /** The message that is open, or a new one. */
  #message(
    given: Response,
    kind: 'output_text' | 'output_audio',
  ): { response: Response; open: Response['open'] & { kind: 'message' } } {
    if (given.open?.kind === 'message') return { response: given, open: given.open };
    const item: MessageItem = {
      ...{
        id: this.#newId('item'),
        object: 'realtime.item',
        type: 'message',
        status: 'in_progress',
        role: 'assistant',
      },
      content: [],
    };
    const response = this.#openItem(given, item);
    const part = kind === 'output_text' ? { type: 'text', text: '' } : { type: 'audio', transcript: '' };
    this.#send('response.content_part.added', { ...ids(response), content_index: 0, part });
    const filled = {
      ...item,
      content: [kind === 'output_text' ? { type: kind, text: '' } : { type: kind, transcript: '' }],
    };
    const open = { kind: 'message' as const, item: filled as MessageItem, said: [], audioMs: 0 };
    return { response: this.#update(response, open), open };
  }

  #openCall(given: Response, callId: string, name: string): void {
    const item = {
      ...{ id: this.#newId('item'), object: 'realtime.item' as const, type: 'function_call' as const },
      ...{ status: 'in_progress' as const, call_id: callId, name, arguments: '' },
    };
    this.#update(this.#openItem(given, item), { kind: 'call', item });
  }

  #arguments(response: Response, delta: string): void {
    if (response.open?.kind !== 'call') return;
    const { item } = response.open;
    this.#update(response, { kind: 'call', item: { ...item, arguments: item.arguments + delta } });
    this.#send('response.function_call_arguments.delta', { ...ids(response), call_id: item.call_id, delta });
  }

  #openItem(given: Response, item: Item): Response {
    const response = { ...this.#closeItem(given, 'completed') };
    response.output = [...response.output, item];
    this.#setResponse(response);
    const { item_id: _, ...at } = ids(response);
    this.#send('response.output_item.added', { ...at, item });
    if (response.conversationId !== null) {
      const previous = this.state.items.at(-1)?.id ?? null;
      this.#insert(item, this.state.items.length);
      this.#send('conversation.item.added', { item, previous_item_id: previous });
    }
    return response;
  }

  /** Puts the changed item in its places. */
  #update(response: Response, open: NonNullable<Response['open']>): Response {
    const updated = { ...response, open, output: [...response.output.slice(0, -1), open.item] };
    this.#setResponse(updated);
    if (response.conversationId !== null) this.#replace(open.item);
    return updated;
  }

  #closeItem(given: Response, status: 'completed' | 'incomplete'): Response {
    if (given.open === undefined) return given;
    const open = { ...given.open, item: { ...given.open.item, status } } as NonNullable<Response['open']>;
    const response = { ...this.#update(given, open), open: undefined };
    const { item_id, ...at } = ids(response);
    if (open.kind === 'call') {
      const { call_id, name, arguments: all } = open.item;
      this.#send('response.function_call_arguments.done', { ...at, item_id, call_id, name, arguments: all });
    } else this.#closePart(response, open);
    this.#setResponse(response);
    if (response.conversationId !== null) {
      const place = this.state.items.findIndex(({ id }) => id === open.item.id);
      const previous = this.state.items[place - 1]?.id ?? null;
      this.#send('conversation.item.done', { item: open.item, previous_item_id: previous });
    }
    this.#send('response.output_item.done', { ...at, item: open.item });
    return response;
  }

  #closePart(response: Response, open: Response['open'] & { kind: 'message' }): void {
    const at = { ...ids(response), content_index: 0 };
    const [part] = open.item.content;
    if (part?.type === 'output_text') {
      this.#send('response.output_text.done', { ...at, text: part.text });
      this.#send('response.content_part.done', { ...at, part: { type: 'text', text: part.text } });
      return;
    }
    const transcript = textOf(open.item);
    this.state.spoken = new Map(this.state.spoken).set(open.item.id, { said: open.said, audioMs: open.audioMs });
    this.#send('response.output_audio.done', at);
    this.#send('response.output_audio_transcript.done', { ...at, transcript });
    this.#send('response.content_part.done', { ...at, part: { type: 'audio', transcript } });
  }

  #finish(given: Response, status: Status, usage?: TokenUsage): void {
    const response = this.#closeItem(given, status.status === 'completed' ? 'completed' : 'incomplete');
    this.state.responses = new Map([...this.state.responses].filter(([id]) => id !== response.id));
    this.#send('response.done', { response: shown(response, status, usage) });
  }

  #cancel(id: string | undefined): void {
    const response = id === undefined ? activeResponse(this.state) : this.state.responses.get(id);
    if (response === undefined) {
      throw new RealtimeProblem(
        'response_cancel_not_active',
        'Cancellation failed: no active response found.',
        'response_id',
      );
    }
    this.#stop(response, 'client_cancelled');
  }

  #bargeIn(): void {
    const response = activeResponse(this.state);
    if (response !== undefined) this.#stop(response, 'turn_detected');
  }

  #stop(response: Response, reason: 'client_cancelled' | 'turn_detected'): void {
    this.effects.push({ type: 'stop', response: response.id });
    this.#finish(response, { status: 'cancelled', details: { type: 'cancelled', reason } });
  }

  #setResponse(response: Response): void {
    this.state.responses = new Map(this.state.responses).set(response.id, response);
  }

  #send(type: string, fields: object): void {
    this.effects.push({ type: 'send', event: { type, event_id: this.#newId('event'), ...fields } });
  }

  #newId(kind: 'item' | 'resp' | 'event' | 'call'): string {
    this.state.lastId++;
    return `${kind}_${this.state.salt}${this.state.lastId.toString(36).padStart(6, '0')}`;
  }
}

/** Of the item that is being made. */
function ids(response: Response): { response_id: string; item_id: string; output_index: number } {
  return {
    response_id: response.id,
    item_id: response.output.at(-1)?.id ?? '',
    output_index: response.output.length - 1,
  };
}

function without<T>(set: ReadonlySet<T>, gone: T): ReadonlySet<T> {
  return new Set([...set].filter((each) => each !== gone));
}

export type { ConversationSession };
