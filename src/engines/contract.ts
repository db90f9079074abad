/**
 * What an engine is. An engine turns text into PCM or PCM into text and knows nothing of HTTP, callers or queues.
 * Audio is mono float32 in [-1, 1] with its sample rate. Times are milliseconds. Every ability takes an AbortSignal
 * and stops soon after it fires.
 */

/** A model whose files have been verified, ready for an engine to open. */
export interface OpenModel {
  id: string;
  engine: string;
  family: string;
  /** Absolute folder that holds the verified files; empty for engines that carry their own data. */
  folder: string;
  /** Role to absolute path, from the manifest. */
  assets: Readonly<Record<string, string>>;
  options: Readonly<Record<string, string | number | boolean>>;
  languages: readonly string[];
  voices: readonly Voice[];
  sampleRate?: number;
}

export interface Voice {
  id: string;
  name: string;
  /** BCP 47. */
  language: string;
  gender?: 'female' | 'male' | 'neutral' | undefined;
  /** The engine's own handle, for example a speaker number. */
  speaker?: string | number | undefined;
}

/** What a model can do, as data: the API validates requests against it and answers 400 for the rest. */
export interface Capabilities {
  speak?: SpeakCapability;
  transcribe?: TranscribeCapability;
  listen?: ListenCapability;
  detectSpeech?: true;
  watchSpeech?: true;
  denoise?: true;
  denoiseLive?: DenoiseLiveCapability;
  diarize?: true;
  embedSpeaker?: EmbedSpeakerCapability;
  punctuate?: PunctuateCapability;
  identifyLanguage?: true;
  judgeTurn?: true;
}

export interface SpeakCapability {
  voices: readonly Voice[];
  languages: readonly string[];
  /** Of the PCM it yields, in Hz. */
  sampleRate: number;
  /** Range of `speed`; null where the engine cannot change it. */
  speed: { min: number; max: number } | null;
  /** Range of `pitch` in semitones; null where it cannot. */
  pitch: { min: number; max: number } | null;
  /** Understands `phonemes` in this alphabet; null where it cannot. */
  phonemes: 'ipa' | null;
  instructions: boolean;
  wordMarks: boolean;
  /** Silence to put between sentences, for a voice that leaves none after its last clause. */
  sentencePauseMs?: number;
}

export interface TranscribeCapability {
  languages: readonly string[];
  /** True when the language may be left out and is found by the model. */
  detectsLanguage: boolean;
  wordTimes: boolean;
  confidence: boolean;
  /** Can translate into English. */
  translate: boolean;
  /** The longest audio one call may carry; longer recordings are cut at pauses first. */
  maxAudioMs: number;
}

/** Recognition of speech while it is being spoken. */
export interface ListenCapability {
  languages: readonly string[];
  detectsLanguage: boolean;
  wordTimes: boolean;
  confidence: boolean;
}

/** Taking noise out of speech while it is being spoken. */
export interface DenoiseLiveCapability {
  /** So many samples at 16 000 Hz it hears at most beyond those that it gives back. */
  delaySamples: number;
}

export interface EmbedSpeakerCapability {
  /** Cosine similarity from which two recordings count as one person's. */
  sameSpeaker: number;
}

export interface PunctuateCapability {
  languages: readonly string[];
}

export interface SpeakRequest {
  text: string;
  /** A voice id from the capability. */
  voice: string;
  /** 1 is the voice's own pace. */
  speed: number;
  /** Semitones up or down; 0 is the voice's own. */
  pitch?: number;
  /** When set, spoken instead of `text`, in the capability's alphabet. */
  phonemes?: string;
  instructions?: string;
}

export interface WordMark {
  /** Character range in the request's `text`, end exclusive. */
  from: number;
  to: number;
  /** From the start of this request's audio. */
  startMs: number;
  endMs: number;
}

export interface SpeakChunk {
  pcm: Float32Array;
  sampleRate: number;
  /** Words that begin in this chunk. */
  marks?: WordMark[];
}

export interface TranscribeRequest {
  /** Mono, 16 000 Hz. */
  pcm: Float32Array;
  /** BCP 47 hint. */
  language?: string;
  prompt?: string;
  /** 0 to 1. */
  temperature?: number;
  words?: boolean;
  task?: 'transcribe' | 'translate';
}

export interface RecognisedWord {
  word: string;
  startMs: number;
  endMs: number;
  /** 0 to 1, only where the engine measures it. */
  confidence?: number;
}

export interface RecognisedSegment {
  text: string;
  /** From the start of the request's audio. */
  startMs: number;
  endMs: number;
  language?: string;
  confidence?: number;
  words?: RecognisedWord[];
}

/** One utterance that is being spoken. */
export interface ListenRequest {
  /** BCP 47 hint. */
  language?: string;
  prompt?: string;
  words?: boolean;
  /** How many readings besides the best one are wanted. */
  alternatives?: number;
}

/** What has been heard of an utterance so far. Each replaces the one before. */
export interface Hearing {
  text: string;
  /** True for the last one, which comes when the audio has ended. */
  final: boolean;
  /** Of the speech in the utterance, from the start of its audio. */
  startMs: number;
  endMs: number;
  language?: string;
  confidence?: number;
  words?: RecognisedWord[];
  /** Other readings, best first. Only with `final`. */
  alternatives?: { text: string; confidence?: number }[];
}

