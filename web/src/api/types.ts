/** What the server says about itself and its models, as far as the page reads it. */

export interface Voice {
  id: string;
  name: string;
  /** BCP 47. */
  language: string;
  gender?: 'female' | 'male' | 'neutral' | null;
}

export interface SpeakAbility {
  voices: Voice[];
  /** Range of the speed factor; null where the voice has one pace only. */
  speed: { min: number; max: number } | null;
  instructions?: boolean;
  wordMarks?: boolean;
  sampleRate?: number;
}

export interface TranscribeAbility {
  /** BCP 47. */
  languages: string[];
  /** The language may be left out. */
  detectsLanguage: boolean;
  wordTimes: boolean;
  translate: boolean;
  confidence: boolean;
}

/** What a model hears while it is spoken. */
export interface ListenAbility {
  /** BCP 47. */
  languages: string[];
  detectsLanguage: boolean;
}

export interface Model {
  id: string;
  kind: 'tts' | 'stt';
  engine: string;
  languages: string[];
  aliases: string[];
  state: string;
  /** Why it cannot be used now, and the one line that mends it. */
  reason?: string | null;
  remedy?: string | null;
  speak?: SpeakAbility | null;
  transcribe?: TranscribeAbility | null;
  listen?: ListenAbility | null;
}

export interface Capabilities {
  version: string;
  auth: { required: boolean };
  /** By name: `upload_bytes`, `speech_input_chars`, `recording_ms`. */
  limits: Record<string, { value: number; unit: string; doc: string }>;
  formats: { speech: string[]; transcription: string[] };
  defaults: { tts: string | null; stt: string | null; voice: string | null };
  models: Model[];
  /** Whether a language model answers in conversations. */
  live: { conversation: boolean };
  /** What the operator should know, one sentence each. */
  notices: string[];
}

export interface ListedModel {
  id: string;
  /** Unix seconds. */
  created: number;
  owned_by: string;
}

export interface Readiness {
  status: 'ready' | 'not_ready';
  version: string;
}

/** Body of `POST /v1/audio/speech`. */
export interface SpeechRequest {
  model: string;
  input: string;
  voice: string;
  response_format: string;
  speed?: number;
  input_type?: 'text' | 'ssml';
}

/** What `POST /v1/audio/transcriptions` is asked for, besides the recording. */
export interface TranscriptionRequest {
  model: string;
  file: Blob;
  fileName: string;
  language?: string;
}
