import type { Api } from '../api/client.ts';
import { Store } from '../lib/store.ts';
import { type Captions, NO_CAPTIONS, withCaptionEvent, withoutHope } from './captions.ts';
import type { Closing } from './closing.ts';
import { LevelStore } from './level.ts';
import { LiveCall } from './liveCall.ts';
import { toS16le } from './pcm.ts';

export type CallPhase = 'idle' | 'asking' | 'connecting' | 'live' | 'ending';

export interface CaptionState {
  phase: CallPhase;
  captions: Captions;
  /** The recogniser of the last line. */
  model: string;
  /** Why the last line ended, or what the server could not do; null where there is nothing to say. */
  problem: Closing | null;
}

export interface CaptionOptions {
  api: Api;
  needsTicket: boolean;
  device: string | null;
  model: string;
  language: string | null;
  pauseMs: number;
}

/** Captions as somebody speaks, over `WS /v1/audio/stream`. A new line goes on behind the last. */
export class CaptionStore extends Store<CaptionState> {
  readonly level = new LevelStore();
  #call: LiveCall | null = null;
  #session = 0;
  /** Seconds of sound on the lines before this one. */
  #offset = 0;

  constructor() {
    super({ phase: 'idle', captions: NO_CAPTIONS, model: '', problem: null });
  }

  start({ api, needsTicket, device, model, language, pauseMs }: CaptionOptions): void {
    if (this.#call !== null) return;
    const session = ++this.#session;
    this.update({ phase: 'asking', model, problem: null });
    const call: LiveCall = new LiveCall({
      ...{ api, needsTicket, path: 'v1/audio/stream', protocols: [] },
      // There is nothing to hear of oneself.
      microphone: { device, cancelEcho: false },
      query: (sampleRate) => ({
        model,
        ...(language !== null && { language }),
        ...{ sample_rate: String(sampleRate), vad: 'true', endpointing: String(pauseMs), words: 'false' },
      }),
      handlers: {
        onMicrophone: () => this.update({ phase: 'connecting' }),
        onOpen: () => this.update({ phase: 'live' }),
        onFrame: (frame) => call.send(toS16le(frame)),
        onSound: (frame) => this.level.hear(frame),
        onEvent: (event) => {
          if (event.type === 'error' && typeof event.message === 'string') {
            this.update({ problem: { title: 'Something was not heard', text: event.message } });
          }
          const now = performance.now();
          const line = { session, offset: this.#offset, now, pauseMs, timeOf: (ms: number) => call.clock.timeOf(ms) };
          this.update({ captions: withCaptionEvent(this.state.captions, event, line) });
        },
        onLost: (why) => {
          this.update({ problem: why });
          this.stop();
        },
        onEnd: (why) => {
          this.#call = null;
          this.#offset += call.heardMs / 1000;
          this.level.clear();
          const { captions, problem } = this.state;
          this.update({ phase: 'idle', captions: withoutHope(captions), problem: why ?? problem });
        },
      },
    });
    this.#call = call;
  }

  /** Gives the microphone back; what was said until now is still recognised. */
  stop(): void {
    if (this.#call === null) return;
    this.update({ phase: 'ending' });
    this.level.clear();
    this.#call.send(JSON.stringify({ type: 'stop' }));
    this.#call.finish();
  }

  /** Ends everything and forgets what was said. */
  clear(): void {
    this.#call?.hangUp();
    this.#offset = 0;
    this.update({ captions: NO_CAPTIONS, problem: null });
  }
}