/** A recording or a part of one: mono, 16 000 Hz. */
export interface SoundRequest {
  pcm: Float32Array;
}

/** From the start of the request's audio. */
export interface SpeechSpan {
  startMs: number;
  endMs: number;
}

/** Audio in which voices are looked for while it is being spoken. */
export interface WatchRequest {
  /** 0 to 1: how sure the model has to be. */
  threshold: number;
}

/** Whether there was a voice in each of the next windows of the audio. */
export interface Watched {
  windowSamples: number;
  voices: boolean[];
}

/** The next samples of a stream without their noise: mono, 16 000 Hz. */
export interface Denoised {
  pcm: Float32Array;
}

export interface DiarizeRequest extends SoundRequest {
  /** How many people speak, where somebody knows. */
  speakers?: number;
}

/** A stretch in which one person speaks. Those of different people may overlap. */
export interface SpeakerSpan extends SpeechSpan {
  /** From 0, the same number for the same person within one answer. */
  speaker: number;
}

/** A model in memory. It has only the abilities it really has. */
export interface LoadedModel {
  readonly capabilities: Capabilities;
  /** Requests it works on at the same time without slowing each other more than in proportion. */
  readonly concurrency: number;
  /** Processors that so many requests keep busy at most; as many as requests where left out. */
  readonly processors?: number;
  speak?(request: SpeakRequest, signal: AbortSignal): AsyncIterable<SpeakChunk>;
  transcribe?(request: TranscribeRequest, signal: AbortSignal): AsyncIterable<RecognisedSegment>;
  /**
   * Hears one utterance while it is spoken: `audio` is mono PCM at 16 000 Hz in pieces of any length, and its end is the
   * utterance's; it throws once the signal fires. Yields when the text has changed, and one `final` hearing at the end,
   * also for silence.
   */
  listen?(request: ListenRequest, audio: AsyncIterable<Float32Array>, signal: AbortSignal): AsyncIterable<Hearing>;
  /** Finds the stretches with a voice, in order and apart from each other. */
  detectSpeech?(request: SoundRequest, signal: AbortSignal): Promise<{ spans: SpeechSpan[] }>;
  /**
   * Looks for voices while somebody speaks: `audio` is as for `listen`. Its first message has no windows and says that
   * it watches; each piece of audio with whole windows is answered by one; a last window that is not whole is judged
   * with silence behind it.
   */
  watchSpeech?(request: WatchRequest, audio: AsyncIterable<Float32Array>, signal: AbortSignal): AsyncIterable<Watched>;
  /** Takes noise out of a recording; what comes back is as long as what was given. */
  denoise?(request: SoundRequest, signal: AbortSignal): Promise<{ pcm: Float32Array; sampleRate: number }>;
  /**
   * Takes noise out while somebody speaks: `audio` is as for `listen`. What comes back, in pieces of any length, is in
   * all as long as what was given, and each of its samples belongs to the one that was given in its place. None comes
   * later than `delaySamples` behind, and when the audio has ended all do.
   */
  denoiseLive?(audio: AsyncIterable<Float32Array>, signal: AbortSignal): AsyncIterable<Denoised>;
  /** Finds who speaks when, in the order of the starts. */
  diarize?(request: DiarizeRequest, signal: AbortSignal): Promise<{ spans: SpeakerSpan[] }>;
  /** Puts a voice into numbers: the smaller the angle between two vectors, the more alike two voices are. */
  embedSpeaker?(request: SoundRequest, signal: AbortSignal): Promise<{ vector: Float32Array }>;
  /** Adds punctuation marks to a text, and capitals where the model knows them. */
  punctuate?(request: { text: string }, signal: AbortSignal): Promise<{ text: string }>;
  /** The language that is spoken, BCP 47; none where the model names none. */
  identifyLanguage?(request: SoundRequest, signal: AbortSignal): Promise<{ language?: string }>;
  /** How likely it is that whoever spoke has finished, from 0 to 1; what matters is the end of `pcm`. */
  judgeTurn?(request: SoundRequest, signal: AbortSignal): Promise<{ ended: number }>;
  close(): Promise<void>;
}

export interface Availability {
  available: boolean;
  /** Why not, and the one line that mends it. */
  reason?: string;
  remedy?: string;
}

export interface Engine {
  readonly name: string;
  /** Loader names that manifests may use in `family`. */
  readonly families: readonly string[];
  /**
   * Whether this machine has what the engine needs; `options` are this machine's for its packaged models. Cheap: looks
   * for files, loads nothing.
   */
  availability(options: OpenModel['options']): Promise<Availability>;
  /** What the model will be able to do, known from its manifest before it is loaded. */
  describe(model: OpenModel): Capabilities;
  /** Folders and files outside the model's own folder that its process must be able to read. */
  readablePaths(model: OpenModel): readonly string[];
  /** Loads the model. Throws SpeechError `model_unavailable` with the reason. May also end the process: callers isolate it. */
  open(model: OpenModel, options: OpenOptions): Promise<LoadedModel>;
}

export interface OpenOptions {
  /** Threads the model may use for one request. */
  threads: number;
}
