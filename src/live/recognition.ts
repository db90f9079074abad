import type { Settings } from '../config/kinds.ts';
import { SpeechError } from '../errors.ts';
import type { Metrics } from '../telemetry/metrics.ts';
import type { Router } from '../workers/router.ts';
import type { ListeningEvent, LiveCaller } from './contract.ts';
import type { Recognised } from './heard.ts';
import { decode, listen } from './recognise.ts';
import { newRedecode, type RedecodeEvent, type RedecodeState, step } from './redecode.machine.ts';
import type { Tape } from './tape.ts';
import { toMs, type Utterance } from './utterance.ts';

export interface RecognitionOptions {
  deps: { router: Router; metrics: Metrics; settings: Settings };
  caller: LiveCaller;
  tape: Tape;
  onEvent: (event: ListeningEvent) => void;
  /** The audio of an utterance is no longer needed. */
  onSettled: () => void;
}

/**
 * Has the utterances of one session recognised, and tells their texts in the order of the utterances. A recogniser that
 * can listen gets each utterance while it is spoken, any other one again and again.
 */
export class Recognition {
  readonly #options: RecognitionOptions;
  /** Everything that was opened and has not been told to the end, in order. */
  #unsettled: Utterance[] = [];
  #redecode: RedecodeState;
  #decode: AbortController | undefined;
  #allSettled: PromiseWithResolvers<void> | undefined;
  #closed = false;

  constructor(options: RecognitionOptions) {
    this.#options = options;
    this.#redecode = newRedecode({ stepMs: options.deps.settings.streamChunkMs });
  }

