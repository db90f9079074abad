import type { SileroWatch, SileroWatchOptions } from './silero-watch.ts';
import type { VoiceActivity } from './voice-activity.ts';

/** How long a frame may wait for its verdict, besides a part of the audio before it: what comes at once takes longer. */
const LAG_MS = 2000;
const LAG_PART = 0.25;
const SAMPLES_PER_MS = 16;

export type OpenWatch = (
  options: Pick<SileroWatchOptions, 'threshold' | 'onVerdict' | 'onTold' | 'onEnd'>,
) => SileroWatch | undefined;

export interface FrameJudgeOptions {
  /** Judges at once; also where the model does not. */
  own: VoiceActivity;
  /** Opens a stream to the model; undefined where there is none, or it has no room. */
  watch: OpenWatch | undefined;
  /** Gets every frame once, in their order, while methods run or later. */
  onFrame: (frame: Float32Array, voice: boolean) => void;
  /** Some frames were judged later, and no more are right now. */
  onFrames: () => void;
  /** The model is given up for the rest of the session. */
  onFallback: (reason: string) => void;
}

interface Waiting {
  frame: Float32Array;
  /** Where it ends in what the watch was given. */
  until: number;
  /** Set once it can be judged: the audio after it may come much later. */
  dueAt: number | undefined;
}

/**
 * Finds out for each frame of a session whether there is a voice in it: by the detector in this process, or by a model
 * in another one that is asked only while voices decide about turns. Then frames wait for their verdict, so that what
 * follows from it does not depend on when it comes. A model that fails or falls behind is done without.
 */
export class FrameJudge {
  readonly #options: FrameJudgeOptions;
  #openWatch: OpenWatch | undefined;
  #watch: SileroWatch | undefined;
  #threshold: number | undefined;
  #waiting: Waiting[] = [];
  #waitingSamples = 0;
  #timer: NodeJS.Timeout | undefined;
  #finished: PromiseWithResolvers<void> | undefined;
  #closed = false;

  constructor(options: FrameJudgeOptions) {
    this.#options = options;
    this.#openWatch = options.watch;
  }

  get frameSamples(): number {
    return this.#options.own.frameSamples;
  }

  /** Audio of the frames that wait. */
  get waitingMs(): number {
    return this.#waitingSamples / SAMPLES_PER_MS;
  }

  /** From the next frame on: 0 to 1, or undefined where no turns depend on voices. Not while frames wait. */
  setThreshold(threshold: number | undefined): void {
    if (threshold !== undefined) this.#options.own.setThreshold(threshold);
    if (threshold === this.#threshold) return;
    this.#threshold = threshold;
    this.#dropWatch();
  }

  /** Of `frameSamples`, or shorter where audio was cut there. */
  judge(frame: Float32Array): void {
    const watch = this.#currentWatch();
    if (watch === undefined) {
      this.#options.onFrame(frame, this.#ownVerdict(frame));
      return;
    }
    watch.give(frame);
    this.#waiting.push({ frame, until: watch.given, dueAt: undefined });
    this.#waitingSamples += frame.length;
    this.#setDue(watch);
    this.#setTimer(LAG_MS);
  }

  /** Judges here and now what waits, for whoever cannot wait. */
  judgeWaiting(): void {
    while (this.#waiting.length > 0) this.#tell((frame) => this.#ownVerdict(frame));
    this.#finished?.resolve();
  }

  /** No more frames come. Resolves when none waits. */
  async finish(): Promise<void> {
    if (this.#waiting.length === 0 || this.#closed) return;
    this.#finished = Promise.withResolvers();
    this.#watch?.end();
    if (this.#watch !== undefined) this.#setDue(this.#watch);
    await this.#finished.promise;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#dropWatch();
    clearTimeout(this.#timer);
    this.#waiting = [];
    this.#waitingSamples = 0;
    this.#finished?.resolve();
    this.#options.own.close();
  }

  /** Not opened before there is audio: whoever only listens to silence on the wire needs none. */
  #currentWatch(): SileroWatch | undefined {
    if (this.#watch !== undefined || this.#threshold === undefined || this.#openWatch === undefined) return this.#watch;
    this.#watch = this.#openWatch({
      threshold: this.#threshold,
      onVerdict: (before, voice) => {
        while (this.#waiting.length > 0 && this.#waiting[0]!.until <= before) this.#tell(() => voice);
      },
      onTold: () => this.#told(),
      onEnd: (error) => this.#fallBack(error?.code ?? 'it ended'),
    });
    if (this.#watch === undefined) this.#giveUp('it has no room');
    return this.#watch;
  }

  #tell(verdict: (frame: Float32Array) => boolean): void {
    const { frame } = this.#waiting.shift()!;
    this.#waitingSamples -= frame.length;
    this.#options.onFrame(frame, verdict(frame));
  }

  #told(): void {
    if (this.#closed) return;
    this.#options.onFrames();
    if (this.#waiting.length === 0) this.#finished?.resolve();
  }

  #ownVerdict(frame: Float32Array): boolean {
    const { own } = this.#options;
    if (frame.length === own.frameSamples) return own.hearsVoice(frame);
    const whole = new Float32Array(own.frameSamples);
    whole.set(frame);
    return own.hearsVoice(whole);
  }

  #fallBack(reason: string): void {
    // After the end of a session there is nothing left to judge.
    if (this.#finished === undefined || this.#waiting.length > 0) this.#giveUp(reason);
    this.judgeWaiting();
    this.#told();
  }

  #giveUp(reason: string): void {
    this.#openWatch = undefined;
    this.#dropWatch();
    this.#options.onFallback(reason);
  }

  #dropWatch(): void {
    this.#watch?.close();
    this.#watch = undefined;
  }

  /** Of the last frames, which are those that could not be judged before. */
  #setDue({ judgeable }: SileroWatch): void {
    const dueAt = performance.now() + LAG_MS + LAG_PART * this.waitingMs;
    for (let at = this.#waiting.length - 1; at >= 0 && this.#waiting[at]!.dueAt === undefined; at--) {
      if (this.#waiting[at]!.until <= judgeable) this.#waiting[at]!.dueAt = dueAt;
    }
  }

  /** One timer that is early is cheaper than a new one with each frame. */
  #setTimer(inMs: number): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined;
      const first = this.#waiting[0];
      if (first === undefined) return;
      const leftMs = (first.dueAt ?? Number.POSITIVE_INFINITY) - performance.now();
      if (leftMs <= 0) this.#fallBack('it is too slow');
      else this.#setTimer(Math.min(leftMs, LAG_MS));
    }, inMs);
  }
}
