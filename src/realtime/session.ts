import { SampleReader } from '../audio/sample-reader.ts';
import { SpeechError } from '../errors.ts';
import type { Listening, ListeningEvent, ListeningOptions, LiveCaller, Turns } from '../live/contract.ts';
import { fromBeta, toBeta } from './beta.ts';
import { eventIdOf, readClientEvent, readFrame } from './client-events.ts';
import { ItemHearing } from './item-hearing.ts';
import { charsOf } from './items.ts';
import { RealtimeProblem } from './problem.ts';
import { type Input, step } from './realtime.machine.ts';
import { makeResponse, type ResponderDeps } from './responder.ts';
import type { Generation } from './response.ts';
import {
  type AudioFormat,
  hearingOf,
  type NewSession,
  type Session,
  type TurnDetection,
  updateSession,
} from './session-config.ts';
import { type Effect, newRealtime, type RealtimeState, type Rules, type ServerEvent } from './state.ts';
import { wireEncoding, wireRate } from './wire-audio.ts';

export interface RealtimeDeps extends ResponderDeps {
  openListening: (
    options: ListeningOptions,
    caller: LiveCaller,
    onEvent: (event: ListeningEvent) => void,
  ) => Promise<Listening>;
  /** The recogniser that a client's name stands for; stock names stand for the default. */
  recogniser: (name: string | undefined) => string | undefined;
  rules: Rules;
  /** Audio that may wait to be heard as items. */
  maxBacklogMs: number;
  /** Counts work that a client causes with few bytes as if it had sent so many. */
  charge: (bytes: number) => void;
}

export interface RealtimeStart {
  session: NewSession;
  /** What an ephemeral key was made with: applied as the first update. */
  configuration: object | undefined;
  beta: boolean;
  salt: string;
  caller: LiveCaller;
}

/** What the shortest response costs: a request at the language model. A client that begins and cancels them is slowed. */
const LEAST_RESPONSE_BYTES = 16_384;
/** The least that can be committed, as OpenAI has it. */
const LEAST_COMMIT_MS = 100;
/** Semantic detection without a model that hears whether a turn is over: eagerness only chooses how long a pause may be. */
const EAGERNESS_SILENCE_MS = { low: 1200, medium: 800, auto: 800, high: 400 } as const;
/** With one: how long a pause may be that does not sound like an end, as OpenAI has it. */
const EAGERNESS_PATIENCE_MS = { low: 8000, medium: 4000, auto: 4000, high: 2000 } as const;
/** A shorter pause is none: too soon to ask. */
const ASK_MS = 200;
const SEMANTIC = { threshold: 0.5, prefixMs: 300 } as const;

