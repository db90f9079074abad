import { setTimeout as sleep } from 'node:timers/promises';
import { abortError } from '../../../errors.ts';
import type { Watched, WatchRequest } from '../../contract.ts';
import { HEARING_RATE } from '../config.ts';
import { engineFailed } from '../errors.ts';
import type { Native, NativeVad } from '../native.ts';
import { Turns } from './turns.ts';

/** Silero judges windows of this many samples. */
export const WINDOW = 512;
/** The native side keeps the audio of a voice that goes on; after this much of it, it begins anew. */
const LONGEST_VOICE_WINDOWS = Math.floor((20 * HEARING_RATE) / WINDOW);
const BUFFER_SECONDS = 22;
/** Detectors that nobody uses are kept, because one takes 90 ms to make; each takes 9 MB. */
const KEPT = 32;
/** Between two that are made, others have their turn. */
const REST_MS = 20;
/** So that few detectors serve all, and none hears a voice always or never. */
const [LEAST, STEP, MOST] = [0.1, 0.1, 0.9];

/** Looks for voices in many streams at once. Each has a native detector of its own while it lasts. */
export class VoiceWatch {
  #native: Native;
  #config: { sileroVad: object };
  /** Used longest ago first. */
  #idle: { threshold: number; vad: NativeVad }[] = [];
  #makers = new Turns();

  constructor(native: Native, config: object) {
    this.#native = native;
    this.#config = config as { sileroVad: object };
  }

  async *watch(
    request: WatchRequest,
    audio: AsyncIterable<Float32Array>,
    signal: AbortSignal,
  ): AsyncGenerator<Watched, void> {
    const threshold = Math.min(MOST, Math.max(LEAST, Math.round(request.threshold / STEP) * STEP));
    const vad = await this.#take(threshold, signal);
    try {
      yield { windowSamples: WINDOW, voices: [] };
      const windows = new Windows();
      let voicedWindows = 0;
      const judge = (window: Float32Array): boolean => {
        const voice = hearsVoice(vad, window);
        voicedWindows = voice ? voicedWindows + 1 : 0;
        if (voicedWindows === LONGEST_VOICE_WINDOWS) {
          vad.reset();
          voicedWindows = 0;
        }
        return voice;
      };
      for await (const pcm of audio) {
        const voices = windows.push(pcm).map(judge);
        if (voices.length > 0) yield { windowSamples: WINDOW, voices };
        if (signal.aborted) break;
      }
      if (signal.aborted) throw abortError(signal);
      const last = windows.rest();
      if (last !== undefined) yield { windowSamples: WINDOW, voices: [judge(last)] };
    } finally {
      this.#giveBack(threshold, vad);
    }
  }

  async #take(threshold: number, signal: AbortSignal): Promise<NativeVad> {
    const kept = this.#kept(threshold);
    if (kept !== undefined) return kept;
    return await this.#makers.take(async () => {
      if (signal.aborted) throw abortError(signal);
      const freed = this.#kept(threshold);
      if (freed !== undefined) return freed;
      try {
        const sileroVad = { ...this.#config.sileroVad, threshold, minSilenceDuration: 0, minSpeechDuration: 0 };
        return new this.#native.Vad({ ...this.#config, sileroVad }, BUFFER_SECONDS);
      } catch (thrown) {
        throw engineFailed(thrown);
      } finally {
        await sleep(REST_MS);
      }
    });
  }

  #kept(threshold: number): NativeVad | undefined {
    const at = this.#idle.findLastIndex((each) => each.threshold === threshold);
    return at === -1 ? undefined : this.#idle.splice(at, 1)[0]!.vad;
  }

  #giveBack(threshold: number, vad: NativeVad): void {
    vad.reset();
    this.#idle.push({ threshold, vad });
    if (this.#idle.length > KEPT) this.#idle.shift();
  }
}

/** One window's verdict; what the native side collects for whoever wants the audio is dropped. */
function hearsVoice(vad: NativeVad, window: Float32Array): boolean {
  try {
    vad.acceptWaveform(window);
    const voice = vad.isDetected();
    while (!vad.isEmpty()) vad.pop();
    return voice;
  } catch (thrown) {
    throw engineFailed(thrown);
  }
}

/** Cuts audio in pieces of any length into whole windows. */
class Windows {
  #begun = new Float32Array(WINDOW);
  #length = 0;

  push(pcm: Float32Array): Float32Array[] {
    const windows: Float32Array[] = [];
    for (let at = 0; at < pcm.length; ) {
      const part = pcm.subarray(at, at + WINDOW - this.#length);
      at += part.length;
      if (part.length === WINDOW) {
        windows.push(part);
        continue;
      }
      this.#begun.set(part, this.#length);
      this.#length += part.length;
      if (this.#length < WINDOW) continue;
      windows.push(this.#begun);
      this.#begun = new Float32Array(WINDOW);
      this.#length = 0;
    }
    return windows;
  }

  /** What is left, with silence behind it. */
  rest(): Float32Array | undefined {
    return this.#length === 0 ? undefined : this.#begun.fill(0, this.#length);
  }
}
