import type {
  Capabilities,
  Denoised,
  DiarizeRequest,
  Hearing,
  ListenRequest,
  RecognisedSegment,
  SoundRequest,
  SpeakChunk,
  SpeakerSpan,
  SpeakRequest,
  SpeechSpan,
  TranscribeRequest,
  Watched,
  WatchRequest,
} from '../engines/contract.ts';

/** What can be asked of a model, with the type of the request and of each message that answers it. */
export interface Operations {
  speak: { request: SpeakRequest; message: SpeakChunk };
  transcribe: { request: TranscribeRequest; message: RecognisedSegment };
  listen: { request: ListenRequest; message: Hearing };
  watchSpeech: { request: WatchRequest; message: Watched };
  denoiseLive: { request: Record<string, never>; message: Denoised };
  // Each of these answers with one message.
  detectSpeech: { request: SoundRequest; message: { spans: SpeechSpan[] } };
  denoise: { request: SoundRequest; message: { pcm: Float32Array; sampleRate: number } };
  diarize: { request: DiarizeRequest; message: { spans: SpeakerSpan[] } };
  embedSpeaker: { request: SoundRequest; message: { vector: Float32Array } };
  punctuate: { request: { text: string }; message: { text: string } };
  identifyLanguage: { request: SoundRequest; message: { language?: string } };
  judgeTurn: { request: SoundRequest; message: { ended: number } };
}
export type Operation = keyof Operations;

/**
 * What is being said, while it is said: mono PCM at 16 000 Hz in pieces of any length, each left alone once given. It is
 * read as it comes, from when the call holds its slot; `return` is called once the call has ended for any reason. What
 * it throws ends the call.
 */
export type AudioInput = AsyncIterable<Float32Array>;
/** The further argument of operations that take audio while they work. */
export type InputOf<O extends Operation> = O extends 'listen' | 'watchSpeech' | 'denoiseLive'
  ? [input: AudioInput]
  : [];

/** One call on one worker. The same shape reaches a child process, a tunnel or a cluster. */
export interface WorkerCall<O extends Operation = Operation> {
  /** Unique per attempt; names the attempt in logs. */
  id: string;
  operation: O;
  /** Catalogue id. */
  model: string;
  request: Operations[O]['request'];
  /** Of `listen`, `watchSpeech` and `denoiseLive` only. */
  input?: AudioInput;
  /** Milliseconds this attempt may take before the worker ends it with `deadline_exceeded`. */
  timeoutMs: number;
  signal: AbortSignal;
  /** A process died under the first attempt: this one shares its process with no other call, so that it harms none. */
  retry: boolean;
  /**
   * Called once, when the call no longer holds its slot, though messages may still wait for their reader: with the
   * time the work took where it was done in full, else without.
   */
  released: (workMs?: number) => void;
}

export type WorkerModelState = 'available' | 'loading' | 'loaded' | 'unloading' | 'quarantined' | 'unavailable';

export interface WorkerModelStatus {
  id: string;
  state: WorkerModelState;
  /** Why it is quarantined or unavailable. */
  reason?: string;
  /** Calls it would take at once when fully grown. */
  slots: number;
  busy: number;
  /** Engine processes that hold it now. */
  processes: number;
  /** Resident memory of those processes. */
  memoryBytes: number;
  /** How long the last load took, in ms; absent before the first. */
  loadMs?: number;
}

/** Whoever does the work. Nothing above `workers/` knows where one runs. */
export interface Worker {
  readonly id: string;
  models(): readonly WorkerModelStatus[];
  /** One model of that list, cheap enough to ask for every call. */
  status(model: string): WorkerModelStatus | undefined;
  capabilities(model: string): Capabilities | undefined;
  /**
   * Starts the call at once; the caller has checked that a slot is free. Ends with SpeechError: `engine_failed` when
   * the process died, `model_unavailable` when the model cannot load, `deadline_exceeded`, `overloaded` when it hears
   * its input too slowly, or the signal's reason.
   * Returning from the iteration early cancels the call.
   */
  call<O extends Operation>(call: WorkerCall<O>): AsyncIterable<Operations[O]['message']>;
  /** Loads the model, also one that is quarantined. Rejects with `model_unavailable`. */
  load(model: string): Promise<void>;
  /** Lets running calls finish, then gives the memory back. */
  unload(model: string): Promise<void>;
  /** Tells of a freed slot or a changed state of a model. Returns the way to stop listening. */
  onChange(listener: (model: string) => void): () => void;
  /** Ends every call with `shutting_down` and every process. */
  close(): Promise<void>;
}

/** Someone waits for the first sound or word, or nobody does. */
export type Lane = 'interactive' | 'batch';

/** Who asks, how urgent it is and how long it may take. */
export interface CallContext {
  requestId: string;
  /** Whose fair share the call counts against: an API key's id. */
  caller: string;
  lane: Lane;
  /** For the whole call with its waiting and retries, in milliseconds. */
  timeoutMs: number;
  signal: AbortSignal;
  /**
   * A further part of a request whose first call was admitted. It is not refused for a full queue, a long wait or a
   * drain: what has begun is finished before anything new begins.
   */
  continues?: boolean;
  /**
   * Size of the work: characters to speak, or milliseconds of audio to hear. Used to predict waiting time. A call
   * with an input has none: it takes as long as somebody speaks, which says nothing about the model.
   */
  cost: number;
}
