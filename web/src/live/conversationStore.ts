import type { Api } from '../api/client.ts';
import { Store } from '../lib/store.ts';
import type { CallPhase } from './captionStore.ts';
import type { Closing } from './closing.ts';
import {
  type Dialogue,
  NO_DIALOGUE,
  saidIn,
  withoutLine,
  withRealtimeEvent,
  withSilence,
  withSound,
} from './dialogue.ts';
import { LevelStore } from './level.ts';
import { LiveCall } from './liveCall.ts';
import { Loudspeaker } from './loudspeaker.ts';
import { fromBase64, fromS16le, toBase64, toS16le } from './pcm.ts';
import { Resampler } from './resampler.ts';

export interface ConversationState {
  phase: CallPhase;
  dialogue: Dialogue;
  problem: Closing | null;
}

export interface ConversationOptions {
  api: Api;
  needsTicket: boolean;
  device: string | null;
  model: string;
  language: string | null;
  voice: string;
  instructions: string;
  pauseMs: number;
}

/** Of `audio/pcm` in the Realtime protocol. */
const WIRE_RATE = 24_000;
/** Turns that a new line is told about, so that the conversation goes on. */
const REMEMBERED_TURNS = 40;

/** A conversation with the server's language model, over `WS /v1/realtime`. A new line goes on behind the last. */
export class ConversationStore extends Store<ConversationState> {
  readonly level = new LevelStore();
  #call: LiveCall | null = null;

  constructor() {
    super({ phase: 'idle', dialogue: NO_DIALOGUE, problem: null });
  }

  start(options: ConversationOptions): void {
    if (this.#call !== null) return;
    const { api, needsTicket, device, pauseMs } = options;
    this.update({ phase: 'asking', problem: null });
    let resampler: Resampler | null = null;
    let loudspeaker: Loudspeaker | null = null;
    /** Answers that were spoken into, or grew too long: what still comes of them is not played. */
    const cut = new Set<string>();
    const send = (event: object): void => call.send(JSON.stringify(event));
    const call: LiveCall = new LiveCall({
      ...{ api, needsTicket, path: 'v1/realtime', protocols: ['realtime'] },
      microphone: { device, cancelEcho: true },
      query: () => ({ model: 'conversation' }),
      handlers: {
        onMicrophone: async ({ context, sampleRate }) => {
          resampler = new Resampler(sampleRate, WIRE_RATE);
          loudspeaker = await Loudspeaker.open(context, WIRE_RATE, {
            onStarted: (item, at) => this.#show(withSound(this.state.dialogue, item, at)),
            onFinished: () => this.#show(withSilence(this.state.dialogue)),
            onCut: (heard) => {
              for (const { item, ms } of heard) {
                send({
                  type: 'conversation.item.truncate',
                  ...{ item_id: item, content_index: 0, audio_end_ms: Math.floor(ms) },
                });
                send({ type: 'conversation.item.retrieve', item_id: item });
              }
            },
          });
          if (this.#call === call) this.update({ phase: 'connecting' });
        },
        onOpen: () => {
          send({ type: 'session.update', session: sessionOf(options) });
          for (const item of this.#remembered()) send({ type: 'conversation.item.create', item });
          this.update({ phase: 'live' });
        },
        onFrame: (frame) => {
          const samples = resampler?.push(frame);
          if (samples === undefined || samples.length === 0) return;
          send({ type: 'input_audio_buffer.append', audio: toBase64(toS16le(samples)) });
        },
        onSound: (frame) => this.level.hear(frame),
        onEvent: (event) => {
          const now = performance.now();
          const line = { now, pauseMs, timeOf: (ms: number) => call.clock.timeOf(ms) };
          this.#show(withRealtimeEvent(this.state.dialogue, event, line));
          this.#play(event, loudspeaker, cut, send);
        },
        onLost: (why) => call.hangUp(why),
        onEnd: (why) => {
          this.#call = null;
          this.level.clear();
          const dialogue = withoutLine(this.state.dialogue);
          this.update({ phase: 'idle', dialogue, problem: why ?? this.state.problem });
        },
      },
    });
    this.#call = call;
  }

  /** Gives the microphone back, and is silent. */
  stop(): void {
    this.#call?.hangUp();
  }

  /** Ends everything and forgets what was said. */
  clear(): void {
    this.stop();
    this.update({ dialogue: NO_DIALOGUE, problem: null });
  }

  #play(
    event: Record<string, unknown>,
    loudspeaker: Loudspeaker | null,
    cut: Set<string>,
    send: (event: object) => void,
  ): void {
    const item = typeof event.item_id === 'string' ? event.item_id : '';
    switch (event.type) {
      case 'input_audio_buffer.speech_started':
        // Whoever speaks is not spoken over.
        cut.clear();
        for (const { id, speaker } of this.state.dialogue.turns) if (speaker === 'server') cut.add(id);
        loudspeaker?.cut();
        return;
      case 'response.output_audio.delta':
        if (cut.has(item) || typeof event.delta !== 'string') return;
        if (loudspeaker?.push(item, fromS16le(fromBase64(event.delta))) !== false) return;
        cut.add(item);
        loudspeaker.complete(item);
        send({ type: 'response.cancel' });
        this.update({ problem: { title: 'The answer was too long', text: 'It is played as far as it was kept.' } });
        return;
      case 'response.output_audio.done':
        loudspeaker?.complete(item);
        return;
      case 'error': {
        const { message, code } = (event.error ?? {}) as { message?: unknown; code?: unknown };
        // Where an answer ends while it is being cut off, the one has nothing to cancel and the other nothing to cut.
        if (code === 'response_cancel_not_active' || typeof message !== 'string') return;
        this.update({ problem: { title: 'The server could not do that', text: message } });
      }
    }
  }

  /** What was said on the lines before, as items of a new conversation. */
  #remembered(): object[] {
    return this.state.dialogue.turns
      .filter((turn) => saidIn(turn) !== '')
      .slice(-REMEMBERED_TURNS)
      .map((turn) => ({
        type: 'message',
        ...(turn.speaker === 'you'
          ? { role: 'user', content: [{ type: 'input_text', text: saidIn(turn) }] }
          : { role: 'assistant', content: [{ type: 'output_text', text: saidIn(turn) }] }),
      }));
  }

  #show(dialogue: Dialogue): void {
    if (dialogue !== this.state.dialogue) this.update({ dialogue });
  }
}

function sessionOf({ model, language, voice, instructions, pauseMs }: ConversationOptions): object {
  return {
    type: 'realtime',
    instructions,
    audio: {
      input: {
        format: { type: 'audio/pcm', rate: WIRE_RATE },
        transcription: { model, ...(language !== null && { language }) },
        turn_detection: { type: 'server_vad', silence_duration_ms: pauseMs },
      },
      output: { format: { type: 'audio/pcm', rate: WIRE_RATE }, voice },
    },
  };
}