  /** Audio of utterances that are over and whose text is not known yet. */
  get backlogMs(): number {
    return this.#unsettled.reduce(
      (sum, { from, to, outcome }) => sum + (to === undefined || outcome !== undefined ? 0 : toMs(to - from)),
      0,
    );
  }

  /** Where on the tape the oldest audio lies that is still needed. */
  get neededFrom(): number {
    return this.#unsettled.find(({ outcome }) => outcome === undefined)?.from ?? Number.POSITIVE_INFINITY;
  }

  open(utterance: Utterance): void {
    this.#unsettled.push(utterance);
    if (listens(utterance)) {
      void this.#listen(utterance);
      return;
    }
    const { model, partials } = utterance.options;
    const { maxAudioMs } = model.capabilities.transcribe!;
    const maxMs = Math.min(maxAudioMs, this.#options.deps.settings.limits.pieceMs);
    this.#send({ type: 'open', utterance: utterance.number, partials, maxMs });
  }

  /** The open utterance has more audio. */
  grown(utterance: Utterance): void {
    if (listens(utterance)) utterance.tellGrown();
    else if (utterance.silent && this.#options.deps.settings.sttVadEnabled) return;
    else this.#send({ type: 'audio', lengthMs: toMs(this.#options.tape.end - utterance.from) });
  }

  /** More of the audio will not change any more, also of utterances that are over. */
  settled(): void {
    for (const utterance of this.#unsettled) utterance.tellGrown();
  }

  /** The utterance is over. */
  finish(utterance: Utterance): void {
    if (utterance.outcome !== undefined) this.#tell();
    else if (listens(utterance)) utterance.tellGrown();
    else this.#send({ type: 'close', utterance: utterance.number });
  }

  forget(utterance: Utterance): void {
    utterance.stop.abort(new SpeechError('cancelled', 'The utterance was cleared.'));
    utterance.tellGrown();
    if (!listens(utterance)) this.#send({ type: 'forget', utterance: utterance.number });
    this.#settle(utterance, 'forgotten');
  }

  /** Resolves once every utterance has been told to its end. */
  allTold(): Promise<void> {
    if (this.#unsettled.length === 0) return Promise.resolve();
    this.#allSettled ??= Promise.withResolvers();
    return this.#allSettled.promise;
  }

  /** Ends all work; nothing more is told. */
  close(): void {
    this.#closed = true;
    const reason = new SpeechError('cancelled', 'The session has ended.');
    for (const utterance of this.#unsettled.splice(0)) {
      utterance.stop.abort(reason);
      utterance.tellGrown();
    }
    this.#decode?.abort(reason);
  }

  async #listen(utterance: Utterance): Promise<void> {
    const { deps, caller, tape } = this.#options;
    const work = { caller, signal: utterance.stop.signal };
    const hear = () => listen(deps, utterance, tape, work, (heard) => this.#partial(utterance, heard));
    await this.#conclude(utterance, hear);
  }

  #send(event: RedecodeEvent): void {
    if (this.#closed) return;
    const { state, effects } = step(this.#redecode, event, performance.now());
    this.#redecode = state;
    for (const effect of effects) {
      if (effect.type === 'stop') {
        this.#decode?.abort(new SpeechError('cancelled', 'Its result is no longer wanted.'));
        this.#decode = undefined;
        continue;
      }
      const utterance = this.#unsettled.find(({ number }) => number === effect.utterance);
      if (utterance !== undefined) void this.#redo(utterance, effect.kind);
    }
  }

  async #redo(utterance: Utterance, kind: 'partial' | 'final'): Promise<void> {
    const { deps, caller, tape } = this.#options;
    const abort = new AbortController();
    this.#decode = abort;
    const hear = () => decode(deps, utterance, tape, kind, { caller, signal: abort.signal });
    if (kind === 'final') await this.#conclude(utterance, hear);
    else {
      try {
        const heard = await hear();
        if (!abort.signal.aborted) this.#partial(utterance, heard);
      } catch {
        // Partial text is extra: where there is no room for it now, the next attempt or the final text tells more.
      }
    }
    if (this.#decode !== abort) return;
    this.#decode = undefined;
    this.#send({ type: 'done' });
  }

  /** Settles an utterance with its final text. A recogniser that died gets all of its audio once more. */
  async #conclude(utterance: Utterance, hear: () => Promise<Recognised>): Promise<void> {
    let outcome: ListeningEvent;
    try {
      outcome = this.#final(utterance, await hear().catch((error) => this.#again(utterance, error, hear)));
    } catch (error) {
      outcome = { type: 'failed', utterance: utterance.number, error: SpeechError.from(error) };
    }
    if (utterance.outcome === undefined) this.#settle(utterance, outcome);
  }

  #again(utterance: Utterance, error: unknown, hear: () => Promise<Recognised>): Promise<Recognised> {
    const died = error instanceof SpeechError && error.code === 'engine_failed';
    if (!died || this.#closed || utterance.outcome !== undefined) throw error;
    return hear();
  }

  #partial(utterance: Utterance, { startMs, endMs, text, words }: Recognised): void {
    if (!utterance.options.partials || utterance.outcome !== undefined || this.#unsettled[0] !== utterance) return;
    const partial = utterance.partials.next(text);
    if (partial === undefined) return;
    const heard = { utterance: utterance.number, ...partial, startMs, endMs };
    this.#options.onEvent({ type: 'partial', ...heard, ...(words === undefined ? {} : { words }) });
  }

  #final(utterance: Utterance, heard: Recognised): ListeningEvent {
    const audioMs = toMs(utterance.to! - utterance.from);
    this.#options.deps.metrics.audioHeard({ model: utterance.model, durationMs: audioMs });
    const { number, continues } = utterance;
    return { type: 'final', utterance: number, ...heard, audioMs, continues };
  }

  #settle(utterance: Utterance, outcome: ListeningEvent | 'forgotten'): void {
    if (this.#closed) return;
    utterance.outcome = outcome;
    this.#tell();
  }

  /** Tells what has become of the oldest utterances. Of one that failed while it is still spoken, once it is over. */
  #tell(): void {
    for (let first = this.#unsettled[0]; first?.outcome !== undefined; first = this.#unsettled[0]) {
      if (first.to === undefined && first.outcome !== 'forgotten') break;
      this.#unsettled.shift();
      const { outcome, model } = first;
      this.#options.deps.metrics.utteranceEnded({
        model,
        outcome: outcome === 'forgotten' ? 'cleared' : outcome.type === 'failed' ? 'failed' : 'recognised',
      });
      if (outcome !== 'forgotten') this.#options.onEvent(outcome);
      if (this.#closed) return;
    }
    this.#options.onSettled();
    if (this.#unsettled.length === 0) this.#allSettled?.resolve();
  }
}

function listens({ options }: Utterance): boolean {
  return options.model.capabilities.listen !== undefined;
}
