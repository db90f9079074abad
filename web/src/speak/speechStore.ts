import type { Api } from '../api/client.ts';
import { type ApiError, asApiError, isAbort } from '../api/errors.ts';
import type { SpeechRequest } from '../api/types.ts';
import { playableAudio, savedAudio } from '../audio/containers.ts';
import { LiveSource } from '../audio/liveSource.ts';
import { AudioPlayer } from '../audio/player.ts';
import { nameFor } from '../lib/fileName.ts';
import { Store } from '../lib/store.ts';

export type SpeechPhase = 'idle' | 'waiting' | 'arriving' | 'complete' | 'cancelled' | 'failed';

interface SpeechState {
  phase: SpeechPhase;
  /** From asking to the first sound in the loudspeaker, in milliseconds. */
  firstAudioMs: number | null;
  receivedBytes: number;
  error: ApiError | null;
  /** The complete audio as it came. */
  saved: { audio: Blob; name: string } | null;
}

const IDLE: SpeechState = { phase: 'idle', firstAudioMs: null, receivedBytes: 0, error: null, saved: null };

/** Formats a browser may be able to play while they arrive, and what it calls them. */
const LIVE_TYPES: Record<string, string> = { mp3: 'audio/mpeg' };

/** One piece of speech at a time: asking for it, playing it as it arrives, and keeping it until the next. */
export class SpeechStore extends Store<SpeechState> {
  readonly player = new AudioPlayer();
  /** Of the run in flight. A run that finds another one here was replaced and has nothing to say any more. */
  #abort: AbortController | null = null;

  constructor() {
    super(IDLE);
  }

  async speak(api: Api, request: SpeechRequest): Promise<void> {
    this.cancel();
    this.player.clear();
    this.update({ ...IDLE, phase: 'waiting' });
    const abort = new AbortController();
    this.#abort = abort;
    const started = performance.now();
    const onSound = (): void => this.update({ firstAudioMs: performance.now() - started });

    const format = request.response_format;
    const liveType = LIVE_TYPES[format];
    const live =
      liveType !== undefined && LiveSource.supports(liveType) ? this.player.loadLive(liveType, onSound) : null;
    const pieces: Uint8Array<ArrayBuffer>[] = [];
    try {
      for await (const piece of api.speak(request, abort.signal)) {
        if (this.#abort !== abort) return;
        pieces.push(piece);
        live?.append(piece);
        this.update({ phase: 'arriving', receivedBytes: this.state.receivedBytes + piece.length });
      }
      if (this.#abort !== abort) return;
      const saved = { audio: savedAudio(format, pieces), name: nameFor(request.input, format) };
      this.update({ phase: 'complete', saved });
      const playable = playableAudio(format, pieces);
      if (live === null) {
        this.player.load(playable);
        await this.player.play(onSound);
      } else {
        this.player.completeLive(playable);
      }
    } catch (thrown) {
      if (this.#abort !== abort) return;
      this.player.clear();
      if (isAbort(thrown)) this.update({ ...IDLE, phase: 'cancelled' });
      else this.update({ ...IDLE, phase: 'failed', error: asApiError(thrown) });
    } finally {
      if (this.#abort === abort) this.#abort = null;
    }
  }

  /** Ends the request in flight; without one nothing happens. */
  cancel(): void {
    this.#abort?.abort();
  }

  /** What went wrong has been read. */
  dismissError(): void {
    if (this.state.phase === 'failed') this.update(IDLE);
  }

  /** Ends everything and forgets the audio. */
  clear(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.player.clear();
    this.update(IDLE);
  }
}
