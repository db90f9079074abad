import { setImmediate as nextTurn } from 'node:timers/promises';
import type { AudioChunk } from '../audio/contract.ts';
import type { Settings } from '../config/kinds.ts';
import { SpeechError } from '../errors.ts';
import type { CatalogModel } from '../models/catalog.ts';
import type { Names } from '../models/names.ts';
import type { Log } from '../telemetry/log.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Router } from '../workers/router.ts';
import { type AudioRoom, audioRoomOf } from './audio-room.ts';
import type { Listening, ListeningEvent, ListeningOptions, LiveCaller, Turns } from './contract.ts';
import { FrameJudge } from './frame-judge.ts';
import { Intake, requireRate } from './intake.ts';
import { noiseModel } from './noise-model.ts';
import { NoiseReduction } from './noise-reduction.ts';
import { Recognition } from './recognition.ts';
import { Tape } from './tape.ts';
import { type JudgeTurn, turnJudge } from './turn-judge.ts';
import {
  newTurns,
  nextTick,
  step,
  type TurnEffect,
  type TurnEvent,
  type TurnRules,
  type TurnState,
} from './turns.machine.ts';
import { type HearingOptions, toMs, toSamples, Utterance } from './utterance.ts';
import { openVoiceActivity, type VoiceActivity } from './voice-activity.ts';
import { voiceWatch } from './voice-watch.ts';

export interface ListeningDeps {
  router: Router;
  names: Names;
  metrics: Metrics;
  settings: Settings;
  log: Log;
}

/** Audio that is worked through before others get their turn. */
const SLICE_MS = 1000;
/** Models that hear the end of a turn need no more of it. */
const JUDGED_SAMPLES = toSamples(8000);
/** Less voice than this in what a caller marked as an utterance is a click or a breath. */
const LEAST_VOICE_MS = 100;

/**
 * Opens a session that hears. Events come while methods run or later, never two at once, and none after `close` or once
 * the caller's signal has fired. Errors: `model_not_found`, `model_unavailable` (also for the model that the setting
 * `STT_VAD` asks for), and `unsupported_by_model` for the language.
 */
export async function openListening(
  deps: ListeningDeps,
  options: ListeningOptions,
  caller: LiveCaller,
  onEvent: (event: ListeningEvent) => void,
): Promise<Listening> {
  const hearing = hearingOptions(deps.names, options);
  return new ListeningSession(deps, options, hearing, caller, onEvent, await openVoiceActivity());
}

class ListeningSession implements Listening {
  readonly #deps: ListeningDeps;
  readonly #caller: LiveCaller;
  readonly #onEvent: (event: ListeningEvent) => void;
  readonly #judge: FrameJudge;
  readonly #intake: Intake;
  readonly #room: AudioRoom;
  readonly #noise: NoiseReduction;
  readonly #tape: Tape;
  readonly #recognition: Recognition;
  #options: ListeningOptions;
  #hearing: HearingOptions;
  #turns: TurnState;
  #judgeTurn: JudgeTurn | undefined;
  #open: Utterance | undefined;
  #effects: TurnEffect[] = [];
  #running = false;
  #audioMs = 0;
  /** Of it, what was committed or cleared, or came before the caller took the turns. */
  #takenMs = 0;
  #turn: NodeJS.Immediate | undefined;
  #timer: NodeJS.Timeout | undefined;
  #phase: 'open' | 'finishing' | 'closed' = 'open';
  #closed = Promise.withResolvers<void>();

