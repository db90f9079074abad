import { LiveBench } from '../live/liveBench.ts';
import { ModelDesk } from '../models/modelDesk.ts';
import { DraftStore } from '../speak/draft.ts';
import { SpeechStore } from '../speak/speechStore.ts';
import { Recorder } from '../transcribe/recorder.ts';
import { TranscriptionStore } from '../transcribe/transcriptionStore.ts';

/** What the user is working on. It stays while pages change and while a key is entered again. */
export const workbench = {
  draft: new DraftStore(),
  speech: new SpeechStore(),
  recorder: new Recorder(),
  transcription: new TranscriptionStore(),
  live: new LiveBench(),
  models: new ModelDesk(),

  /** Puts everything away: the next person at this tab finds nothing. */
  clear(): void {
    this.draft.clear();
    this.speech.clear();
    this.recorder.cancel();
    this.transcription.clear();
    this.live.clear();
    this.models.clear();
  },
};