/** One Realtime session between a socket and the machine that decides. */
export class RealtimeSession {
  #deps: RealtimeDeps;
  #caller: LiveCaller;
  #beta: boolean;
  #send: (event: object) => void;
  #state: RealtimeState;
  /** Undefined until it is open, and where there is no recogniser. */
  #listening: Listening | undefined;
  #deaf = new SpeechError('model_unavailable', 'There is no recogniser.');
  #format: AudioFormat;
  /** Nobody is expected to speak before: a position in the audio that came. */
  #idleFromMs = 0;
  #reader: SampleReader;
  #responses = new Map<string, AbortController>();
  /** The same, until they are told to the end. */
  #making = new Set<Promise<void>>();
  #ending: RealtimeProblem | undefined;
  #close = new AbortController();
  /** Hears what comes as an item. */
  readonly #items = new ItemHearing({
    isWanted: (item) => this.#state.untranscribed.has(item),
    onHeard: (item, transcript) => this.#take({ type: 'transcribed', item, transcript }),
    open: (onEvent) => {
      const options = this.#listeningOptions(this.#state.session);
      // Noise is taken out of what the client's microphone hears, not of what it has made.
      const plain: ListeningOptions = { ...options, partials: false, turns: { kind: 'manual' }, reduceNoise: false };
      return this.#deps.openListening(plain, this.#caller, onEvent);
    },
  });
  #inputs: Input[] = [];
  /** Inputs wait: for the one before, or for ears. */
  #busy = false;
  #opening = false;

  constructor(deps: RealtimeDeps, start: RealtimeStart, send: (event: object) => void) {
    this.#deps = deps;
    this.#beta = start.beta;
    this.#send = send;
    this.#caller = { ...start.caller, signal: AbortSignal.any([start.caller.signal, this.#close.signal]) };
    this.#state = newRealtime(start.session, start.salt);
    if (start.configuration !== undefined) this.#configureFirst(start.configuration);
    const { session } = this.#state;
    this.#format = session.audio.input.format;
    this.#reader = new SampleReader(wireEncoding(this.#format));
    this.#inputs.unshift({ type: 'open' });
    void this.#open();
  }

  /** Opens ears as the session wants them now; meanwhile inputs wait. */
  async #open(): Promise<void> {
    this.#opening = true;
    try {
      const options = this.#listeningOptions(this.#state.session);
      const listening = await this.#deps.openListening(options, this.#caller, (event) =>
        this.#take({ type: 'hearing', event }),
      );
      if (this.#close.signal.aborted) listening.close();
      else this.#listening = listening;
    } catch (thrown) {
      // A session without ears can still speak.
      this.#deaf = SpeechError.from(thrown);
    }
    this.#opening = false;
    this.#drain();
  }

  /** Audio that waits to be heard, in ms. */
  get backlogMs(): number {
    return (this.#listening?.backlogMs ?? 0) + this.#items.waitingMs;
  }

  /** Somebody speaks whose pauses end the turn. */
  get hearsSomebody(): boolean {
    return this.#state.session.audio.input.turn_detection !== null && (this.#listening?.openMs ?? 0) > 0;
  }

  /** One text frame of the client. Never throws: what is wrong with it is answered. */
  receive(frame: string): void {
    let value: Record<string, unknown> | undefined;
    try {
      value = readFrame(frame);
      if (this.#ending !== undefined) throw this.#ending;
      const event = readClientEvent(this.#beta ? fromBeta(value) : value);
      this.#take({ type: 'client', event });
    } catch (thrown) {
      if (!(thrown instanceof RealtimeProblem)) throw thrown;
      this.refuse(thrown, eventIdOf(value));
    }
  }

  refuse(problem: RealtimeProblem, eventId: string | null = null): void {
    this.#take({ type: 'unreadable', problem, eventId });
  }

  /** Takes no more from the client, and tells what was being said on both sides, then why. */
  async finish(reason: RealtimeProblem): Promise<void> {
    this.#ending = reason;
    await this.#listening?.finish();
    // Words that were heard last may be answered.
    for (;;) {
      await this.#items.heard;
      if (this.#making.size === 0) break;
      await Promise.all(this.#making);
    }
    this.refuse(reason);
  }

  /** Ends all work at once. */
  close(): void {
    this.#close.abort(new SpeechError('cancelled', 'The session has ended.'));
    this.#listening?.close();
    this.#items.close();
    this.#responses.clear();
  }

  /** What may have been right when the secret was made, and is not any more, is told once the session is open. */
  #configureFirst(configuration: object): void {
    try {
      const session = updateSession(this.#state.session, configuration, { rules: this.#deps.rules, spoken: false });
      this.#state = { ...this.#state, session };
    } catch (thrown) {
      if (!(thrown instanceof RealtimeProblem)) throw thrown;
      this.#inputs.push({ type: 'unreadable', problem: thrown, eventId: null });
    }
  }

  /** Inputs are taken one after the other, also those that an effect causes. */
  #take(input: Input): void {
    if (this.#close.signal.aborted) return;
    this.#inputs.push(input);
    this.#drain();
  }

  #drain(): void {
    if (this.#busy) return;
    this.#busy = true;
    try {
      while (!this.#opening) {
        const next = this.#inputs.shift();
        if (next === undefined) break;
        const waiting = this.#inputs;
        this.#inputs = [];
        const { state, effects } = step(this.#state, next, this.#deps.rules);
        this.#state = state;
        for (const effect of effects) this.#perform(effect);
        // What came of this one comes before what the client said behind it.
        if (waiting.length > 0) this.#inputs.push(...waiting);
      }
    } finally {
      this.#busy = false;
    }
  }

  #perform(effect: Effect): void {
    switch (effect.type) {
      case 'send':
        this.#tell(effect.event);
        return;
      case 'push':
        this.#attempt(effect.eventId, () => {
          const pcm = this.#reader.read(effect.audio);
          if (pcm.length > 0) this.#ear().push({ pcm, sampleRate: wireRate(this.#format) });
        });
        return;
      case 'commit': {
        const ear = this.#listening;
        // Half a sample at the end of one turn is not the beginning of the next.
        this.#reader = new SampleReader(wireEncoding(this.#format));
        const utterance = ear === undefined || ear.openMs < LEAST_COMMIT_MS ? undefined : ear.commit();
        this.#inputs.push({ type: 'committed', utterance, eventId: effect.eventId });
        return;
      }
      case 'clear-input':
        this.#reader = new SampleReader(wireEncoding(this.#format));
        this.#inputs.push({ type: 'cleared', utterance: this.#listening?.clear() });
        return;
      case 'configure':
        this.#configure();
        return;
      case 'await-voice':
        this.#idleFromMs = (this.#listening?.audioMs ?? 0) + effect.inMs;
        this.#attempt(null, () => this.#listening?.change({ turns: this.#turns(this.#state.session) }));
        return;
      case 'transcribe':
        this.#attempt(null, () => this.#hearItem(effect.item, effect.audio));
        return;
      case 'generate':
        this.#make(effect.generation);
        return;
      case 'stop':
        this.#responses.get(effect.response)?.abort(new SpeechError('cancelled', 'The response was cancelled.'));
        this.#responses.delete(effect.response);
    }
  }

  #tell(event: ServerEvent): void {
    if (!this.#beta) this.#send(event);
    else for (const translated of toBeta(event, this.#state.conversation)) this.#send(translated);
  }

  #attempt(eventId: string | null, work: () => void): void {
    try {
      work();
    } catch (thrown) {
      const { code, message, param, type } = SpeechError.from(thrown);
      this.#inputs.push({ type: 'unreadable', problem: new RealtimeProblem(code, message, param, type), eventId });
    }
  }

  #ear(): Listening {
    if (this.#listening === undefined) throw this.#deaf;
    return this.#listening;
  }

  #configure(): void {
    const { session } = this.#state;
    const { format } = session.audio.input;
    if (format.type !== this.#format.type) {
      this.#format = format;
      this.#reader = new SampleReader(wireEncoding(format));
    }
    const listening = this.#listening;
    // What was missing for other options may be there for these.
    if (listening === undefined) void this.#open();
    else this.#attempt(null, () => listening.change(this.#listeningOptions(session)));
  }

  #listeningOptions(session: Session): ListeningOptions {
    const { model, language, prompt } = hearingOf(session.audio.input);
    return {
      // Also those that are not wanted any more.
      ...{ model: this.#deps.recogniser(model), language, prompt },
      words: false,
      partials: session.type === 'transcription',
      turns: this.#turns(session),
      reduceNoise: session.audio.input.noise_reduction !== null,
    };
  }

  #turns({ audio }: Session): Turns {
    return turnsOf(audio.input.turn_detection, this.#idleFromMs);
  }

  /** Throws SpeechError `overloaded` where too much waits. */
  #hearItem(item: string, audio: Buffer): void {
    try {
      const { format } = this.#state.session.audio.input;
      this.#items.hear({ item, audio, format }, this.#deps.maxBacklogMs - (this.#listening?.backlogMs ?? 0));
    } catch (thrown) {
      this.#inputs.push({ type: 'transcribed', item, transcript: '' });
      throw thrown;
    }
  }

  #make(generation: Generation): void {
    const chars = generation.items.reduce((sum, item) => sum + charsOf(item), generation.instructions.length);
    this.#deps.charge(Math.max(LEAST_RESPONSE_BYTES, chars));
    const made = this.#respond(generation);
    this.#making.add(made);
    void made.finally(() => this.#making.delete(made));
  }

  async #respond(generation: Generation): Promise<void> {
    const { response } = generation;
    const abort = new AbortController();
    this.#responses.set(response, abort);
    const caller = { ...this.#caller, signal: AbortSignal.any([this.#caller.signal, abort.signal]) };
    await makeResponse(this.#deps, generation, caller, (output) => this.#take({ type: 'output', response, output }));
    this.#responses.delete(response);
  }
}

function turnsOf(detection: TurnDetection | null, idleFromMs: number): Turns {
  if (detection === null) return { kind: 'manual' };
  if (detection.type === 'semantic_vad') {
    const { eagerness } = detection;
    const judge = { askMs: ASK_MS, patienceMs: EAGERNESS_PATIENCE_MS[eagerness] };
    return { kind: 'voice', ...SEMANTIC, silenceMs: EAGERNESS_SILENCE_MS[eagerness], judge };
  }
  const { threshold, prefix_padding_ms, silence_duration_ms, idle_timeout_ms } = detection;
  return {
    kind: 'voice',
    ...{ threshold, prefixMs: prefix_padding_ms, silenceMs: silence_duration_ms },
    ...(idle_timeout_ms === null ? {} : { idle: { afterMs: idle_timeout_ms, fromMs: idleFromMs } }),
  };
}
