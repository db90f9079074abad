import type { Api } from '../api/client.ts';
import { type ApiError, asApiError, isAbort } from '../api/errors.ts';
import type { TranscriptSegment } from '../api/transcriptEvents.ts';
import { AudioPlayer } from '../audio/player.ts';
import { Store } from '../lib/store.ts';
import type { Transcript } from './transcript.ts';

export interface Recording {
  audio: Blob;
  name: string;
}

interface TranscriptionState {
  recording: Recording | null;
  phase: 'idle' | 'working' | 'complete' | 'cancelled' | 'failed';
  /** What has been recognised so far. */
  text: string;
  segments: TranscriptSegment[];
  transcript: Transcript | null;
  /** From sending to the last word, in milliseconds. */
  tookMs: number | null;
  error: ApiError | null;
}

const NOTHING = { phase: 'idle', text: '', segments: [], transcript: null, tookMs: null, error: null } as const;

/** One recording at a time: choosing it, listening to it, and reading it as it is recognised. */
export class TranscriptionStore extends Store<TranscriptionState> {
  readonly player = new AudioPlayer();
  /** Of the run in flight. A run that finds another one here was replaced and has nothing to say any more. */
  #abort: AbortController | null = null;

  constructor() {
    super({ ...NOTHING, segments: [], recording: null });
  }

  choose(recording: Recording): void {
    this.clear();
    this.player.load(recording.audio);
    this.update({ recording });
  }

  /** Transcribes the chosen recording. `language` is a BCP 47 tag, null to have it found. */
  async transcribe(api: Api, model: string, language: string | null): Promise<void> {
    const { recording } = this.state;
    if (recording === null) return;
    this.cancel();
    const abort = new AbortController();
    this.#abort = abort;
    this.update({ ...NOTHING, segments: [], phase: 'working' });
    const started = performance.now();
    try {
      const request = { model, file: recording.audio, fileName: recording.name };
      const events = api.transcribe(language === null ? request : { ...request, language }, abort.signal);
      let done = { text: '', language: null as string | null, duration: null as number | null };
      for await (const event of events) {
        if (this.#abort !== abort) return;
        if (event.type === 'delta') this.update({ text: this.state.text + event.text });
        else if (event.type === 'segment') this.update({ segments: [...this.state.segments, event.segment] });
        else done = event;
      }
      if (this.#abort !== abort) return;
      const transcript: Transcript = {
        text: done.text === '' ? this.state.text : done.text,
        segments: this.state.segments,
        model,
        language: done.language ?? language,
        duration: done.duration,
      };
      this.update({ phase: 'complete', transcript, tookMs: performance.now() - started });
    } catch (thrown) {
      if (this.#abort !== abort) return;
      if (isAbort(thrown)) this.update({ phase: 'cancelled' });
      else this.update({ phase: 'failed', error: asApiError(thrown) });
    } finally {
      if (this.#abort === abort) this.#abort = null;
    }
  }

  cancel(): void {
    this.#abort?.abort();
  }

  /** Ends everything and forgets the recording and its text. */
  clear(): void {
    this.#abort?.abort();
    this.#abort = null;
    this.player.clear();
    this.update({ ...NOTHING, segments: [], recording: null });
  }
}
