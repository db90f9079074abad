import type { Capabilities, LoadedModel, SoundRequest, SpeechSpan, Watched, WatchRequest } from '../../contract.ts';
import { HEARING_RATE } from '../config.ts';
import { engineFailed } from '../errors.ts';
import type { Native, NativeVad } from '../native.ts';
import { slices } from './slices.ts';
import { Turns } from './turns.ts';
import { VoiceWatch, WINDOW } from './voice-watch.ts';

/** What the native side holds at most; a stretch of speech that goes on for longer comes in parts. */
const BUFFER_SECONDS = 120;
/** Spans that touch are one. */
const TOUCHING_MS = 1;

/** Finds voices in recordings, one after the other, and in what is being spoken, many at once. */
export class SherpaVoiceDetector implements LoadedModel {
  readonly capabilities: Capabilities;
  /**
   * One live stream takes 0.7 % of a core of the project's machine, and a detector of 9 MB. Recordings take turns,
   * a second of audio at a time, so that they hold no stream up.
   */
  readonly concurrency = 128;
  readonly #vad: NativeVad;
  readonly #turns = new Turns();
  readonly #watch: VoiceWatch;

  constructor(native: Native, config: object, capabilities: Capabilities) {
    this.capabilities = capabilities;
    this.#vad = new native.Vad(config, BUFFER_SECONDS);
    this.#watch = new VoiceWatch(native, config);
  }

  detectSpeech({ pcm }: SoundRequest, signal: AbortSignal): Promise<{ spans: SpeechSpan[] }> {
    return this.#turns.take(async () => ({ spans: await this.#detect(pcm, signal) }));
  }

  watchSpeech(request: WatchRequest, audio: AsyncIterable<Float32Array>, signal: AbortSignal): AsyncIterable<Watched> {
    return this.#watch.watch(request, audio, signal);
  }

  async #detect(pcm: Float32Array, signal: AbortSignal): Promise<SpeechSpan[]> {
    const spans: SpeechSpan[] = [];
    try {
      for await (const window of slices(pcm, WINDOW, HEARING_RATE, signal)) {
        this.#vad.acceptWaveform(window);
        this.#collect(spans, pcm.length);
      }
      this.#vad.flush();
      this.#collect(spans, pcm.length);
      return spans;
    } catch (thrown) {
      throw signal.aborted ? thrown : engineFailed(thrown);
    } finally {
      this.#vad.reset();
    }
  }

  #collect(spans: SpeechSpan[], length: number): void {
    const ms = (sample: number): number => Math.round((Math.min(length, Math.max(0, sample)) * 1000) / HEARING_RATE);
    for (; !this.#vad.isEmpty(); this.#vad.pop()) {
      const { start, samples } = this.#vad.front(false);
      const span = { startMs: ms(start), endMs: ms(start + samples.length) };
      const last = spans.at(-1);
      if (last !== undefined && span.startMs <= last.endMs + TOUCHING_MS) last.endMs = span.endMs;
      else spans.push(span);
    }
  }

  async close(): Promise<void> {}
}