  constructor(
    deps: ListeningDeps,
    options: ListeningOptions,
    hearing: HearingOptions,
    caller: LiveCaller,
    onEvent: (event: ListeningEvent) => void,
    voice: VoiceActivity,
  ) {
    this.#deps = deps;
    this.#caller = caller;
    this.#room = audioRoomOf(deps.router);
    this.#onEvent = onEvent;
    const onHeld = (samples: number) => this.#room.take(caller.keyId, samples);
    this.#noise = new NoiseReduction({
      ...{ open: noiseModel(deps, caller), onHeld },
      onFrame: (frame) => this.#judge.judge(frame),
      onLate: (position, frame) => this.#tape.replace(position, frame),
      onProgress: () => {
        this.#grown();
        this.#recognition.settled();
      },
      onFallback: (reason) =>
        deps.log.warn('A live session goes on without noise reduction', { requestId: caller.requestId, reason }),
    });
    this.#noise.switch(options.reduceNoise === true);
    this.#tape = new Tape(onHeld, () => this.#noise.cleanUntil);
    this.#judge = new FrameJudge({
      own: voice,
      watch: voiceWatch(deps, caller),
      onFrame: (frame, voice) => this.#judged(frame, voice),
      onFrames: () => this.#grown(),
      onFallback: (reason) =>
        deps.log.info('A live session does without the model that finds voices', {
          ...{ requestId: caller.requestId, reason },
        }),
    });
    this.#options = options;
    this.#hearing = hearing;
    this.#intake = new Intake(voice.frameSamples);
    this.#turns = newTurns(this.#rules(options.turns));
    this.#recognition = new Recognition({
      ...{ deps, caller, tape: this.#tape },
      onEvent: (event) => this.#emit(event),
      onSettled: () => this.#letGo(),
    });
    caller.signal.addEventListener('abort', this.#onAbort, { once: true });
    deps.metrics.liveSessionOpened('listening');
    if (caller.signal.aborted) this.close();
  }

  get model(): string {
    return this.#hearing.model.manifest.id;
  }

  get audioMs(): number {
    return this.#audioMs;
  }

  get openMs(): number {
    const { open, rules } = this.#turns;
    if (rules.turns.kind === 'manual') return this.#audioMs - this.#takenMs;
    return open === undefined ? 0 : this.#audioMs - open.fromMs;
  }

  get backlogMs(): number {
    return (
      this.#intake.waitingMs + toMs(this.#noise.waitingSamples) + this.#judge.waitingMs + this.#recognition.backlogMs
    );
  }

  push(chunk: AudioChunk): void {
    if (this.#phase !== 'open') return;
    requireRate(chunk.sampleRate);
    const chunkMs = (chunk.pcm.length * 1000) / chunk.sampleRate;
    const limitMs = this.#deps.settings.limits.liveBacklogMs;
    if (chunkMs > limitMs) {
      throw new SpeechError('audio_too_long', `At most ${limitMs / 1000} seconds of audio can be sent at once.`, {
        param: 'audio',
      });
    }
    if (this.backlogMs + chunkMs > limitMs) {
      throw new SpeechError('overloaded', 'The audio comes faster than it can be heard.', {
        param: 'audio',
        retryAfterMs: 1000,
      });
    }
    if (!this.#room.isFree(this.#caller.keyId, this.#deps.settings.limits.liveAudioBytes)) {
      throw new SpeechError('overloaded', 'Too much live audio is being heard at once.', {
        param: 'audio',
        retryAfterMs: 1000,
      });
    }
    this.#intake.push(chunk);
    this.#audioMs += chunkMs;
    this.#turn ??= setImmediate(this.#work);
  }

  commit(): number | undefined {
    if (this.#phase !== 'open') return undefined;
    this.#takeAll();
    const number = this.#turns.open?.number;
    this.#takenMs = this.#audioMs;
    this.#send({ type: 'commit' });
    return number;
  }

  clear(): number | undefined {
    if (this.#phase !== 'open') return undefined;
    this.#takeAll();
    const number = this.#turns.open?.number;
    this.#takenMs = this.#audioMs;
    this.#send({ type: 'clear' });
    return number;
  }

  change(options: Partial<ListeningOptions>): void {
    if (this.#phase !== 'open') return;
    const before = this.#options;
    const changed = { ...before, ...options };
    this.#hearing = hearingOptions(this.#deps.names, changed);
    this.#options = changed;
    if (changed.reduceNoise !== before.reduceNoise) {
      this.#takeFrames();
      this.#noise.switch(changed.reduceNoise === true);
    }
    if (options.turns === undefined) return;
    this.#takeFrames();
    this.#judgeWaiting();
    if (this.#turns.rules.turns.kind === 'voice') this.#takenMs = this.#turns.open?.fromMs ?? this.#audioMs;
    this.#send({ type: 'change', rules: this.#rules(options.turns) });
  }

  async finish(): Promise<void> {
    if (this.#phase === 'open') {
      this.#phase = 'finishing';
      while (this.#turn !== undefined) await nextTurn();
      if (this.#ended()) return;
      this.#takeFrames();
      for (const frame of this.#intake.rest()) this.#noise.push(frame);
      await this.#noise.finish();
      await this.#judge.finish();
      if (this.#ended()) return;
      this.#grown();
      this.#send({ type: 'commit' });
      await Promise.race([this.#recognition.allTold(), this.#closed.promise]);
      this.close();
    }
    return this.#closed.promise;
  }

  close(): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#deps.metrics.liveSessionClosed('listening');
    this.#caller.signal.removeEventListener('abort', this.#onAbort);
    clearImmediate(this.#turn);
    this.#turn = undefined;
    clearTimeout(this.#timer);
    this.#effects = [];
    this.#recognition.close();
    this.#noise.close();
    this.#judge.close();
    this.#tape.clear();
    this.#closed.resolve();
  }

  /** Asked where the session may have been closed meanwhile. */
  #ended(): boolean {
    return this.#phase === 'closed';
  }

  #onAbort = (): void => this.close();

  #rules(turns: Turns): TurnRules {
    const { liveUtteranceMs: longestMs } = this.#deps.settings.limits;
    this.#judge.setThreshold(turns.kind === 'manual' ? undefined : turns.threshold);
    if (turns.kind === 'manual') return { turns, longestMs };
    const { judge, ...plain } = turns;
    this.#judgeTurn = judge && turnJudge(this.#deps, this.#caller);
    // What precedes a voice is kept all the time, so it has its bound too.
    const prefixMs = Math.max(0, Math.min(turns.prefixMs, longestMs / 2));
    return { turns: { ...plain, prefixMs, ...(this.#judgeTurn && { judge }) }, longestMs };
  }

  /** Works through a slice of what waits, then lets others go on. */
  #work = (): void => {
    this.#turn = undefined;
    for (let samples = 0; samples < toSamples(SLICE_MS); ) {
      const frame = this.#phase === 'closed' ? undefined : this.#intake.frame();
      if (frame === undefined) {
        this.#grown();
        return;
      }
      samples += frame.length;
      this.#noise.push(frame);
    }
    this.#grown();
    if (this.#phase !== 'closed') this.#turn = setImmediate(this.#work);
  };

  #takeFrames(): void {
    for (let frame = this.#intake.frame(); frame !== undefined; frame = this.#intake.frame()) this.#noise.push(frame);
  }

  /** Also what is shorter than a frame: nothing that was pushed waits afterwards. */
  #takeAll(): void {
    this.#takeFrames();
    for (const frame of this.#intake.rest()) this.#noise.push(frame);
    this.#judgeWaiting();
    this.#grown();
  }

  /** Judges here and now what would wait to be clean, or for a verdict. */
  #judgeWaiting(): void {
    this.#noise.passOn();
    this.#judge.judgeWaiting();
  }

  #judged(frame: Float32Array, voice: boolean): void {
    if (this.#phase === 'closed') return;
    this.#tape.append(frame);
    this.#send({ type: 'frame', ms: toMs(frame.length), voice });
  }

  #send(event: TurnEvent): void {
    const { state, effects } = step(this.#turns, event, performance.now());
    this.#turns = state;
    this.#effects.push(...effects);
    this.#runEffects();
    this.#letGo();
    this.#setTimer();
  }

  /** A handler of events may call back: what follows from that comes after what is being told. */
  #runEffects(): void {
    if (this.#running) return;
    this.#running = true;
    try {
      for (let effect = this.#effects.shift(); effect !== undefined; effect = this.#effects.shift()) this.#run(effect);
    } finally {
      this.#running = false;
    }
  }

  #run(effect: TurnEffect): void {
    switch (effect.type) {
      case 'open': {
        const { utterance, fromMs, spoken } = effect;
        this.#open = new Utterance(utterance, toSamples(fromMs), this.#hearing);
        if (spoken) this.#emit({ type: 'speech-started', utterance, atMs: fromMs });
        if (this.#phase !== 'closed') this.#recognition.open(this.#open);
        break;
      }
      case 'close': {
        const { utterance, toMs: atMs, spoken, voicedMs, continues } = effect;
        const over = this.#open!;
        this.#open = undefined;
        over.to = toSamples(atMs);
        over.silent = isSilent({ voicedMs, spoken });
        over.continues = continues;
        if (spoken) this.#emit({ type: 'speech-stopped', utterance, atMs });
        if (this.#phase !== 'closed') this.#recognition.finish(over);
        break;
      }
      case 'ask':
        void this.#ask(effect);
        break;
      case 'forget': {
        const forgotten = this.#open!;
        this.#open = undefined;
        this.#recognition.forget(forgotten);
        break;
      }
      case 'idle':
        this.#emit(effect);
        break;
    }
  }

  async #ask({ utterance, voiceUntilMs, fromMs, toMs: atMs }: TurnEffect & { type: 'ask' }): Promise<void> {
    const from = Math.max(toSamples(fromMs), toSamples(atMs) - JUDGED_SAMPLES);
    const ended = await this.#judgeTurn?.(this.#tape.read(from, toSamples(atMs)));
    if (this.#phase !== 'closed') this.#send({ type: 'verdict', utterance, voiceUntilMs, ended });
  }

  #grown(): void {
    if (this.#phase === 'closed' || this.#open === undefined) return;
    const { open } = this.#turns;
    if (open?.number === this.#open.number) this.#open.silent = isSilent(open);
    this.#recognition.grown(this.#open);
  }

  #letGo(): void {
    // What is yet to be run may begin with audio that nobody else needs.
    if (this.#running) return;
    const from = Math.min(toSamples(this.#turns.keepFromMs), this.#open?.from ?? Number.POSITIVE_INFINITY);
    this.#tape.dropBefore(Math.min(from, this.#recognition.neededFrom));
  }

  /** One timer that is late is cheaper than a new one with each frame. */
  #setTimer(): void {
    if (this.#timer !== undefined || this.#phase !== 'open') return;
    const due = nextTick(this.#turns);
    if (due === undefined) return;
    this.#timer = setTimeout(this.#tick, Math.max(1, due - performance.now()));
  }

  #tick = (): void => {
    this.#timer = undefined;
    // Where audio came meanwhile, what waits may go on waiting.
    if ((nextTick(this.#turns) ?? Number.POSITIVE_INFINITY) > performance.now()) {
      this.#setTimer();
      return;
    }
    this.#takeFrames();
    this.#judgeWaiting();
    this.#grown();
    this.#send({ type: 'tick' });
  };

  #emit(event: ListeningEvent): void {
    if (this.#phase === 'closed') return;
    try {
      this.#onEvent(event);
    } catch (error) {
      // A defect of one session must not end the others.
      this.#deps.log.error('A live session was ended by a defect', { error, requestId: this.#caller.requestId });
      this.close();
    }
  }
}

/** Whether nobody has spoken in what a caller marked as an utterance. */
function isSilent({ voicedMs, spoken }: { voicedMs: number; spoken: boolean }): boolean {
  return !spoken && voicedMs < LEAST_VOICE_MS;
}

function hearingOptions(names: Names, options: ListeningOptions): HearingOptions {
  const { language, prompt, words, alternatives, partials } = options;
  return { model: recogniserFor(names, options), language, prompt, words, alternatives, partials };
}

/** The model that would hear. Throws as `openListening` does. */
export function recogniserFor(
  names: Names,
  { model: name, language }: Pick<ListeningOptions, 'model' | 'language'>,
): CatalogModel {
  const model = names.model('stt', name, language);
  demandLanguage(model, language);
  return model;
}

function demandLanguage({ manifest, capabilities }: CatalogModel, language: string | undefined): void {
  if (language === undefined) return;
  const { languages } = (capabilities.listen ?? capabilities.transcribe)!;
  const plain = (tag: string): string => tag.toLowerCase().split('-', 1)[0]!;
  if (languages.some((known) => plain(known) === plain(language))) return;
  throw new SpeechError(
    'unsupported_by_model',
    `The model '${manifest.id}' does not know the language '${language.slice(0, 40)}'. It knows: ${languages.join(', ')}.`,
    { param: 'language' },
  );
}
